"""Make credit.json: partial dependence, individual curves and accumulated local effects of data/credit-model.json by other libraries.

Run with scikit-learn 1.9.1, xgboost 3.4.1, PyALE 1.2.0, pandas and pyarrow: `python make.py`.
scikit-learn's `partial_dependence(method="brute")` averages the model's margins over all rows; PyALE bins by quantiles that are values.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import xgboost as xgb
from PyALE import ale
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "data"
GRIDS = {
    "duration": [4.0, 8.0, 12.5, 24.0, 36.0, 72.0],
    "amount": [250.0, 1000.0, 3900.5, 8000.0, 18424.0],
    "purpose": ["car (new)", "education", "others"],
}
ROWS = 5


class Margins(RegressorMixin, BaseEstimator):
    """A booster's margins; columns come as the booster's categories."""

    def __init__(self, booster=None, dtypes=None):
        self.booster, self.dtypes = booster, dtypes

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        frame = pd.DataFrame({name: X[name].astype(dtype) for name, dtype in self.dtypes.items()})
        return self.booster.predict(xgb.DMatrix(frame, enable_categorical=True), output_margin=True).astype(float)


def main():
    booster = xgb.Booster(model_file=DATA / "credit-model.json")
    table = pq.read_table(DATA / "credit.parquet").to_pandas()
    categories = {k: v.to_pylist() for k, v in booster.get_categories(export_to_arrow=True).to_arrow() if v is not None}
    dtypes = {name: pd.CategoricalDtype(categories[name]) if name in categories else float for name in booster.feature_names}
    frame = pd.DataFrame({name: table[name].astype(str).astype(object) if name in categories else table[name].astype(float) for name in dtypes})
    model = Margins(booster, dtypes)
    found = {"partial_dependence": {}, "individual": {}, "ale": {}}
    for name, grid in GRIDS.items():
        values = np.array(grid, dtype=object if isinstance(grid[0], str) else float)
        result = partial_dependence(model, frame, [name], method="brute", kind="both", custom_values={name: values}, categorical_features=[n for n in categories])
        found["partial_dependence"][name] = {"values": grid, "means": result["average"][0].tolist()}
        found["individual"][name] = {"rows": table["applicant_id"][:ROWS].tolist(), "curves": result["individual"][0][:ROWS].tolist()}
    for name in ("duration", "amount"):
        curve = ale(frame, model, feature=[name], grid_size=20, include_CI=False, plot=False, feature_type="continuous")
        found["ale"][name] = {"edges": curve.index.tolist(), "effects": curve["eff"].tolist(), "rows": curve["size"].tolist()}
    (HERE / "credit.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
