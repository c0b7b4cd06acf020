"""The models of the goldens: what is fitted or put together by hand, and how it is converted."""

import warnings
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import onnx
import onnxmltools
import skl2onnx.common._container as container
import xgboost as xgb
from data import ROWS, binary, classes, numeric, positive, real, several
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore")
TREES = {"n_estimators": 6, "max_depth": 3, "random_state": 5}
GREEDY = {"n_estimators": 6, "max_depth": 3}
HIST = {"max_iter": 6, "max_depth": 3, "random_state": 5}
OPSET = {"": 17, "ai.onnx.ml": 3}


def plain_numbers(value):
    """Without NumPy's integers and booleans, which onnx 1.23 refuses and skl2onnx 1.20 writes for HistGradientBoosting."""
    whole = (bool, np.bool, np.integer)
    return [int(item) if isinstance(item, whole) else item for item in value] if isinstance(value, list) else value


original_make_node = container.make_node
container.make_node = lambda *args, **attributes: original_make_node(
    *args, **{name: plain_numbers(value) for name, value in attributes.items()}
)


def filled(gaps=False):
    """The features, gaps filled for what cannot take them, and the signal."""
    frame, signal = numeric()
    return (frame if gaps else frame.fillna(0.0)).to_numpy(), signal


def sklearn(model, target, gaps=False, types=None, names=False, **options):
    """A model of scikit-learn through skl2onnx."""
    x, signal = filled(gaps)
    model.fit(x.astype("f4") if types is None else x, target(signal)["label"])
    kinds = types or FloatTensorType
    initial = [(name, kinds([None, 1])) for name in numeric()[0]] if names else [("X", kinds([None, 5]))]
    is_classifier = hasattr(model, "classes_")
    extra = {"options": {id(model): {"zipmap": False}}} if is_classifier and not options else options
    proto = to_onnx(model, initial_types=initial, target_opset=OPSET, **extra)
    if types is DoubleTensorType:  # which skl2onnx declares for the outputs, too, and onnxruntime refuses
        proto.graph.output[-1].type.tensor_type.elem_type = TensorProto.FLOAT
    return proto, model


def words(signal):
    """Classes with names."""
    return {"label": np.array(["no", "yes"])[binary(signal)["label"]]}


def tools(convert, model, target, **fit):
    """A model of XGBoost or LightGBM through onnxmltools."""
    x, signal = filled(gaps=True)
    if "categorical_feature" in fit:
        signal = signal + 3 * np.sin(2 * np.nan_to_num(x[:, 3]))
        x = np.nan_to_num(x)
    model.fit(x.astype("f4"), target(signal)["label"], **fit)
    return convert(model, initial_types=[("X", ToolsFloat([None, 5]))]), model


def xgboost(model, target):
    """Through onnxmltools."""
    return tools(onnxmltools.convert_xgboost, model, target)


def lightgbm(model, target, **fit):
    """Through onnxmltools, whose scores stay a table."""
    convert = lambda fitted, initial_types: onnxmltools.convert_lightgbm(fitted, initial_types=initial_types, zipmap=False)
    return tools(convert, model, target, **fit)


def model_of(node, inputs, outputs, version, before=()):
    """A file with one tree operator."""
    value = lambda name, kind, width: helper.make_tensor_value_info(name, kind, [None, width])
    graph = helper.make_graph([*before, node], "trees", [value(*i) for i in inputs], [value(*o) for o in outputs])
    opsets = [helper.make_opsetid("ai.onnx.ml", version), helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="by hand")


def by_hand(questions, **attributes):
    """A regressor with one tree for each of `questions`: lists of (feature, mode, value, tracks), a chain to the right."""
    columns = {name: [] for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing")}
    targets = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    weights = np.random.default_rng(3).normal(size=99).astype("f4")
    for tree, chain in enumerate(questions):
        rows = []
        for step, (feature, mode, value, tracks) in enumerate(chain):
            rows += [(2 * step, feature, mode, value, 2 * step + 1, 2 * step + 2, tracks), (2 * step + 1, 0, "LEAF", 0.0, 0, 0, 0)]
        rows.append((2 * len(chain), 0, "LEAF", 0.0, 0, 0, 0))
        for node, feature, mode, value, yes, no, tracks in rows:
            for name, item in zip(columns, (tree, node, feature, mode, value, yes, no, tracks), strict=True):
                columns[name].append(item)
            if mode == "LEAF":
                for name, item in zip(targets, (tree, node, 0, float(weights[10 * tree + node])), strict=True):
                    targets[name].append(item)
    columns["missing_value_tracks_true"] = columns.pop("missing")
    lists = {f"nodes_{name}": items for name, items in columns.items()} | {f"target_{name}": items for name, items in targets.items()}
    node = helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml", n_targets=1, **lists | attributes)
    return model_of(node, [("X", TensorProto.FLOAT, 5)], [("Y", TensorProto.FLOAT, 1)], 3), None


ORDERED = [(0, "BRANCH_LEQ", 0.25, 0), (1, "BRANCH_LT", 0.5, 1), (2, "BRANCH_GTE", -0.25, 0), (3, "BRANCH_GT", 2.0, 1)]
UNORDERED = [(3, "BRANCH_EQ", 2.0, 0), (0, "BRANCH_LEQ", 0.0, 1), (3, "BRANCH_NEQ", 4.0, 0), (3, "BRANCH_EQ", 1.0, 1), (4, "BRANCH_EQ", 0.0, 1)]


def one_class_of_two(class_id):
    """A classifier of two classes whose leaves all add to one of them."""
    proto, model = sklearn(GradientBoostingClassifier(**TREES), binary)
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name == "class_ids":
                attribute.ints[:] = [class_id] * len(attribute.ints)
            if attribute.name == "base_values" and class_id:
                node.attribute.remove(attribute)
    return proto, None


def indexed(kind, member):
    """TreeEnsemble of version 5: two trees of hand-made branches, or those of a random forest."""
    array = lambda values: numpy_helper.from_array(np.array(values, kind))
    branches = [  # feature, mode, split, true child, is leaf, false child, is leaf, missing
        (0, 0, 0.5, 1, 0, 0, 1, 0),
        (1, 3, -0.5, 1, 1, 2, 1, 1),
        (3, 6 if member else 2, 2.0, 3, 1, 3, 0, 0),
        (4, 5 if member else 1, 0.25, 4, 1, 5, 1, 0),
    ]
    feature, mode, split, yes, yes_leaf, no, no_leaf, missing = (list(column) for column in zip(*branches, strict=True))
    attributes = {
        "nodes_featureids": feature,
        "nodes_modes": numpy_helper.from_array(np.array(mode, "u1")),
        "nodes_splits": array(split),
        "nodes_truenodeids": yes,
        "nodes_trueleafs": yes_leaf,
        "nodes_falsenodeids": no,
        "nodes_falseleafs": no_leaf,
        "nodes_missing_value_tracks_true": missing,
        "leaf_targetids": [0, 0, 1, 0, 1, 1],
        "leaf_weights": array([0.1, -0.7, 0.35, 1.3, -0.2, 0.9]),
        "tree_roots": [0, 2],
        "n_targets": 2,
    }
    if member:
        attributes["membership_values"] = array([1.0, 3.0, 4.0, np.nan])
    node = helper.make_node("TreeEnsemble", ["X"], ["Y"], domain="ai.onnx.ml", **attributes)
    element = TensorProto.DOUBLE if kind == "f8" else TensorProto.FLOAT
    return model_of(node, [("X", element, 5)], [("Y", element, 2)], 5), None


def isolation(options=None, **parameters):
    """An isolation forest through skl2onnx."""
    x = filled()[0].astype("f4")
    model = IsolationForest(random_state=0, **parameters).fit(x)
    return to_onnx(model, x[:1], target_opset=OPSET, options={id(model): options or {}}), model


def scaled(scaler):
    """A pipeline in front of a forest."""
    return make_pipeline(SimpleImputer(strategy="median"), scaler, RandomForestRegressor(**TREES))


@dataclass
class Variant:
    """How one golden model is made; `paths` is false where the file's trees are not those that are explained."""

    about: str
    make: callable
    paths: bool = True


VARIANTS = {
    "random_forest": Variant("RandomForestRegressor", lambda: sklearn(RandomForestRegressor(**TREES), real)),
    "random_forest_binary": Variant(
        "RandomForestClassifier: one probability, zipped into a map",
        lambda: sklearn(RandomForestClassifier(**TREES), binary, options=None),
    ),
    "random_forest_multiclass": Variant("leaves with all classes", lambda: sklearn(RandomForestClassifier(**TREES), classes)),
    "random_forest_targets": Variant("three targets", lambda: sklearn(RandomForestRegressor(**TREES), several)),
    "extra_trees": Variant("ExtraTreesRegressor", lambda: sklearn(ExtraTreesRegressor(**TREES), real)),
    "extra_trees_multiclass": Variant("ExtraTreesClassifier", lambda: sklearn(ExtraTreesClassifier(**TREES), classes)),
    "decision_tree": Variant("DecisionTreeRegressor", lambda: sklearn(DecisionTreeRegressor(max_depth=5), real)),
    "decision_tree_words": Variant("classes with names", lambda: sklearn(DecisionTreeClassifier(max_depth=4), words)),
    "gradient_boosting": Variant("base value", lambda: sklearn(GradientBoostingRegressor(**TREES), real)),
    "gradient_boosting_binary": Variant("LOGISTIC of one score", lambda: sklearn(GradientBoostingClassifier(**TREES), binary)),
    "gradient_boosting_exponential": Variant(
        "Mul and Sigmoid behind the trees", lambda: sklearn(GradientBoostingClassifier(loss="exponential", **TREES), binary)
    ),
    "gradient_boosting_multiclass": Variant("SOFTMAX", lambda: sklearn(GradientBoostingClassifier(**TREES), classes)),
    "hist_gradient_boosting": Variant("missing values", lambda: sklearn(HistGradientBoostingRegressor(**HIST), real, gaps=True)),
    "hist_gradient_boosting_binary": Variant(
        "missing values, LOGISTIC", lambda: sklearn(HistGradientBoostingClassifier(**HIST), binary, gaps=True)
    ),
    "hist_gradient_boosting_multiclass": Variant(
        "missing values, SOFTMAX", lambda: sklearn(HistGradientBoostingClassifier(**HIST), classes, gaps=True)
    ),
    "xgboost": Variant("BRANCH_LT", lambda: xgboost(xgb.XGBRegressor(**GREEDY), real)),
    "xgboost_binary": Variant("base value of one score", lambda: xgboost(xgb.XGBClassifier(**GREEDY), binary)),
    "xgboost_multiclass": Variant("base values of all classes", lambda: xgboost(xgb.XGBClassifier(**GREEDY), classes)),
    "xgboost_poisson": Variant(
        "Exp and Mul behind the trees", lambda: xgboost(xgb.XGBRegressor(objective="count:poisson", **GREEDY), positive)
    ),
    "lightgbm": Variant("BRANCH_LEQ", lambda: lightgbm(lgb.LGBMRegressor(verbose=-1, **GREEDY), real)),
    "lightgbm_binary": Variant("Mul by one behind the trees", lambda: lightgbm(lgb.LGBMClassifier(verbose=-1, **GREEDY), binary)),
    "lightgbm_multiclass": Variant("SOFTMAX", lambda: lightgbm(lgb.LGBMClassifier(verbose=-1, **GREEDY), classes)),
    "lightgbm_poisson": Variant(
        "Exp behind the trees", lambda: lightgbm(lgb.LGBMRegressor(objective="poisson", verbose=-1, **GREEDY), positive)
    ),
    "lightgbm_rf": Variant(
        "Div behind the trees",
        lambda: lightgbm(lgb.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, verbose=-1, **GREEDY), real),
    ),
    "lightgbm_categorical": Variant(
        "BRANCH_EQ, and nodes that share a child",
        lambda: lightgbm(lgb.LGBMRegressor(verbose=-1, min_data_per_group=1, cat_smooth=1, **GREEDY), real, categorical_feature=[3]),
        paths=False,
    ),
    "double": Variant(
        "doubles in and as tensors", lambda: sklearn(HistGradientBoostingRegressor(**HIST), real, gaps=True, types=DoubleTensorType)
    ),
    "double_forest": Variant("a forest of doubles", lambda: sklearn(RandomForestRegressor(**TREES), real, types=DoubleTensorType)),
    "pipeline": Variant("Imputer and Scaler before the trees", lambda: sklearn(scaled(StandardScaler()), real, gaps=True)),
    "pipeline_minmax": Variant(
        "Imputer, Mul and Add before the trees", lambda: sklearn(scaled(MinMaxScaler(feature_range=(-1, 3))), real, gaps=True)
    ),
    "pipeline_names": Variant(
        "an input for each feature", lambda: sklearn(scaled(StandardScaler()), real, gaps=True, names=True)
    ),
    "pipeline_double": Variant(
        "Sub and Div of doubles before the trees",
        lambda: sklearn(make_pipeline(MaxAbsScaler(), HistGradientBoostingRegressor(**HIST)), real, gaps=True, types=DoubleTensorType),
    ),
    "pipeline_double_scaler": Variant(
        "a Scaler of doubles, which makes f32 of them",
        lambda: sklearn(make_pipeline(StandardScaler(), HistGradientBoostingRegressor(**HIST)), real, gaps=True, types=DoubleTensorType),
    ),
    "modes": Variant("LEQ, LT, GTE and GT", lambda: by_hand([ORDERED, ORDERED[::-1]])),
    "modes_equal": Variant("EQ and NEQ, which NaN fulfils", lambda: by_hand([UNORDERED, UNORDERED[::-1]]), paths=False),
    "average": Variant("aggregate_function AVERAGE", lambda: by_hand([ORDERED, ORDERED[1:], ORDERED[2:]], aggregate_function="AVERAGE", base_values=[0.3])),
    "isolation_forest": Variant("path lengths that are looked up behind each tree", lambda: isolation(n_estimators=5, max_samples=32)),
    "isolation_forest_single": Variant("one tree", lambda: isolation(n_estimators=1, max_samples=64)),
    "isolation_forest_contamination": Variant(
        "another offset, score_samples as a third output, leaves of several rows",
        lambda: isolation({"score_samples": True}, n_estimators=3, max_samples=300, contamination=0.1),
    ),
    "second_class": Variant("leaves add to the second class of two", lambda: one_class_of_two(1)),
    "first_class": Variant("leaves add to the first class of two", lambda: one_class_of_two(0)),
    "version_5": Variant("TreeEnsemble", lambda: indexed("f4", member=False)),
    "version_5_double": Variant("TreeEnsemble of doubles", lambda: indexed("f8", member=False)),
    "version_5_member": Variant("BRANCH_MEMBER", lambda: indexed("f4", member=True), paths=False),
}

REFUSED = {
    "ada_boost": Variant("trees whose probabilities are combined by logarithms", lambda: sklearn(AdaBoostClassifier(n_estimators=3), binary)),
    "bagging": Variant("trees that are put side by side", lambda: sklearn(BaggingRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=3, random_state=0), real)),
}
