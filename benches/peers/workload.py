"""The rows and models that everyone is measured on, made once from a seed and kept in the work folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

WORK = Path(__file__).resolve().parent / "work"
ROWS = WORK / "rows.parquet"
COUNT, FEATURES, SEED = 100_000, 32, 7
NAMES = [f"f{number}" for number in range(FEATURES)]


@dataclass(frozen=True)
class Workload:
    """One line of the table: a model, the size of the background (None is the path-dependent game), and what is computed of how many rows."""

    name: str
    library: str
    trees: int
    depth: int  # for LightGBM: leaves
    background: int | None = None
    forest: bool = False  # trees side by side, not one after another
    interactions: bool = False
    rows: int = 100_000

    @property
    def path(self):
        suffix = {"xgboost": "json", "lightgbm": "txt", "catboost": "json"}[self.library]
        return WORK / f"{self.library}-{'forest-' if self.forest else ''}{self.trees}x{self.depth}.{suffix}"


WORKLOADS = [
    Workload("XGBoost 500 × depth 6", "xgboost", 500, 6),
    Workload("XGBoost 500 × depth 8", "xgboost", 500, 8),
    Workload("XGBoost 100 × depth 12", "xgboost", 100, 12),
    Workload("XGBoost 100 × depth 4", "xgboost", 100, 4),
    Workload("LightGBM 500 × 63 leaves", "lightgbm", 500, 63),
    Workload("CatBoost 500 × depth 6", "catboost", 500, 6),
    *[Workload(f"XGBoost 500 × depth 6, background {f'{size:,}'.replace(',', ' ')}", "xgboost", 500, 6, size)
      for size in (100, 1_000, 10_000, 100_000)],
    Workload("XGBoost forest 100 × depth 16", "xgboost", 100, 16, forest=True, rows=10_000),
    Workload("XGBoost forest 100 × depth 30", "xgboost", 100, 30, forest=True, rows=5_000),
    Workload("XGBoost 500 × depth 6, interactions", "xgboost", 500, 6, interactions=True, rows=20_000),
    Workload("XGBoost 500 × depth 6, interactions, background 1 000", "xgboost", 500, 6, 1_000, interactions=True, rows=20_000),
]


def data():
    """Features that f32 holds exactly, and a label with effects of one, two and three features."""
    random = np.random.default_rng(SEED)
    x = random.normal(size=(COUNT, FEATURES)).astype(np.float32)
    weights = random.normal(size=FEATURES)
    signal = x @ weights + np.sin(3 * x[:, 0]) * x[:, 1] * 2 + x[:, 2] * x[:, 3] * x[:, 4]
    label = (signal + random.normal(size=COUNT) * 2 > 0).astype(int)
    return pd.DataFrame(x, columns=NAMES), label


def prepare(workloads):
    """Writes the rows and every model that is not there yet; gives the rows."""
    WORK.mkdir(exist_ok=True)
    rows, label = data()
    if not ROWS.exists():
        rows.to_parquet(ROWS, compression="zstd", row_group_size=16_384)
    for workload in workloads:
        if not workload.path.exists():
            print(f"training {workload.path.name}", flush=True)
            TRAIN[workload.library](rows, label, workload)
    return rows


def train_xgboost(rows, label, workload):
    import xgboost

    settings = {"objective": "binary:logistic", "max_depth": workload.depth, "eta": 0.05, "tree_method": "hist", "seed": 1, "nthread": 1}
    if workload.forest:
        settings |= {"eta": 1, "num_parallel_tree": workload.trees, "subsample": 0.63, "colsample_bynode": 0.3}
    xgboost.train(settings, xgboost.DMatrix(rows, label=label), 1 if workload.forest else workload.trees).save_model(workload.path)


def train_lightgbm(rows, label, workload):
    import lightgbm

    settings = {"objective": "binary", "num_leaves": workload.depth, "learning_rate": 0.05, "seed": 1, "num_threads": 1, "verbosity": -1,
                "deterministic": True, "force_row_wise": True}
    lightgbm.train(settings, lightgbm.Dataset(rows, label), workload.trees).save_model(workload.path)


def train_catboost(rows, label, workload):
    import catboost

    model = catboost.CatBoostClassifier(iterations=workload.trees, depth=workload.depth, learning_rate=0.05, random_seed=1, thread_count=1,
                                        verbose=False, allow_writing_files=False)
    model.fit(rows, label).save_model(str(workload.path), format="json", pool=catboost.Pool(rows, label))


TRAIN = {"xgboost": train_xgboost, "lightgbm": train_lightgbm, "catboost": train_catboost}
