"""Make the ONNX goldens: for each variant a model, rows, and what onnxruntime and exact enumeration say of them.

python make.py [VARIANT ...]
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from data import numeric  # noqa: E402
from reference import IsolationForest, Model  # noqa: E402
from tables import contribution_columns, hard_rows, residual, same, write  # noqa: E402
from variants import REFUSED, VARIANTS  # noqa: E402

FLOAT_MAX = float(np.finfo("f4").max)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-40, 1e300, -1e300, FLOAT_MAX, -FLOAT_MAX, 2.5, 2.0]
THRESHOLDS, BACKGROUND_ROWS = 12, 20


def beside_thresholds(model, random):
    """Some thresholds of ordinary branches, and the f64 and f32 just below and above each, as (feature, value).

    Where operators stand before the trees, the values that they map nearest to a threshold are looked for by bisection.
    """
    splits = sorted(
        {
            (int(tree.feature[node]), float(tree.values[node]))
            for tree in model.trees
            for node in np.flatnonzero(np.array(tree.left) != -1)
            if np.ndim(tree.values[node]) == 0
        }
    )
    for index in random.permutation(len(splits))[:THRESHOLDS]:
        feature, threshold = splits[index]
        for value in dict.fromkeys([threshold, source(model, feature, threshold)]):
            yield feature, value
            for towards in (-np.inf, np.inf):
                yield feature, float(np.nextafter(value, towards))
                yield feature, float(np.nextafter(np.float32(value), np.float32(towards)))


def source(model, feature, threshold):
    """The largest number of the input's width that becomes at most `threshold` in the trees' input, if order is kept."""
    wide = model.proto.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    width = np.float64 if wide else np.float32
    low, high = width(-1e6), width(1e6)
    while np.nextafter(low, high) < high:
        middle = width((float(low) + float(high)) / 2)
        if middle in (low, high):
            break
        row = np.zeros((1, model.features))
        row[0, feature] = middle
        low, high = (middle, high) if model.read(row)[0, feature] <= threshold else (low, middle)
    return float(low)


def own_predictions(fitted, rows):
    """What the library that fitted the model predicts, where it takes such rows: columns own_*."""
    try:
        values = fitted.predict_proba(rows) if hasattr(fitted, "predict_proba") else fitted.predict(rows)
    except Exception:  # infinities and gaps are refused by many
        return {}
    values = np.asarray(values, "f8").reshape(len(rows), -1)
    return {f"own_{output}": column for output, column in enumerate(values.T)}


def decisions(fitted, rows, scores):
    """What an isolation forest of scikit-learn decides on rows that it takes, which must be the file's scores."""
    with np.errstate(over="ignore"):
        rows = rows.astype("f4")
    taken = np.isfinite(rows).all(axis=1)
    values = np.full(len(rows), np.nan)
    values[taken] = fitted.decision_function(rows[taken])
    assert np.allclose(values[taken], scores[taken, 0], rtol=0, atol=1e-6)
    return {"own_0": values}


def make(name, variant):
    """Write one variant's folder and return its meta data."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    proto, fitted = variant.make()
    onnx.save(proto, folder / "model.onnx")
    model = (IsolationForest if name.startswith("isolation_forest") else Model)(folder / "model.onnx")

    random = np.random.default_rng(11)
    codes = numeric()[0].to_numpy()
    is_category = np.zeros(codes.shape[1], bool)
    rows = hard_rows(codes, is_category, (SPECIAL, []), lambda: beside_thresholds(model, random), random)
    background = codes[random.choice(len(codes), BACKGROUND_ROWS, replace=False)]
    write(pd.DataFrame(rows, columns=model.names), folder / "rows.parquet")
    write(pd.DataFrame(background, columns=model.names), folder / "background.parquet")

    margins, ours = model.raw(rows), model.margins(rows)
    if model.average:  # divided once by onnxruntime
        assert np.allclose(margins, ours, rtol=3e-7, atol=1e-7)
    else:
        same(margins, ours.astype(margins.dtype), f"{name}: reference")
    scores = model.scores(rows)
    columns = {f"margin_{output}": column for output, column in enumerate(margins.T)}
    columns |= {f"prediction_{output}": column for output, column in enumerate(scores.T)}
    columns |= decisions(fitted, rows, scores) if isinstance(model, IsolationForest) else own_predictions(fitted, rows)
    write(pd.DataFrame(columns), folder / "expected.parquet")

    exact, base = model.interventional(rows, background)
    write(contribution_columns(model.names, exact, base), folder / "interventional.parquet")
    meta = {
        "variant": name,
        "about": variant.about,
        "operator": model.node.op_type,
        "classes": [str(name) for name in model.classes],
        "versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "producer": model.proto.producer_name},
        "trees": len(model.trees),
        "depth": max(tree.used[1] for tree in model.trees),
        "rows": len(rows),
        "exact_interventional_residual": residual(exact, base, margins),
    }
    if variant.paths:
        for tree in model.trees:
            tree.take_covers(model.read(background))
        exact, base = model.path_dependent(rows)
        write(contribution_columns(model.names, exact, base), folder / "contrib.parquet")
        meta["exact_path_dependent_residual"] = residual(exact, base, margins)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    return meta


def main():
    """Make the named variants, or all of them."""
    for name in sys.argv[1:] or VARIANTS:
        meta = make(name, VARIANTS[name])
        print(f"| `{name}` | {meta['about']} | {meta['operator']} | {meta['trees']} |", flush=True)
    for name, variant in REFUSED.items():
        (HERE / name).mkdir(exist_ok=True)
        onnx.save(variant.make()[0], HERE / name / "model.onnx")


if __name__ == "__main__":
    main()
