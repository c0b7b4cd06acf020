"""The shipped credit model, its rows as the model takes them, and its margins as scikit-learn calls them."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import xgboost as xgb
from sklearn.base import BaseEstimator, RegressorMixin

DATA = Path(__file__).resolve().parents[3] / "data"


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


def credit():
    """The model, the table, the model's columns of it (categories as text), and the names of the categorical ones."""
    booster = xgb.Booster(model_file=DATA / "credit-model.json")
    table = pq.read_table(DATA / "credit.parquet").to_pandas()
    categories = {k: v.to_pylist() for k, v in booster.get_categories(export_to_arrow=True).to_arrow() if v is not None}
    dtypes = {name: pd.CategoricalDtype(categories[name]) if name in categories else float for name in booster.feature_names}
    frame = pd.DataFrame({name: table[name].astype(str).astype(object) if name in categories else table[name].astype(float) for name in dtypes})
    return Margins(booster, dtypes), table, frame, list(categories)
