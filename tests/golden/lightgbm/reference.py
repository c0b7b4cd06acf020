"""LightGBM's text models read in plain Python: raw predictions in its own order, and exact Shapley values.

Written from the format alone and used only to check goldens.
"""

from pathlib import Path

import numpy as np
from shapley import EnumeratedModel, EnumeratedTree

ZERO = float(np.float32(1e-35))
NONE, ZERO_IS_MISSING, NAN_IS_MISSING = range(3)


class Tree(EnumeratedTree):
    """One tree: splits first, leaves after them."""

    def __init__(self, file, output):
        self.output = output
        leaves = int(file["num_leaves"])
        splits = leaves - 1

        def array(key, dtype):
            return np.array(file.get(key, "").split(), dtype)

        def children(key):
            nodes = array(key, int)
            return np.concatenate([np.where(nodes < 0, splits + ~nodes, nodes), np.full(leaves, -1)])

        self.left, self.right = children("left_child"), children("right_child")
        self.feature = array("split_feature", int)
        self.threshold = np.array([float(text) for text in file["threshold"].split()])
        self.decision = array("decision_type", int)
        self.cover = np.concatenate([array("internal_count", float), array("leaf_count", float)])
        self.value = np.concatenate([np.zeros(splits), [float(text) for text in file["leaf_value"].split()]])
        self.linear = self._linear_leaves(file, array) if file.get("is_linear", "0") != "0" else {}
        bounds, words = array("cat_boundaries", int), array("cat_threshold", np.int64)
        self.categories = {}
        for node in np.flatnonzero(self.decision & 1):
            index = int(self.threshold[node])
            bits = words[bounds[index] : bounds[index + 1]]
            self.categories[node] = np.array(
                [32 * word + bit for word, mask in enumerate(bits) for bit in range(32) if int(mask) >> bit & 1]
            )

    def _linear_leaves(self, file, array):
        """Constant, features and coefficients of each leaf, by node."""
        constants = [float(text) for text in file["leaf_const"].split()]
        coefficients = [float(text) for text in file["leaf_coeff"].split()]
        features, ends = array("leaf_features", int), np.cumsum(array("num_features", int))
        return {
            node: (constant, features[begin:end], coefficients[begin:end])
            for node, constant, begin, end in zip(np.flatnonzero(self.left == -1), constants, [0, *ends[:-1]], ends, strict=True)
        }

    def margins(self, rows):
        """What the tree adds at each row: the leaf's linear function, or its value where a feature of the function is NaN."""
        leaves = self.reach(rows)
        margins = self.value[leaves]
        for node, (constant, features, coefficients) in self.linear.items():
            members = np.flatnonzero(leaves == node)
            known = members[~np.isnan(rows[np.ix_(members, features)]).any(axis=1)]
            total = np.full(len(known), constant)
            with np.errstate(invalid="ignore", over="ignore"):
                for feature, coefficient in zip(features, coefficients, strict=True):
                    total += coefficient * rows[known, feature]
            margins[known] = total
        return margins

    def goes_left(self, node, values):
        """Which of the `values` of the node's feature, zeros made zero, go to its left child."""
        if node in self.categories:
            whole = np.trunc(values)
            return np.isin(whole, self.categories[node]) & ~np.isnan(whole)
        default_left, missing = bool(self.decision[node] & 2), self.decision[node] >> 2
        read = values if missing == NAN_IS_MISSING else np.where(np.isnan(values), 0.0, values)
        is_missing = np.isnan(read) if missing == NAN_IS_MISSING else (missing == ZERO_IS_MISSING) & (read == 0)
        return np.where(is_missing, default_left, read <= self.threshold[node])

    def scaled_values(self, outputs):
        """What each node adds to each output."""
        values = np.zeros((len(self.left), outputs))
        values[:, self.output] = self.value
        return values


class Model(EnumeratedModel):
    """A model from a text file."""

    def __init__(self, path):
        header, *paragraphs = Path(path).read_text().split("\n\n")
        self.header = dict(line.split("=", 1) if "=" in line else (line, "") for line in header.splitlines())
        self.outputs = int(self.header["num_tree_per_iteration"])
        self.names = self.header["feature_names"].split(" ")
        self.features = len(self.names)
        files = [text.strip().splitlines() for text in paragraphs if text.strip().startswith("Tree=")]
        self.trees = [
            Tree(dict(line.split("=", 1) for line in lines[1:]), index % self.outputs)
            for index, lines in enumerate(files)
        ]

    def read(self, rows):
        """Rows as LightGBM hands them to its trees: what is nearly zero is zero."""
        rows = np.asarray(rows, "f8")
        return np.where(np.abs(rows) <= ZERO, 0.0, rows)

    def exact_base(self):
        """Nothing: LightGBM's starting score is in the first trees."""
        return np.zeros(self.outputs)

    def margins(self, rows, rounds=None):
        """Raw predictions, (rows, outputs), summed as LightGBM does: f64, tree by tree from zero."""
        rows = self.read(rows)
        total = np.zeros((len(rows), self.outputs))
        for tree in self.trees[: rounds * self.outputs if rounds else None]:
            with np.errstate(invalid="ignore"):
                total[:, tree.output] += tree.margins(rows)
        return total
