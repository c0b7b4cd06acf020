"""Make goldens of one older LightGBM release, the one that is installed: models as it wrote them, and its own predictions.

    python make.py
"""

import json
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
ROWS, SHOWN, ROUNDS = 400, 60, 4
COLOURS = [f"colour {index}" for index in range(30)]
PARAMS = {"num_leaves": 6, "min_data_in_leaf": 10, "seed": 7, "num_threads": 1, "verbose": -1, "min_data_per_group": 5}
RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}


def data():
    """Two numeric features with gaps and zeros, two categorical ones of 30 and 3 categories, and a signal."""
    random = np.random.RandomState(5)
    x = random.normal(size=(ROWS, 4)).round(1)
    x[:, 2], x[:, 3] = random.randint(0, 30, ROWS), random.randint(0, 3, ROWS)
    signal = np.sin(x[:, 2]) + (x[:, 3] == 1) * x[:, 0] + x[:, 1] + 0.2 * random.normal(size=ROWS)
    x[random.uniform(size=x.shape) < 0.08] = np.nan
    frame = pd.DataFrame({"length": x[:, 0], "width": x[:, 1]})
    for name, codes, categories in (("colour", x[:, 2], COLOURS), ("shape", x[:, 3], [10, 30, 20])):
        frame[name] = pd.Categorical.from_codes(np.nan_to_num(codes, nan=-1).astype(int), categories)
    return frame, x, signal


MODELS = {
    "binary": ({"objective": "binary", "sigmoid": 1.5}, lambda signal: signal > 0.3),
    "multiclass": ({"objective": "multiclass", "num_class": 3}, lambda signal: np.digitize(signal, [-0.8, 0.9])),
    "rf": ({"objective": "regression"} | RF, lambda signal: signal),
    "rf_binary": ({"objective": "binary"} | RF, lambda signal: signal > 0.3),
    "zero_as_missing": ({"objective": "poisson", "zero_as_missing": True}, lambda signal: np.floor(np.exp(0.3 * signal))),
    "cross_entropy_lambda": ({"objective": "cross_entropy_lambda"}, lambda signal: 1 / (1 + np.exp(-signal))),
}


def make(name, params, target):
    """Write one model's folder."""
    frame, codes, signal = data()
    booster = lgb.train(PARAMS | params, lgb.Dataset(frame, target(signal).astype(float)), ROUNDS)
    folder = HERE / lgb.__version__ / name
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(str(folder / "model.txt"))
    if tuple(int(part) for part in lgb.__version__.split(".")) >= (3,):
        (folder / "model.json").write_text(json.dumps(booster.dump_model()) + "\n")
    booster = lgb.Booster(model_file=str(folder / "model.txt"))
    rows = codes[:SHOWN].copy()
    rows[40:44, 0] = [np.inf, -np.inf, -0.0, 1e-36]
    rows[44:50, 2] = [99, -1, 2.7, 40, 31, 1e6]
    rows[50:54] = np.nan
    columns = {}
    for prefix, options in {"margin": {"raw_score": True}, "prediction": {}}.items():
        for output, column in enumerate(booster.predict(rows, **options).reshape(SHOWN, -1).T):
            columns[f"{prefix}_{output}"] = column
    for file, table in {"rows": dict(zip(frame, rows.T)), "expected": columns}.items():
        pq.write_table(pa.table(table), folder / f"{file}.parquet", compression="zstd")


warnings.simplefilter("ignore")
for name, (params, target) in MODELS.items():
    make(name, params, target)
