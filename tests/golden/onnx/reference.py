"""ONNX tree ensembles read in plain Python: scores in onnxruntime's order, and exact Shapley values.

Written from the format alone and used only to check goldens. What stands before the trees is left to onnxruntime itself.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from shapley import EnumeratedModel, EnumeratedTree

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"]


class Tree(EnumeratedTree):
    """One tree; `left` is the branch taken where the node's condition holds."""

    def __init__(self, left, right, feature, modes, values, missing, weights):
        self.left, self.right, self.feature = np.array(left), np.array(right), np.array(feature)
        self.scale = 1.0
        self.modes, self.values, self.missing, self.weights = modes, values, missing, weights

    def goes_left(self, node, values):
        """Which of the `values` of the node's column fulfil its condition."""
        mode, threshold = self.modes[node], self.values[node]
        with np.errstate(invalid="ignore"):
            holds = {
                "BRANCH_LEQ": lambda: values <= threshold,
                "BRANCH_LT": lambda: values < threshold,
                "BRANCH_GTE": lambda: values >= threshold,
                "BRANCH_GT": lambda: values > threshold,
                "BRANCH_EQ": lambda: values == threshold,
                "BRANCH_NEQ": lambda: values != threshold,
                "BRANCH_MEMBER": lambda: np.isin(values, threshold),
            }[mode]()
        return holds | (self.missing[node] & np.isnan(values))

    def scaled_values(self, outputs):
        """What each node adds to each output, f64."""
        return self.scale * self.leaf_values(outputs)

    def leaf_values(self, outputs):
        """What the file says that each node adds."""
        values = np.zeros((len(self.left), outputs))
        for node, entries in self.weights.items():
            for output, weight in entries:
                values[node, output] = weight
        return values

    def take_covers(self, rows):
        """Count the rows that reach each node."""
        self.cover = np.zeros(len(self.left))
        pending = [(0, rows)]
        while pending:
            node, members = pending.pop()
            self.cover[node] += len(members)
            if self.left[node] != -1:
                left = self.goes_left(node, members[:, self.feature[node]])
                pending += [(self.left[node], members[left]), (self.right[node], members[~left])]


class Model(EnumeratedModel):
    """A model from a file."""

    def __init__(self, path):
        self.proto = onnx.load(path)
        graph = self.proto.graph
        (self.node,) = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
        self.attributes = {a.name: self._value(a) for a in self.node.attribute}
        self.double = self._column_type() == onnx.TensorProto.DOUBLE
        read = self._read_indexed if self.node.op_type == "TreeEnsemble" else self._read_listed
        self.trees = read()
        dims = [value.type.tensor_type.shape.dim[1].dim_value for value in graph.input]
        self.features = sum(dims)
        self.names = [value.name for value in graph.input] if len(dims) > 1 else [f"f{i}" for i in range(dims[0])]
        self.single = self._single()
        if self.average:
            for tree in self.trees:
                tree.scale = 1 / len(self.trees)

    @staticmethod
    def _value(attribute):
        value = helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            return numpy_helper.to_array(value)
        return value

    def _column_type(self):
        types = {value.name: value.type.tensor_type.elem_type for value in self.proto.graph.input}
        for node in self.proto.graph.node:  # arithmetic keeps the type, operators of ai.onnx.ml and Cast make f32 here
            keeps = node.op_type in ("Add", "Sub", "Mul", "Div", "Identity")
            types[node.output[0]] = types.get(node.input[0], onnx.TensorProto.FLOAT) if keeps else onnx.TensorProto.FLOAT
        return types[self.node.input[0]]

    def _numbers(self, name):
        wide = self.attributes.get(f"{name}_as_tensor", ())
        values = wide if len(wide) else self.attributes.get(name, ())
        return np.asarray(values, "f8" if self.double else "f4").astype("f8")

    def _read_listed(self):
        get, prefix = self.attributes, "class" if "classlabels_int64s" in self.attributes or "classlabels_strings" in self.attributes else "target"
        self.classes = list(get.get("classlabels_int64s", ())) or [s.decode() for s in get.get("classlabels_strings", ())]
        self.outputs = get.get("n_targets", len(self.classes))
        self.average = get.get("aggregate_function", b"SUM") == b"AVERAGE"
        self.base = self._numbers("base_values")
        self.class_ids = set(get.get(f"{prefix}_ids"))
        weights = {}
        entries = zip(get[f"{prefix}_treeids"], get[f"{prefix}_nodeids"], get[f"{prefix}_ids"], self._numbers(f"{prefix}_weights"), strict=True)
        for tree, node, output, weight in entries:
            weights.setdefault((tree, node), []).append((output, weight))
        trees = []
        ids, modes, thresholds = np.array(get["nodes_treeids"]), [m.decode() for m in get["nodes_modes"]], self._numbers("nodes_values")
        missing = get.get("nodes_missing_value_tracks_true") or [0] * len(ids)
        for tree in dict.fromkeys(ids):
            rows = np.flatnonzero(ids == tree)
            place = {get["nodes_nodeids"][row]: index for index, row in enumerate(rows)}
            leaf = [modes[row] == "LEAF" for row in rows]
            child = lambda name: [-1 if end else place[get[name][row]] for row, end in zip(rows, leaf, strict=True)]
            trees.append(
                Tree(
                    child("nodes_truenodeids"),
                    child("nodes_falsenodeids"),
                    [get["nodes_featureids"][row] for row in rows],
                    [modes[row] for row in rows],
                    [thresholds[row] for row in rows],
                    [bool(missing[row]) for row in rows],
                    {place[node]: entry for (t, node), entry in weights.items() if t == tree and leaf[place[node]]},
                )
            )
        return trees

    def _read_indexed(self):
        get = self.attributes
        self.classes, self.outputs, self.average, self.base = [], get["n_targets"], get.get("aggregate_function", 1) == 0, np.zeros(0)
        self.class_ids = set()
        wide = lambda name: get[name].astype("f8")
        sets, members = [], []
        for value in wide("membership_values") if "membership_values" in get else ():
            if np.isnan(value):
                sets.append(members)
                members = []
            else:
                members.append(value)
        sets.append(members)
        thresholds, splits = [], wide("nodes_splits")
        for row, mode in enumerate(get["nodes_modes"]):
            thresholds.append(np.array(sets.pop(0)) if mode == 6 else splits[row])
        trees = []
        for root in get["tree_roots"]:
            left, right, feature, modes, values, missing, weights = [], [], [], [], [], [], {}

            def add(row, is_leaf):
                index = len(left)
                for column in (left, right):
                    column.append(-1)
                feature.append(0 if is_leaf else get["nodes_featureids"][row])
                modes.append("LEAF" if is_leaf else MODES[get["nodes_modes"][row]])
                values.append(0.0 if is_leaf else thresholds[row])
                missing.append(not is_leaf and bool(get["nodes_missing_value_tracks_true"][row]))
                if is_leaf:
                    weights[index] = [(get["leaf_targetids"][row], float(get["leaf_weights"][row]))]
                else:
                    left[index] = add(get["nodes_truenodeids"][row], get["nodes_trueleafs"][row])
                    right[index] = add(get["nodes_falsenodeids"][row], get["nodes_falseleafs"][row])
                return index

            add(root, False)
            trees.append(Tree(left, right, feature, modes, values, missing, weights))
        return trees

    def _single(self):
        """Whether two classes share one score: that of the second is the only output here."""
        if len(self.classes) != 2 or len(self.class_ids) != 1:
            return False
        (column,) = self.class_ids
        for tree in self.trees:
            tree.weights = {node: [(0, weight) for _, weight in entry] for node, entry in tree.weights.items()}
        self.outputs = 1
        return column in (0, 1)

    def feed(self, rows, graph=None):
        """The inputs of a session: one tensor, or one a column."""
        inputs = (graph or self.proto.graph).input
        kinds = {onnx.TensorProto.FLOAT: "f4", onnx.TensorProto.DOUBLE: "f8", onnx.TensorProto.INT64: "i8"}
        with np.errstate(over="ignore"):
            typed = [np.asarray(rows, "f8").astype(kinds[value.type.tensor_type.elem_type]) for value in inputs]
        if len(inputs) == 1:
            return {inputs[0].name: typed[0]}
        return {value.name: table[:, i : i + 1].copy() for i, (value, table) in enumerate(zip(inputs, typed, strict=True))}

    @staticmethod
    def session(proto):
        """onnxruntime on one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(proto.SerializeToString(), options)

    def run(self, proto, rows):
        """All outputs of a model."""
        return self.session(proto).run(None, self.feed(rows))

    def read(self, rows):
        """Rows as the trees see them, from onnxruntime."""
        column = self.node.input[0]
        if column in [value.name for value in self.proto.graph.input]:
            return self.feed(rows)[column]
        proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
        graph = proto.graph
        while graph.node[-1].output[0] != column:
            del graph.node[-1]
        del graph.output[:]
        kind = onnx.TensorProto.DOUBLE if self.double else onnx.TensorProto.FLOAT
        graph.output.append(helper.make_tensor_value_info(column, kind, None))
        return self.run(proto, rows)[0]

    def raw(self, rows):
        """The trees' scores from onnxruntime without their post transform, (rows, outputs)."""
        proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
        graph = proto.graph
        index = [node.name == self.node.name and node.op_type == self.node.op_type for node in graph.node].index(True)
        node = graph.node[index]
        del graph.node[index + 1 :]
        for attribute in node.attribute:
            if attribute.name == "post_transform":
                attribute.CopyFrom(helper.make_attribute("post_transform", 0 if node.op_type == "TreeEnsemble" else "NONE"))
        del graph.output[:]
        kind = onnx.TensorProto.DOUBLE if node.op_type == "TreeEnsemble" and self.double else onnx.TensorProto.FLOAT
        graph.output.append(helper.make_tensor_value_info(node.output[-1], kind, None))
        scores = self.run(proto, rows)[0].reshape(len(rows), -1)
        return scores[:, 1:] if self.single else scores

    def exact_base(self):
        """Base values, f64."""
        return self.base if len(self.base) else np.zeros(self.outputs)

    def margins(self, rows):
        """Scores summed as onnxruntime does: tree by tree from zero in the width of the trees' input, base values last."""
        rows, width = self.read(rows), "f8" if self.double else "f4"
        total = np.zeros((len(rows), self.outputs), width)
        for tree in self.trees:
            total += tree.leaf_values(self.outputs).astype(width)[tree.reach(rows)]
        if self.average:
            total /= np.dtype(width).type(len(self.trees))
        return total + self.exact_base().astype(width)

    def scores(self, rows):
        """The file's last output, (rows, outputs)."""
        scores = self.run(self.proto, rows)[-1]
        if isinstance(scores, list):
            scores = np.array([list(row.values()) for row in scores])
        scores = np.asarray(scores).reshape(len(rows), -1)
        return scores[:, 1:] if self.single else scores


class IsolationForest(Model):
    """scikit-learn's: an operator for each tree gives a leaf's number, and what follows looks its path length up."""

    def __init__(self, path):
        self.proto = onnx.load(path)
        self.double, self.average, self.single = False, False, False
        nodes, self.trees = self.proto.graph.node, []
        made = {output: node for node in nodes for output in node.output}
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.proto.graph.initializer}
        tables = {node.output[0]: {a.name: self._value(a) for a in node.attribute} for node in nodes if node.op_type == "LabelEncoder"}
        for number, self.node in enumerate(node for node in nodes if node.op_type == "TreeEnsembleRegressor"):
            self.attributes = {a.name: self._value(a) for a in self.node.attribute}
            (tree,) = self._read_listed()
            tree.feature = constants[made[self.node.input[0]].input[1]][tree.feature]
            sizes, lengths = (
                next(dict(zip(t["keys_int64s"], t["values_floats"], strict=True)) for name, t in tables.items() if name.startswith(f"{which}{number}_"))
                for which in ("node_sample", "path_length")
            )
            tree.weights = {
                node: [(output, float(self._length(sizes[weight], lengths[weight])))] for node, ((output, weight),) in tree.weights.items()
            }
            self.trees.append(tree)
        self.features = self.proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value
        self.names = [f"f{i}" for i in range(self.features)]

    @staticmethod
    def _length(rows, nodes):
        """Edges to a leaf of some rows, and what a tree of these rows would add on average, in f32 step by step."""
        rows, nodes = np.float32(rows), np.float32(nodes)
        beyond = np.float32(0)
        if rows == 2:
            beyond = np.float32(1)
        elif rows > 2:
            logarithm = np.float32(np.log(np.float64(rows - np.float32(1))))
            beyond = (logarithm + np.float32(np.euler_gamma)) * np.float32(2) + (rows - np.float32(1)) / rows * np.float32(-2)
        return nodes + beyond - np.float32(1)

    def read(self, rows):
        """Rows as the trees see them."""
        return self.feed(rows)["X"]

    def raw(self, rows):
        """The sum of path lengths from onnxruntime, a row at a time: its logarithms of several at once differ in the last bit."""
        proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
        graph = proto.graph
        end = [node.op_type for node in graph.node].index("Sum")
        sum_of_lengths = graph.node[end].output[0]
        del graph.node[end + 1 :]
        del graph.output[:]
        graph.output.append(helper.make_tensor_value_info(sum_of_lengths, onnx.TensorProto.FLOAT, None))
        session = self.session(proto)
        return np.concatenate([session.run(None, self.feed(rows[i : i + 1]))[0] for i in range(len(rows))])

    def scores(self, rows):
        """decision_function."""
        names = [output.name for output in self.proto.graph.output]
        return self.run(self.proto, rows)[names.index("scores")]
