"""What the makers of goldens share: rows as XGBoost takes them, columns of values, and how near two sources are."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb

from reference import to_f32

FLOAT_MAX = float(np.finfo("f4").max)
UNSEEN_CODE = float(2**20)


def codes_of(frame):
    """The frame as f64, categoricals replaced by their codes and nulls by NaN."""
    columns = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy().astype("f8")
            columns[name] = np.where(codes < 0, np.nan, codes)
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns)


def finite(rows, is_category):
    """Rows for DMatrix, which refuses infinities: the largest f32 instead, or an unseen code; they decide alike."""
    rows = to_f32(rows).astype("f8")
    return np.where(np.isinf(rows), np.where(is_category, UNSEEN_CODE, np.copysign(FLOAT_MAX, rows)), rows)


def matrix(booster, rows):
    """A DMatrix of plain codes for a booster with or without names."""
    return xgb.DMatrix(
        rows, feature_names=booster.feature_names, feature_types=booster.feature_types, enable_categorical=True
    )


def same(expected, found, what):
    """Stop unless two f32 arrays are the same bit for bit."""
    if expected.tobytes() != np.ascontiguousarray(found).tobytes():
        raise SystemExit(f"{what}: differs in {(expected != found).sum()} values")


def agreement(values, exact):
    """How far a library's values are from the exact ones, relative to the largest exact value."""
    if isinstance(values, str):
        return {"values": None, "reason": values}
    error = float(np.abs(values - exact).max() / max(np.abs(exact).max(), 1e-30))
    return {"largest_error": float(f"{error:.1e}"), "right": error < 1e-6}


def residual(values, base, margins):
    """The largest gap between base value plus contributions and XGBoost's own f32 margin."""
    return float(f"{np.abs(values.sum(axis=2) + base - margins).max():.1e}")


def contribution_columns(names, exact, base, **libraries):
    """Columns <library>_<output>_<feature>, and the base value under `bias`."""
    columns = {}
    for library, values in {"exact": np.concatenate([exact, base[:, :, None]], axis=2), **libraries}.items():
        if isinstance(values, str):
            continue
        for output in range(values.shape[1]):
            for feature, name in zip(range(values.shape[2]), [*names, "bias"], strict=False):
                columns[f"{library}_{output}_{name}"] = values[:, output, feature]
    return pd.DataFrame(columns)


def write(table, path):
    """Write a frame or an Arrow table as zstd Parquet without pandas metadata."""
    if isinstance(table, pd.DataFrame):
        table = pa.table({name: pa.array(column.to_numpy(), from_pandas=False) for name, column in table.items()})
    pq.write_table(table, path, compression="zstd", compression_level=9)
