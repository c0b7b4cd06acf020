"""Fits a scikit-learn pipeline on the shipped credit data and keeps it beside this script, for score.py.

    pip install -r examples/command/requirements.txt
    python examples/command/train.py
"""

from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).resolve().parent
FEATURES = ["status", "duration", "credit_history", "purpose", "amount", "savings", "employment", "age"]

rows = pd.read_parquet(HERE.parents[1] / "data" / "credit.parquet")
train = rows[rows["split"] == "train"]
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    (StandardScaler(), make_column_selector(dtype_include="number")),
)
model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(train[FEATURES], train["bad"])
joblib.dump(model, HERE / "model.joblib")
