"""Rows as XGBoost takes them."""

import numpy as np
import xgboost as xgb
from reference import to_f32

FLOAT_MAX = float(np.finfo("f4").max)
UNSEEN_CODE = float(2**20)


def finite(rows, is_category):
    """Rows for DMatrix, which refuses infinities: the largest f32 instead, or an unseen code; they decide alike."""
    rows = to_f32(rows).astype("f8")
    return np.where(np.isinf(rows), np.where(is_category, UNSEEN_CODE, np.copysign(FLOAT_MAX, rows)), rows)


def matrix(booster, rows):
    """A DMatrix of plain codes for a booster with or without names."""
    return xgb.DMatrix(
        rows, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
    )
