"""The models of the goldens: a table of variants, each a small training set and the parameters that fit it."""

import json
from dataclasses import dataclass, field

import numpy as np
import xgboost as xgb
from data import (
    INTEGERS,
    LABELLED,
    SIZES,
    binary,
    classes,
    coded,
    counts,
    extreme,
    informative_gaps,
    intervals,
    labelled,
    numeric,
    positive,
    ranked,
    real,
    relevant,
    several,
    survival,
)

PARAMS = {"max_depth": 3, "eta": 0.3, "seed": 7, "nthread": 1, "tree_method": "hist"}
def older_dart(model):
    """The layout of 3.3 and before: a `dart` booster around `gbtree`, a bare base score, no `cats`."""
    learner = model["learner"]
    forest = learner["gradient_booster"]
    weights = forest["model"].pop("weight_drop")
    forest["model"].pop("cats")
    learner["gradient_booster"] = {"gbtree": forest, "name": "dart", "weight_drop": weights}
    return older_base_score(model)


def older_base_score(model):
    """The layout of 3.0 and before: `base_score` is a bare number for all outputs, and there is no `cats`."""
    parameters = model["learner"]["learner_model_param"]
    (parameters["base_score"],) = set(parameters["base_score"].strip("[]").split(","))
    model["learner"]["gradient_booster"].get("model", {}).pop("cats", None)
    model["version"] = [2, 1, 4]
    return model


@dataclass
class Variant:
    """How one golden model is trained, and what is peculiar about its file."""

    about: str
    objective: str = "reg:squarederror"
    target: callable = real
    params: dict = field(default_factory=dict)
    rounds: int = 12
    data: callable = numeric
    names: bool = True
    early_stopping: bool = False
    rewrite: callable = None

    def matrix(self, rows=slice(None)):
        """The training data, or the given rows of it."""
        frame, signal = self.data()
        target = {name: values[rows] for name, values in self.target(signal).items()}
        if self.data is coded:
            types = ["c" if name in ("colour", "shape", "size") else "float" for name in frame]
            return xgb.DMatrix(frame[rows], feature_types=types, enable_categorical=True, **target)
        frame = frame[rows] if self.names else frame[rows].to_numpy()
        return xgb.DMatrix(frame, enable_categorical=True, **target)

    def train(self):
        """The booster, read back from its own file."""
        params = PARAMS | {"objective": self.objective} | self.params
        if self.early_stopping:
            fit, held = self.matrix(slice(0, 200)), self.matrix(slice(200, None))
            options = {"evals": [(held, "held")], "early_stopping_rounds": 5, "verbose_eval": False}
            booster = xgb.train(params, fit, self.rounds, **options)
        else:
            booster = xgb.train(params, self.matrix(), self.rounds)
        raw = booster.save_raw("json")
        if self.rewrite:
            raw = json.dumps(self.rewrite(json.loads(raw)), separators=(",", ":")).encode()
        return xgb.Booster(model_file=bytearray(raw)), bytes(raw)


SOFTPROB = {"objective": "multi:softprob", "target": classes, "params": {"num_class": 3}, "rounds": 5}
VECTOR = {"multi_strategy": "multi_output_tree"}

VARIANTS = {
    # One for each objective and link.
    "binary_logistic": Variant("logit link", "binary:logistic", binary),
    "binary_logitraw": Variant("predictions stay margins; base score is taken as it is", "binary:logitraw", binary),
    "binary_hinge": Variant("predictions are 0 or 1", "binary:hinge", binary),
    "reg_squarederror": Variant("identity link"),
    "reg_squaredlogerror": Variant("identity link", "reg:squaredlogerror", positive),
    "reg_logistic": Variant("logit link on a real target", "reg:logistic", lambda s: {"label": 1 / (1 + np.exp(-s))}),
    "reg_pseudohubererror": Variant("identity link", "reg:pseudohubererror"),
    "reg_absoluteerror": Variant("leaf values refitted after the splits", "reg:absoluteerror"),
    "reg_quantileerror": Variant("one quantile", "reg:quantileerror", params={"quantile_alpha": 0.3}),
    "reg_quantileerror_several": Variant(
        "three quantiles, an output each", "reg:quantileerror", params={"quantile_alpha": [0.1, 0.5, 0.9]}, rounds=5
    ),
    "reg_expectileerror": Variant("one expectile", "reg:expectileerror", params={"expectile_alpha": 0.3}),
    "reg_expectileerror_several": Variant(
        "two expectiles, an output each", "reg:expectileerror", params={"expectile_alpha": [0.2, 0.8]}, rounds=6
    ),
    "reg_gamma": Variant("log link", "reg:gamma", positive),
    "reg_tweedie": Variant("log link", "reg:tweedie", counts, {"tweedie_variance_power": 1.3}),
    "count_poisson": Variant("log link", "count:poisson", counts),
    "survival_cox": Variant("log link", "survival:cox", survival),
    "survival_aft": Variant("log link", "survival:aft", intervals),
    "multi_softprob": Variant("vector base score; trees of the classes take turns", **SOFTPROB),
    "multi_softmax": Variant("predictions are class numbers", **SOFTPROB | {"objective": "multi:softmax"}),
    "rank_ndcg": Variant("identity link", "rank:ndcg", ranked),
    "rank_pairwise": Variant("identity link", "rank:pairwise", ranked),
    "rank_map": Variant("identity link", "rank:map", relevant),
    # Shapes of the forest.
    "forest_one_round": Variant(
        "a random forest", "binary:logistic", binary, {"num_parallel_tree": 8, "subsample": 0.6, "eta": 1.0}, 1
    ),
    "forest_four_rounds": Variant(
        "boosted forests", "binary:logistic", binary, {"num_parallel_tree": 4, "subsample": 0.6}, 4
    ),
    "forest_multiclass": Variant(
        "boosted forests of three classes",
        **SOFTPROB | {"params": {"num_class": 3, "num_parallel_tree": 2, "subsample": 0.6}, "rounds": 4},
    ),
    "dart": Variant(
        "booster=dart: written as gbtree with weight_drop",
        "binary:logistic",
        binary,
        {"booster": "dart", "rate_drop": 0.4},
    ),
    "dart_gbtree": Variant("gbtree with rate_drop: weight_drop too", "binary:logistic", binary, {"rate_drop": 0.4}),
    "dart_multiclass": Variant(
        "weight_drop with three classes", **SOFTPROB | {"params": {"num_class": 3, "rate_drop": 0.4}}
    ),
    "dart_older": Variant(
        "rewritten to the layout before 3.4, which 3.4 still reads",
        "binary:logistic",
        binary,
        {"rate_drop": 0.4},
        rewrite=older_dart,
    ),
    "early_stopping": Variant(
        "has best_iteration, which Booster.predict ignores", "binary:logistic", binary, rounds=60, early_stopping=True
    ),
    "stump": Variant("depth 1", "binary:logistic", binary, {"max_depth": 1}),
    "single_leaf": Variant("no split gains enough: each tree is one leaf", params={"gamma": 1e6}, rounds=4),
    "deep": Variant("depth 10: features repeat on a path", params={"max_depth": 10, "min_child_weight": 0}, rounds=2),
    "lossguide": Variant(
        "grown by loss: nodes are not in breadth order",
        params={"grow_policy": "lossguide", "max_leaves": 12, "max_depth": 0},
    ),
    "pruned": Variant(
        "tree_method=exact with gamma: deleted nodes stay in the arrays",
        params={"tree_method": "exact", "gamma": 20.0, "max_depth": 5},
    ),
    "unnamed": Variant("no feature names", "binary:logistic", binary, names=False),
    "extreme_values": Variant("thresholds from denormal to the end of f32", data=extreme),
    "missing_directions": Variant("missing goes left at some nodes and right at others", data=informative_gaps),
    "missing_never_seen": Variant(
        "no gaps in training: the default direction is not learned", data=lambda: numeric(missing=0.0)
    ),
    "tiny_covers": Variant(
        "overfitted with min_child_weight=0: covers from 600 down to 1e-4",
        "binary:logistic",
        binary,
        {"min_child_weight": 0, "lambda": 1e-3, "eta": 1.0, "max_depth": 5},
        rounds=15,
    ),
    # Base scores.
    "base_score_explicit": Variant("set by the user", "binary:logistic", binary, {"base_score": 0.3}),
    "base_score_older": Variant(
        "rewritten to the layout before 3.1: a bare number", "binary:logistic", binary, rewrite=older_base_score
    ),
    "base_score_older_multiclass": Variant(
        "the same with three classes: the number is for each of them",
        **SOFTPROB | {"params": {"num_class": 3, "base_score": 0.5}},
        rewrite=older_base_score,
    ),
    "base_score_vector": Variant(
        "one set for each target", target=several, params={"base_score": [0.1, -2.5, 1e-3]}, rounds=5
    ),
    # Several outputs.
    "multi_target": Variant("a tree for each target", target=several, rounds=5),
    "multi_target_vector_leaf": Variant("trees with vector leaves", target=several, params=VECTOR, rounds=5),
    "multi_softprob_vector_leaf": Variant(
        "classes from vector leaves", **SOFTPROB | {"params": {"num_class": 3} | VECTOR}
    ),
    "quantile_vector_leaf": Variant(
        "quantiles from vector leaves", "reg:quantileerror", params={"quantile_alpha": [0.1, 0.9]} | VECTOR, rounds=5
    ),
    "forest_vector_leaf": Variant(
        "boosted forests of vector leaves",
        target=several,
        params={"num_parallel_tree": 2, "subsample": 0.6} | VECTOR,
        rounds=4,
    ),
    # Categories.
    "categorical_partition": Variant(
        "sets of categories; codes without names", params={"max_cat_to_onehot": 1}, data=coded
    ),
    "categorical_onehot": Variant(
        "one category against the others; codes without names", params={"max_cat_to_onehot": 100}, data=coded
    ),
    "categorical_names": Variant(
        "string categories in the file", "binary:logistic", binary, data=lambda: labelled(LABELLED)
    ),
    "categorical_integers": Variant("integer categories in the file", data=lambda: labelled(INTEGERS)),
    "categorical_mixed_names": Variant(
        "strings for one column, integers for another",
        data=lambda: labelled(LABELLED | {"size": SIZES}),
        params={"max_cat_to_onehot": 5},
    ),
    "categorical_multiclass": Variant("categories and three classes", **SOFTPROB, data=lambda: labelled(LABELLED)),
    "categorical_vector_leaf": Variant(
        "categories and vector leaves", target=several, params=VECTOR, rounds=5, data=lambda: labelled(LABELLED)
    ),
    "categorical_dart": Variant(
        "categories and weight_drop", params={"rate_drop": 0.4}, data=lambda: labelled(LABELLED)
    ),
}
LINEAR = Variant(
    "a linear booster, which has no trees: a reader must refuse it", params={"booster": "gblinear"}, data=numeric
)
