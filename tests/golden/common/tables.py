"""What the makers of goldens share: columns of values, rows with names, and how near two sources are."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TRAINING_ROWS = 36


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


def hard_rows(codes, is_category, specials, beside, random):
    """Training rows, then rows that hold special values, odd category codes, and values at and beside thresholds.

    `specials` are special values and odd codes; `beside()` yields (feature, value) pairs, called last.
    """
    rows = [codes[random.choice(len(codes), TRAINING_ROWS, replace=False)]]
    gaps = np.isnan(codes)
    pool = codes[~gaps[:, ~gaps.all(axis=0)].any(axis=1)]

    def put(changes):
        row = pool[random.integers(len(pool))].copy()
        for feature, value in changes.items():
            row[feature] = value
        rows.append(row[None])

    numbers, categories = np.flatnonzero(~is_category), np.flatnonzero(is_category)
    for index, value in enumerate(specials[0]):
        put({numbers[index % len(numbers)]: value})
        put(dict.fromkeys(numbers, value))
    for index, value in enumerate(specials[1] if len(categories) else []):
        put({categories[index % len(categories)]: value})
        put(dict.fromkeys(categories, value))
    for feature, value in beside():
        put({feature: value})
    return np.concatenate(rows)


def named_rows(rows, frame, read):
    """The same rows with category names: a dictionary in reverse order, an unseen name, and null for NaN.

    `read` makes of a column's values what the library sees.
    """
    columns = {}
    for (name, column), values in zip(frame.items(), rows.T, strict=True):
        if not isinstance(column.dtype, pd.CategoricalDtype):
            columns[name] = pa.array(values)
            continue
        categories, values = column.cat.categories, read(values)
        with np.errstate(invalid="ignore"):
            seen = (values >= 0) & (values < len(categories))
            codes = np.where(seen, values, -1).astype(int)
        numbers = categories.dtype.kind in "if"
        names = categories.tolist() if numbers else [str(name).lower() if name in (False, True) else name for name in categories]
        dictionary = [999_999 if numbers else "never seen", *reversed(names)]
        indices = pa.array(np.where(seen, len(categories) - codes, 0), pa.int8(), mask=np.isnan(values))
        columns[name] = pa.DictionaryArray.from_arrays(indices, pa.array(dictionary))
    return pa.table(columns)


def same(expected, found, what):
    """Stop unless two arrays are the same bit for bit."""
    if expected.tobytes() != np.ascontiguousarray(found).tobytes():
        raise SystemExit(f"{what}: differs in {(expected != found).sum()} values")


def agreement(values, exact):
    """How far a library's values are from the exact ones, relative to the largest exact value."""
    if isinstance(values, str):
        return {"values": None, "reason": values}
    error = float(np.abs(values - exact).max() / max(np.abs(exact).max(), 1e-30))
    return {"largest_error": float(f"{error:.1e}"), "right": error < 1e-6}


def residual(values, base, margins):
    """The largest gap between base value plus contributions and the library's own margin."""
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
