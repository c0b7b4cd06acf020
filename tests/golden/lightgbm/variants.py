"""The models of the goldens: a table of variants, each a small training set and the parameters that fit it."""

from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import pandas as pd
from data import (
    INTEGERS,
    LABELLED,
    SHAPES,
    SIZES,
    binary,
    classes,
    coded,
    counts,
    extreme,
    informative_gaps,
    labelled,
    numeric,
    positive,
    ranked,
    real,
)

PARAMS = {
    "num_leaves": 7,
    "min_data_in_leaf": 10,
    "learning_rate": 0.2,
    "seed": 7,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}


def shares(signal):
    """A target between 0 and 1."""
    return {"label": 1 / (1 + np.exp(-signal))}


def weighted(signal):
    """A target whose rows have weights from 0.1 to 10."""
    return {"label": signal, "weight": np.exp(np.random.default_rng(9).uniform(-2.3, 2.3, len(signal)))}


def started(signal):
    """A 0/1 target and a score to start from, which no model file holds."""
    return binary(signal) | {"init_score": 0.4 * signal}


def sparse():
    """Many exact zeros, and gaps, in features of both signs."""
    frame, signal = numeric()
    random = np.random.default_rng(4)
    return frame.mask(random.random(frame.shape) < 0.3, 0.0), signal


def gaps_alone():
    """A feature whose values say nothing, but which is missing just where the signal is high."""
    frame, signal = numeric(missing=0.0)
    return frame.assign(length=np.where(signal > 0.5, np.nan, np.random.default_rng(6).normal(size=len(frame)))), signal


def near_zero():
    """A feature of signed tiny values around what LightGBM takes for zero, and one that is rarely zero."""
    frame, signal = numeric(missing=0.0)
    frame = frame.copy()
    frame["length"] = np.sign(frame["length"]) * 10.0 ** (-36 + 2 * np.abs(frame["length"]))
    frame["width"] = np.where(frame["width"].abs() < 0.5, 0.0, frame["width"])
    return frame, signal


def constant_columns():
    """Columns that no split is possible on: a constant number, a constant category, nothing but gaps."""
    frame, signal = labelled(LABELLED)
    frame.insert(1, "same", 3.5)
    frame.insert(3, "same_colour", pd.Categorical(["blue"] * len(frame)))
    frame["empty"] = np.nan
    return frame, signal


def accented():
    """Names of columns beyond ASCII, with signs that the format uses."""
    frame, signal = numeric()
    return frame.set_axis(["länge=1", "幅", "height%", "Tree=7", "#w"], axis=1), signal


def ordered():
    """An ordered categorical, which LightGBM takes for numbers but whose names it writes with those of the others."""
    frame, signal = labelled(LABELLED)
    frame["size"] = frame["size"].cat.as_ordered()
    return frame, signal


def flags():
    """Categoricals of booleans, of integers, of floats, and of one boolean alone."""
    frame, signal = labelled({"shape": SHAPES, "size": SIZES})
    frame["colour"] = pd.Categorical(np.where(frame["colour"].isna(), None, frame["colour"].to_numpy() % 2 == 1))
    frame["shape"] = frame["shape"].cat.rename_categories([0.5, 1.0, 1e300])
    return frame, signal


def own_squares(predictions, data):
    """Half the squared error as an objective of the user's own."""
    return predictions - data.get_label(), np.ones(len(predictions))


def own_softmax(predictions, data):
    """Softmax of three classes as an objective of the user's own."""
    odds = np.exp(predictions)
    shares = odds / odds.sum(axis=1, keepdims=True)
    return shares - np.eye(3)[data.get_label().astype(int)], 2 * shares * (1 - shares)


@dataclass
class Variant:
    """How one golden model is trained, and what is peculiar about its file."""

    about: str
    objective: object = "regression"
    target: callable = real
    params: dict = field(default_factory=dict)
    rounds: int = 8
    data: callable = numeric
    names: bool = True
    categories: tuple = ()
    early_stopping: bool = False
    further: tuple = ()

    def dataset(self, frame, signal, rows=slice(None)):
        """Training data, or the given rows of it."""
        target = {name: values[rows] for name, values in self.target(signal).items()}
        if "qid" in target:
            target["group"] = np.unique(target.pop("qid"), return_counts=True)[1]
        frame = frame[rows] if self.names else frame[rows].to_numpy()
        return lgb.Dataset(frame, categorical_feature=list(self.categories) or "auto", free_raw_data=False, **target)

    def train(self):
        """The booster."""
        params = PARAMS | {"objective": self.objective} | self.params
        frame, signal = self.data()
        if not self.early_stopping:
            booster = lgb.train(params, self.dataset(frame, signal), self.rounds)
        else:
            fit = self.dataset(frame, signal, slice(0, 200))
            held = self.dataset(frame, signal, slice(200, None)).set_reference(fit)
            stop = lgb.early_stopping(5, verbose=False)
            booster = lgb.train(params, fit, self.rounds, valid_sets=[held], callbacks=[stop])
        for data, more in self.further:
            booster = lgb.train(params | more, self.dataset(*data()), self.rounds, init_model=booster)
        return booster


def without_gaps():
    """The numeric features without a gap."""
    return numeric(missing=0.0)


SOFTMAX = {"target": classes, "params": {"num_class": 3}, "rounds": 4}
RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
CODED = {"data": coded, "categories": ("colour", "shape", "size")}
CATEGORICAL = {"min_data_per_group": 5, "cat_smooth": 1.0, "max_cat_to_onehot": 4}

VARIANTS = {
    # One for each objective and link.
    "binary": Variant("logistic link", "binary", binary),
    "binary_sigmoid": Variant("a steeper link: sigmoid=1.7", "binary", binary, {"sigmoid": 1.7}),
    "regression": Variant("identity link"),
    "regression_sqrt": Variant("signed square of the margin: reg_sqrt", params={"reg_sqrt": True}),
    "regression_l1": Variant("leaf values refitted after the splits", "regression_l1"),
    "regression_l1_sqrt": Variant("the same with reg_sqrt", "regression_l1", params={"reg_sqrt": True}),
    "huber": Variant("identity link; reg_sqrt is ignored", "huber", params={"reg_sqrt": True}),
    "fair": Variant("identity link", "fair"),
    "quantile": Variant("identity link", "quantile", params={"alpha": 0.3}),
    "quantile_sqrt": Variant("signed square of the margin", "quantile", params={"alpha": 0.7, "reg_sqrt": True}),
    "mape": Variant("identity link; rows are weighted", "mape", positive),
    "poisson": Variant("log link", "poisson", counts),
    "gamma": Variant("log link", "gamma", positive),
    "tweedie": Variant("log link", "tweedie", counts, {"tweedie_variance_power": 1.3}),
    "cross_entropy": Variant("logistic link on a real target", "cross_entropy", shares),
    "cross_entropy_lambda": Variant("softplus link", "cross_entropy_lambda", shares),
    "multiclass": Variant("softmax; trees of the classes take turns", "multiclass", **SOFTMAX),
    "multiclassova": Variant(
        "a logistic link each, with sigmoid=0.5",
        "multiclassova",
        **SOFTMAX | {"params": {"num_class": 3, "sigmoid": 0.5}},
    ),
    "lambdarank": Variant("identity link", "lambdarank", ranked),
    "rank_xendcg": Variant("identity link", "rank_xendcg", ranked),
    "own_objective": Variant("the user's own: no objective in the file", own_squares),
    "own_objective_multiclass": Variant("the user's own, three outputs", own_softmax, **SOFTMAX),
    # Ways of boosting.
    "rf_binary": Variant(
        "random forest: predictions average, margins add up", "binary", binary, RF | {"sigmoid": 0.7}, rounds=5
    ),
    "rf_regression": Variant("random forest", params=RF, rounds=6),
    "rf_sqrt": Variant("random forest with reg_sqrt", params=RF | {"reg_sqrt": True}, rounds=5),
    "rf_poisson": Variant("random forest with a log link", "poisson", counts, RF, rounds=5),
    "rf_multiclass": Variant(
        "random forest of three classes", "multiclass", **SOFTMAX | {"params": RF | {"num_class": 3}}
    ),
    "dart": Variant("weights of dropped trees are in the leaves", "binary", binary, {"boosting": "dart", "drop_rate": 0.5}),
    "goss": Variant(
        "counts are of the rows that were sampled", "binary", binary, {"data_sample_strategy": "goss"}, rounds=12
    ),
    "bagging": Variant("counts are of the rows in the bag", params={"bagging_freq": 1, "bagging_fraction": 0.5}),
    "init_score": Variant("a starting score, which no file holds", "binary", started),
    "no_average": Variant("boost_from_average=false", "binary", binary, {"boost_from_average": False}),
    "weighted": Variant("weighted rows: counts stay counts", target=weighted),
    "early_stopping": Variant(
        "saved up to the best iteration", "binary", binary, rounds=80, early_stopping=True
    ),
    # Shapes of the forest.
    "stump": Variant("depth 1", "binary", binary, {"num_leaves": 2}),
    "single_leaf": Variant("no split gains enough: a tree of one leaf", params={"min_gain_to_split": 1e6}, rounds=3),
    "multiclass_single_leaves": Variant(
        "some classes' trees are one leaf",
        "multiclass",
        lambda signal: {"label": np.where(signal > 0.5, 2, np.where(np.arange(len(signal)) == 5, 0, 1))},
        {"num_class": 3, "min_gain_to_split": 5.0},
        rounds=4,
    ),
    "deep": Variant(
        "40 leaves of one row and more: features repeat on a path",
        params={"num_leaves": 40, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0},
        rounds=2,
    ),
    "monotone": Variant("has monotone_constraints", params={"monotone_constraints": [1, 0, 0, 0, -1]}),
    "unnamed": Variant("no feature names: Column_0 and so on", "binary", binary, names=False),
    "accented": Variant("feature names beyond ASCII, with equals signs", data=accented),
    # Missing values and zeros.
    "missing_nan": Variant("NaN is missing, left at some splits and right at others", data=informative_gaps),
    "missing_alone": Variant("splits of NaN from all numbers: infinite thresholds", data=gaps_alone),
    "missing_none": Variant("no gaps in training: NaN is read as 0", data=without_gaps),
    "use_missing_false": Variant("gaps in training, but NaN is read as 0", data=informative_gaps, params={"use_missing": False}),
    "zero_as_missing": Variant("zeros and NaN are missing", data=sparse, params={"zero_as_missing": True}),
    "near_zero": Variant("values within 1e-35 of zero count as zero", data=near_zero),
    "extreme_values": Variant("values from denormal to the end of f32", data=extreme),
    "missing_changes": Variant(
        "trained on with other data: none, then NaN", data=without_gaps, rounds=4, further=((informative_gaps, {}),)
    ),
    "missing_changes_to_zero": Variant(
        "trained on with other data: none, then zero",
        data=without_gaps,
        rounds=4,
        further=((sparse, {"zero_as_missing": True}),),
    ),
    # Categories.
    "categorical_codes": Variant("codes without names", params=CATEGORICAL, **CODED),
    "categorical_onehot": Variant("one category against the others", params={"max_cat_to_onehot": 100}, **CODED),
    "categorical_names": Variant(
        "string categories", "binary", binary, CATEGORICAL, data=lambda: labelled(LABELLED)
    ),
    "categorical_integers": Variant("integer categories", params=CATEGORICAL, data=lambda: labelled(INTEGERS)),
    "categorical_flags": Variant("categories of booleans, floats and integers", params=CATEGORICAL, data=flags),
    "categorical_mixed_names": Variant(
        "names for two columns, codes without names for a third",
        params=CATEGORICAL,
        data=lambda: labelled({"colour": LABELLED["colour"], "shape": SHAPES}),
        categories=("colour", "shape", "size"),
    ),
    "categorical_constant": Variant(
        "unused columns, one of them categorical with a name", params=CATEGORICAL, data=constant_columns
    ),
    "categorical_ordered": Variant("an ordered categorical is a number with names", params=CATEGORICAL, data=ordered),
    "categorical_multiclass": Variant(
        "categories and three classes",
        "multiclass",
        **SOFTMAX | {"params": CATEGORICAL | {"num_class": 3}},
        data=lambda: labelled(LABELLED),
    ),
    # Linear functions in leaves.
    "linear_tree": Variant("linear_tree=true", params={"linear_tree": True}, data=without_gaps, rounds=5),
    "linear_gaps": Variant(
        "gaps in training, a ridge, a logistic link", "binary", binary, {"linear_tree": True, "linear_lambda": 0.5}, data=informative_gaps
    ),
    "linear_near_zero": Variant("values within 1e-35 of zero count as zero", params={"linear_tree": True}, data=near_zero, rounds=4),
    "linear_categorical": Variant(
        "categorical splits above linear leaves",
        params=CATEGORICAL | {"linear_tree": True, "min_data_in_leaf": 40},
        data=lambda: labelled(LABELLED),
        rounds=4,
    ),
    "linear_multiclass": Variant(
        "three classes, some leaves constant",
        "multiclass",
        **SOFTMAX | {"params": {"num_class": 3, "linear_tree": True, "min_data_in_leaf": 3}},
    ),
    "linear_rf": Variant("random forest: margins add up", params=RF | {"linear_tree": True}, data=without_gaps, rounds=4),
    "linear_dart": Variant("weights are in coefficients", params={"boosting": "dart", "drop_rate": 0.5, "linear_tree": True}, rounds=6),
    "linear_continued": Variant(
        "trained on without linear_tree", params={"linear_tree": True}, rounds=4, further=((numeric, {"linear_tree": False}),)
    ),
    "categorical_rf": Variant("categories in a random forest", params=CATEGORICAL | RF, data=lambda: labelled(LABELLED)),
}
MIXED = Variant(
    "zero_as_missing switched between rounds: NaN and 0 differ at some splits only, a reader must refuse it",
    data=informative_gaps,
    rounds=4,
    further=((sparse, {"zero_as_missing": True}),),
)
