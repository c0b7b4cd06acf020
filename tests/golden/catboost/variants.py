"""The models of the goldens: a table of variants, each a small training set and the parameters that fit it."""

from dataclasses import dataclass, field

import catboost as cb
import numpy as np
import pandas as pd
from data import (
    INTEGERS,
    LABELLED,
    ROWS,
    binary,
    classes,
    counts,
    extreme,
    informative_gaps,
    labelled,
    numeric,
    positive,
    ranked,
    real,
    several,
    survival,
)

PARAMS = {
    "iterations": 10,
    "depth": 3,
    "learning_rate": 0.3,
    "random_seed": 7,
    "thread_count": 1,
    "allow_writing_files": False,
    "logging_level": "Silent",
}
PREDICTIONS = {
    "Exponent": {"Poisson", "Tweedie"},
    "RMSEWithUncertainty": {"RMSEWithUncertainty"},
    "Probability": {
        "Logloss",
        "CrossEntropy",
        "Focal",
        "MultiClass",
        "MultiClassOneVsAll",
        "MultiLogloss",
        "MultiCrossEntropy",
    },
}


def texts(names):
    """The coded features as texts or integers, which is how CatBoost takes categories, with a category for the gaps."""
    frame, signal = labelled(names)
    for name, categories in names.items():
        missing = -999 if isinstance(categories[0], int) else "missing"
        filled = frame[name].cat.add_categories([missing]).fillna(missing)
        frame[name] = filled.astype(int if isinstance(missing, int) else object)
    return frame, signal


def booleans():
    """A boolean category, integers, and texts."""
    frame, signal = texts({"colour": INTEGERS["colour"], "size": LABELLED["size"]})
    frame["shape"] = frame["shape"] == 1
    return frame, signal


def labels(signal):
    """Two classes by name."""
    return {"label": np.where(signal > 0.5, "yes", "no")}


def named_classes(signal):
    """Three classes by name."""
    return {"label": np.array(["low", "middle", "high"])[np.digitize(signal, [-1.0, 1.5])]}


def shares(signal):
    """A target between 0 and 1."""
    return {"label": 1 / (1 + np.exp(-signal))}


def several_labels(signal):
    """Three 0/1 targets."""
    return {"label": np.stack([signal > 0.5, signal < -1, np.abs(signal) > 2], axis=1).astype(int)}


def several_shares(signal):
    """Three targets between 0 and 1."""
    return {"label": 1 / (1 + np.exp(-several(signal)["label"]))}


def several_gaps(signal):
    """Three targets with gaps."""
    label = several(signal)["label"].copy()
    label[np.random.default_rng(5).random(label.shape) < 0.1] = np.nan
    return {"label": label}


def intervals(signal):
    """Survival times as intervals, some open to the right."""
    time = np.exp(0.3 * signal)
    return {"label": np.stack([time, np.where(np.arange(ROWS) % 4 == 0, -1, 1.2 * time)], axis=1)}


def grouped(target):
    """The target with groups under CatBoost's name."""

    def make(signal):
        columns = target(signal)
        return {"label": columns["label"], "group_id": columns["qid"]}

    return make


def weighted(target):
    """The target with weights that are no integers, some of them zero."""

    def make(signal):
        weight = np.random.default_rng(6).random(ROWS) * (np.arange(ROWS) % 7 > 0)
        return target(signal) | {"weight": weight}

    return make


@dataclass
class Variant:
    """What a folder shows, and how its model is trained."""

    about: str
    loss: str = "RMSE"
    target: object = real
    params: dict = field(default_factory=dict)
    data: object = numeric
    with_texts: bool = True
    scale_and_bias: tuple | None = None
    early_stopping: bool = False
    refused: str | None = None
    text_features: tuple = ()

    @property
    def prediction_type(self):
        """What CatBoostRegressor, CatBoostClassifier and CatBoostRanker predict, probabilities for classes."""
        loss = self.loss.split(":")[0]
        return next((kind for kind, losses in PREDICTIONS.items() if loss in losses), "RawFormulaVal")

    def pool(self, frame, **columns):
        """A pool of these rows."""
        if not isinstance(frame, pd.DataFrame):
            return cb.Pool(frame, **columns)
        categories = [
            index
            for index, (name, dtype) in enumerate(frame.dtypes.items())
            if dtype.kind != "f" and name not in self.text_features
        ]
        return cb.Pool(frame, cat_features=categories, text_features=list(self.text_features) or None, **columns)

    def train(self):
        """The trained model and its pool."""
        frame, signal = self.data()
        pool = self.pool(frame, **self.target(signal))
        model = cb.CatBoost(PARAMS | {"loss_function": self.loss} | self.params)
        if self.early_stopping:
            held_out = np.random.default_rng(8).random(len(frame)) < 0.3
            parts = [self.pool(frame[part], label=signal[part]) for part in (~held_out, held_out)]
            return model.fit(parts[0], eval_set=parts[1], use_best_model=True), pool
        model.fit(pool)
        if self.scale_and_bias:
            model.set_scale_and_bias(*self.scale_and_bias)
        return model, pool


CTR = {"one_hot_max_size": 1, "max_ctr_complexity": 1, "iterations": 12}
ONE_HOT = {"one_hot_max_size": 255}
DEPTHWISE = {"grow_policy": "Depthwise", "depth": 4, "iterations": 6, "min_data_in_leaf": 3}
LOSSGUIDE = {"grow_policy": "Lossguide", "depth": 6, "max_leaves": 7, "iterations": 6}


def labelled_texts():
    """Categories as texts."""
    return texts(LABELLED)


def integers():
    """Categories as integers, some of them negative."""
    return texts(INTEGERS)


def with_words():
    """A column of words beside numbers."""
    frame, signal = numeric()
    words = np.where(signal > 0, "good and fine", "bad or poor")
    return frame.assign(remark=words), signal


VARIANTS = {
    # One for each loss function and link.
    "reg_rmse": Variant("identity link"),
    "reg_mae": Variant("leaf values are medians", "MAE"),
    "reg_quantile": Variant("one quantile", "Quantile:alpha=0.3"),
    "reg_quantile_several": Variant("three quantiles, an output each", "MultiQuantile:alpha=0.1,0.5,0.9"),
    "reg_poisson": Variant("log link", "Poisson", counts),
    "reg_tweedie": Variant("log link", "Tweedie:variance_power=1.3", positive),
    "reg_loglinquantile": Variant("predictions stay raw", "LogLinQuantile:alpha=0.5", positive),
    "reg_uncertainty": Variant("a mean and half the log of a variance", "RMSEWithUncertainty"),
    "multi_rmse": Variant("a vector of targets", "MultiRMSE", several),
    "multi_rmse_gaps": Variant("targets with gaps", "MultiRMSEWithMissingValues", several_gaps),
    "survival_aft": Variant("predictions stay raw", "SurvivalAft", intervals),
    "survival_cox": Variant("predictions stay raw", "Cox", survival),
    "binary_logloss": Variant("logit link", "Logloss", binary),
    "binary_crossentropy": Variant("logit link on a real target", "CrossEntropy", shares),
    "binary_focal": Variant("logit link", "Focal:focal_alpha=0.4;focal_gamma=2.0", binary),
    "binary_labels": Variant("classes have names", "Logloss", labels),
    "multiclass": Variant("softmax link; leaves hold a value for each class", "MultiClass", classes),
    "multiclass_named": Variant("classes have names", "MultiClass", named_classes),
    "multiclass_one_vs_all": Variant("a logit link for each class", "MultiClassOneVsAll", named_classes),
    "multilabel": Variant("a logit link for each label", "MultiLogloss", several_labels),
    "multilabel_shares": Variant("the same on real targets", "MultiCrossEntropy", several_shares),
    "rank_yetirank": Variant("identity link", "YetiRank", grouped(ranked)),
    "rank_queryrmse": Variant("identity link", "QueryRMSE", grouped(ranked)),
    # Shapes of the forest.
    "stump": Variant("depth 1", "Logloss", binary, {"depth": 1}),
    "deep": Variant("depth 9: features repeat on a path, and most leaves are empty", params={"depth": 9, "iterations": 2}),
    "many_trees": Variant("sums in f64 over 60 trees", params={"iterations": 60, "depth": 2}),
    "many_borders": Variant("more borders than a byte can count", params={"border_count": 600, "iterations": 60, "depth": 2}),
    "depthwise": Variant("not oblivious", "Logloss", binary, DEPTHWISE),
    "depthwise_multiclass": Variant("not oblivious, three classes", "MultiClass", classes, DEPTHWISE),
    "lossguide": Variant("not oblivious, leaves at different depths", params=LOSSGUIDE),
    "lossguide_categories": Variant("not oblivious, with categories", params=LOSSGUIDE | ONE_HOT, data=labelled_texts),
    "lossguide_ctr": Variant("not oblivious, with CTRs", "Logloss", binary, LOSSGUIDE | CTR, labelled_texts),
    "weights": Variant("covers that are no integers", "Logloss", weighted(binary)),
    "early_stopping": Variant("shrunk to its best iteration", params={"iterations": 60, "learning_rate": 0.5}, early_stopping=True),
    "no_average": Variant("starts from zero", params={"boost_from_average": False}),
    "scaled": Variant("scale_and_bias set by the user", scale_and_bias=(0.3, -1.25)),
    # Missing values and extremes.
    "nan_min": Variant("NaN below all borders", data=informative_gaps),
    "nan_max": Variant("NaN above all borders", params={"nan_mode": "Max"}, data=informative_gaps),
    "nan_never_seen": Variant("no gaps in training", params={"nan_mode": "Max"}, data=lambda: numeric(missing=0.0)),
    "extreme_values": Variant("borders from denormal to the end of f32", data=extreme),
    "unnamed": Variant("no feature names", data=lambda: (numeric()[0].to_numpy(), numeric()[1])),
    "ignored_features": Variant("features that no tree may use", params={"ignored_features": [1, 3]}),
    # Categories.
    "onehot_texts": Variant("single categories, texts in the file", "Logloss", binary, ONE_HOT, labelled_texts),
    "onehot_no_texts": Variant("saved without a pool: hashes alone", params=ONE_HOT, data=labelled_texts, with_texts=False),
    "onehot_integers": Variant("integer categories", params=ONE_HOT, data=integers),
    "onehot_booleans": Variant("a boolean, an integer and a text column", params=ONE_HOT, data=booleans),
    "onehot_multiclass": Variant("categories and three classes", "MultiClass", classes, ONE_HOT, labelled_texts),
    "ctr_binary": Variant("CTRs of kinds Borders and Counter", "Logloss", binary, CTR, labelled_texts),
    "ctr_no_texts": Variant("CTRs, saved without a pool", "Logloss", binary, CTR, labelled_texts, with_texts=False),
    "ctr_regression": Variant(
        "several borders of the target",
        params=CTR | {"simple_ctr": ["Borders:TargetBorderCount=3:Prior=0.5"]},
        data=integers,
    ),
    "ctr_buckets": Variant(
        "CTRs of kind Buckets", "MultiClass", classes, CTR | {"simple_ctr": ["Buckets", "Counter"]}, labelled_texts
    ),
    "ctr_mean": Variant(
        "CTRs of kind BinarizedTargetMeanValue",
        params=CTR | {"simple_ctr": ["BinarizedTargetMeanValue:TargetBorderCount=4"]},
        data=labelled_texts,
    ),
    "ctr_beside_onehot": Variant(
        "small columns one-hot, large ones by CTRs", "Logloss", binary, CTR | {"one_hot_max_size": 6}, labelled_texts
    ),
    # What a reader must refuse.
    "ctr_combination": Variant(
        "CTRs of two categories at once",
        "Logloss",
        binary,
        CTR | {"max_ctr_complexity": 2, "iterations": 30},
        labelled_texts,
        refused="it splits on CTRs of several features",
    ),
    "text": Variant(
        "a column of words", "Logloss", binary, data=with_words, refused="a text feature", text_features=("remark",)
    ),
}
