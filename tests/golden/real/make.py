"""Make the goldens of real data: rows of each set, a model, and what XGBoost and exact enumeration say of them.

    python make.py [NAME ...]

Needs data/credit.parquet and, from the scripts in data/, data/large/adult.parquet and data/large/kdd.parquet.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import xgboost as xgb

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "data"
sys.path[:0] = [str(HERE.parent / "common"), str(HERE.parent / "xgboost")]

from reference import Model  # noqa: E402
from tables import agreement, codes_of, contribution_columns, residual, same, write  # noqa: E402

ROWS, BACKGROUND_ROWS = 200, 50
PARAMS = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "tree_method": "hist", "seed": 42, "nthread": 1}


@dataclass
class Real:
    """A table, its columns that are no features, its label, and the rounds of a small model (None: what ships)."""

    table: Path
    others: set
    label: str
    rounds: int | None


SETS = {
    "credit": Real(DATA / "credit.parquet", {"applicant_id", "sex", "split"}, "bad", None),
    "adult": Real(DATA / "large" / "adult.parquet", {"person_id", "split"}, "income_over_50k", 40),
    "kdd": Real(DATA / "large" / "kdd.parquet", {"person_id", "instance_weight"}, "income_over_50k", 20),
}


def load_model(real, folder, frame, label):
    """The booster and its file: the one that ships, or a small one trained on all rows and written here."""
    if real.rounds is None:
        path = DATA / "credit-model.json"
        return xgb.Booster(model_file=path), path
    booster = xgb.train(PARAMS, xgb.DMatrix(frame, label=label, enable_categorical=True), real.rounds)
    booster.save_model(folder / "model.json")
    return booster, folder / "model.json"


def make(name, real):
    """Write one set's folder and print how near XGBoost's contributions are to the exact ones."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    table = pq.read_table(real.table)
    frame = table.drop_columns([real.label, *sorted(real.others)]).to_pandas()
    booster, path = load_model(real, folder, frame, table[real.label].to_numpy())

    random = np.random.default_rng(5)
    chosen, background = (np.sort(random.choice(len(frame), size, replace=False)) for size in (ROWS, BACKGROUND_ROWS))
    write(table.take(chosen), folder / "rows.parquet")
    write(table.take(background), folder / "background.parquet")

    model, codes = Model(path), codes_of(frame).to_numpy()
    rows = xgb.DMatrix(frame.iloc[chosen], enable_categorical=True)
    margins = booster.predict(rows, output_margin=True)[:, None]
    same(margins, model.margins(codes[chosen]), "reference")
    predicted = pd.DataFrame({"margin_0": margins[:, 0], "prediction_0": booster.predict(rows)})
    write(predicted, folder / "expected.parquet")

    exact, base = model.path_dependent(codes[chosen])
    ours = booster.predict(rows, pred_contribs=True)[:, None, :]
    write(contribution_columns(frame.columns, exact, base, xgboost=ours), folder / "contrib.parquet")
    exact_iv, base_iv = model.interventional(codes[chosen], codes[background])
    write(contribution_columns(frame.columns, exact_iv, base_iv), folder / "interventional.parquet")
    residuals = [residual(*values, margins) for values in ((exact, base), (exact_iv, base_iv))]
    print(name, agreement(ours[:, :, :-1], exact), "additivity", residuals, flush=True)


def main():
    """Make the named sets, or all of them."""
    for name in sys.argv[1:] or SETS:
        make(name, SETS[name])


if __name__ == "__main__":
    main()
