"""Make goldens of one older XGBoost release, the one that is installed: models as it wrote them, and its own predictions.

    python make.py
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb

HERE = Path(__file__).resolve().parent
RELEASE = xgb.__version__
SINCE = tuple(int(part) for part in RELEASE.split("."))
ROWS, SHOWN, ROUNDS = 400, 60, 4
NAMES = ["length", "width", "colour", "shape"]


def data():
    """Two numeric features with gaps and two of codes (30 and 3 categories), and a signal."""
    random = np.random.RandomState(5)
    x = random.normal(size=(ROWS, 4)).round(2)
    x[:, 2], x[:, 3] = random.randint(0, 30, ROWS), random.randint(0, 3, ROWS)
    signal = np.sin(x[:, 2]) + (x[:, 3] == 1) * x[:, 0] + x[:, 1] + 0.2 * random.normal(size=ROWS)
    x[random.uniform(size=x.shape) < 0.08] = np.nan
    return x, signal


def classes(signal):
    """Three classes."""
    return np.digitize(signal, [-0.8, 0.9])


def real(signal):
    """The signal itself."""
    return signal


def binary(signal):
    """A 0/1 target."""
    return (signal > 0.3).astype(int)


def several(signal):
    """Three targets."""
    return np.stack([signal, 1 - signal, np.abs(signal)], axis=1)


MULTI = {"objective": "multi:softprob", "num_class": 3}
FOREST = {"num_parallel_tree": 3, "subsample": 0.6}
DART = {"booster": "dart", "rate_drop": 0.6}
VECTOR = {"multi_strategy": "multi_output_tree"}
PRUNED = {"tree_method": "exact", "gamma": 8.0, "max_depth": 5}

# Name: (parameters, target, categorical features, first release that can).
VARIANTS = {
    "binary": ({"objective": "binary:logistic", "base_score": 0.3}, binary, False, (1, 0)),
    "poisson": ({"objective": "count:poisson"}, lambda signal: np.floor(np.exp(signal)), False, (1, 0)),
    "multiclass": (MULTI, classes, False, (1, 0)),
    "dart": (DART, real, False, (1, 0)),
    "forest_multiclass": (MULTI | FOREST, classes, False, (1, 0)),
    "pruned": (PRUNED, real, False, (1, 0)),
    "categorical": ({"max_cat_to_onehot": 5}, real, True, (1, 7)),
    "early_stopping": ({"objective": "binary:logistic"}, binary, False, (1, 0)),
    "multi_target": ({}, several, False, (1, 7)),
    "vector_leaf": (VECTOR, several, False, (2, 0)),
    "vector_leaf_single": (VECTOR | {"gamma": 1e6}, several, False, (2, 0)),
    "quantiles": ({"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]}, real, False, (2, 0)),
}


def matrix(x, label=None, categorical=False):
    """A DMatrix, with column types where categories are used."""
    options = {"feature_names": NAMES}
    if categorical:
        options |= {"feature_types": ["float", "float", "c", "c"], "enable_categorical": True}
    # Arrays of f32, because 1.1 refuses to convert under NumPy 2.
    return xgb.DMatrix(np.ascontiguousarray(x, "f4"), label=None if label is None else np.ascontiguousarray(label, "f4"), **options)


def make(name):
    """Write one variant's folder."""
    parameters, target, categorical, _ = VARIANTS[name]
    x, signal = data()
    label = target(signal)
    parameters = {"max_depth": 3, "tree_method": "hist", "seed": 3, "nthread": 1} | parameters
    if name == "early_stopping":
        options = {"evals": [(matrix(x[200:], label[200:]), "held")], "early_stopping_rounds": 3, "verbose_eval": False}
        booster = xgb.train(parameters, matrix(x[:200], label[:200]), 60, **options)
    else:
        booster = xgb.train(parameters, matrix(x, label, categorical), ROUNDS)
    folder = HERE / RELEASE / name
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("json", "ubj") if SINCE >= (1, 6) else ("json",):
        booster.save_model(str(folder / f"model.{suffix}"))
    # The file's own predictions: reading it back drops what only lives in memory, as an early stop's choice of rounds.
    booster = xgb.Booster(model_file=str(folder / "model.json"))
    shown = x[:SHOWN]
    margins = booster.predict(matrix(shown, None, categorical), output_margin=True, **all_rounds(booster))
    columns = {f"margin_{output}": pa.array(column) for output, column in enumerate(margins.reshape(SHOWN, -1).T)}
    pq.write_table(pa.table(columns), folder / "expected.parquet", compression="zstd")
    pq.write_table(pa.table({n: pa.array(c) for n, c in zip(NAMES, shown.T)}), folder / "rows.parquet", compression="zstd")


def all_rounds(booster):
    """Arguments with which `predict` uses every round."""
    return {"iteration_range": (0, booster.num_boosted_rounds())} if SINCE >= (1, 4) else {"ntree_limit": 0}


def main():
    """Make every variant that this release can."""
    warnings.filterwarnings("ignore")
    for name, (*_, since) in VARIANTS.items():
        if SINCE >= since:
            make(name)
            print(RELEASE, name, file=sys.stderr)


if __name__ == "__main__":
    main()
