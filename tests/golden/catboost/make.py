"""Make the CatBoost goldens: for each variant a model, rows, and what CatBoost, shap and exact enumeration say of them.

python make.py [VARIANT ...]
"""

import json
import sys
import tempfile
from pathlib import Path

import catboost as cb
import numpy as np
import pandas as pd
import shap

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from reference import UNSEEN, Model  # noqa: E402
from tables import agreement, contribution_columns, hard_rows, residual, same, write  # noqa: E402
from variants import VARIANTS  # noqa: E402

FLOAT_MAX = float(np.finfo("f4").max)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-40, 1e300, -1e300, FLOAT_MAX, -FLOAT_MAX]
BORDERS, BACKGROUND_ROWS = 10, 16


def as_frame(data):
    """A frame with CatBoost's own names for columns that have none."""
    return data if isinstance(data, pd.DataFrame) else pd.DataFrame(data, columns=[str(i) for i in range(data.shape[1])])


def beside_borders(model, random):
    """Some of the model's borders, the f64 just above each (which rounds onto it) and the f32 just above, as (feature, value)."""
    splits = [(feature["flat_feature_index"], border) for feature in model.floats for border in feature["borders"]]
    for index in random.permutation(len(splits))[:BORDERS]:
        feature, border = splits[index][0], np.float32(splits[index][1])
        yield feature, float(border)
        yield feature, np.nextafter(float(border), np.inf)
        yield feature, float(np.nextafter(border, np.float32(np.inf)))


def rows_of(frame, model, random):
    """Training rows, then rows that hold special values, values at and beside borders, and each category and unseen ones."""
    codes, categories = {}, {}
    for name, numeric in zip(frame, model.numeric, strict=True):
        codes[name], categories[name] = (frame[name], None) if numeric else pd.factorize(frame[name])
    most = max((len(known) for known in categories.values() if known is not None), default=0)
    specials = SPECIAL, [*range(most), -1]
    coded = pd.DataFrame(codes).to_numpy("f8")
    rows = hard_rows(coded, ~np.array(model.numeric), specials, lambda: beside_borders(model, random), random)
    columns = {}
    for (name, known), values in zip(categories.items(), rows.T, strict=True):
        if known is None:
            columns[name] = values
        else:
            unseen = {"b": False, "i": 999_999}.get(known.dtype.kind, "never seen")
            columns[name] = [known[int(code)] if 0 <= code < len(known) else unseen for code in values]
    return pd.DataFrame(columns).astype({name: frame[name].dtype for name, known in categories.items() if known is not None})


def hashes_of(model, pool):
    """CatBoost's hashes of the categories in a pool, by their texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(path, format="json", pool=pool)
        listed = json.loads(path.read_text())["features_info"].get("cat_features_hash") or []
    return {entry["value"]: entry["hash"] for entry in listed}


def coded(frame, model, hashes):
    """The rows as f64, categories by the hashes of their texts."""
    columns = []
    for name, numeric in zip(frame, model.numeric, strict=True):
        values = frame[name]
        if not numeric:
            values = (values.astype(int) if values.dtype == bool else values).astype(str).map(hashes).fillna(UNSEEN)
        columns.append(values.to_numpy("f8"))
    return np.stack(columns, axis=1)


def save(folder, variant, model, pool):
    """Write both forms of the model, without what differs from run to run."""
    folder.mkdir(exist_ok=True)
    facts = model.get_metadata()
    facts["model_guid"], facts["train_finish_time"] = "0-0-0-0", "2026-01-01T00:00:00Z"
    model.save_model(folder / "model.cbm")
    if not variant.text_features:
        model.save_model(folder / "model.json", format="json", pool=pool if variant.with_texts else None)


def predictions(model, variant, rows, reference, coded_rows):
    """Columns margin_* and prediction_*, and margins of a shorter model; all from CatBoost."""
    columns = {}

    def add(prefix, kind, stop=0):
        values = np.asarray(model.predict(variant.pool(rows), prediction_type=kind, ntree_end=stop), "f8")
        values = values.reshape(len(rows), -1)
        if kind == "Probability" and reference.outputs == 1:
            values = values[:, 1:]
        columns.update({f"{prefix}_{output}": values[:, output] for output in range(values.shape[1])})
        return values

    margins = add("margin", "RawFormulaVal")
    same(margins, reference.margins(coded_rows), "reference")
    if model.tree_count_ > 3:
        same(add("margin_first_3_rounds", "RawFormulaVal", 3), reference.margins(coded_rows, 3), "reference, 3 rounds")
    add("prediction", variant.prediction_type)
    return pd.DataFrame(columns), margins


def own_values(model, pool, outputs, **settings):
    """CatBoost's own values (rows, outputs, features) and base values, or the text of its refusal twice."""
    try:
        values = model.get_feature_importance(pool, type="ShapValues", **settings)
    except cb.CatBoostError as error:
        return (refusal(error),) * 2
    values = np.asarray(values).reshape(pool.num_row(), -1, len(pool.get_feature_names()) + 1)
    if values.shape[1] != outputs:
        return ("gives values of one output alone",) * 2
    return values[:, :, :-1], values[:, :, -1]


def interventional_values(model, variant, rows, background, chosen, outputs):
    """CatBoost's own values against a background, shap's and its base values; of what brings them down, a word instead."""
    columns = {key: np.asarray(column) for key, column in variant.target(variant.data()[1]).items()}
    if "grow_policy" in variant.params:
        own = "exhausts memory on trees that are not oblivious"
    elif variant.loss == "RMSEWithUncertainty":
        own = "crashes on RMSEWithUncertainty"
    else:
        pool = variant.pool(rows, **{key: column[: len(rows)] for key, column in columns.items()})
        background_pool = variant.pool(background, **{key: column[chosen] for key, column in columns.items()})
        own, _ = own_values(model, pool, outputs, reference_data=background_pool)
    if outputs > 1:
        return own, *("crashes on several outputs",) * 2
    kind = cb.CatBoostClassifier if variant.prediction_type == "Probability" else cb.CatBoostRegressor
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(Path(folder) / "model.cbm")
        model = kind().load_model(Path(folder) / "model.cbm")
    try:
        explainer = shap.TreeExplainer(model, in_f32(background), feature_perturbation="interventional")
        values = np.asarray(explainer.shap_values(in_f32(rows), check_additivity=False))
    except Exception as error:  # whatever shap raises is what the golden records
        return own, *(refusal(error),) * 2
    return own, values[:, None, :], np.full((len(rows), 1), explainer.expected_value)


def in_f32(frame):
    """The frame with numbers rounded to f32, as CatBoost compares them and shap does not."""
    with np.errstate(over="ignore"):
        return frame.astype({name: "f4" for name in frame.columns[frame.dtypes == "f8"]}).astype(frame.dtypes)


def refusal(error):
    """The first line of an error."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"


def make(name, variant):
    """Write one variant's folder and return its meta data."""
    folder = HERE / name
    model, pool = variant.train()
    save(folder, variant, model, pool)
    meta = {"variant": name, "about": variant.about, "loss": variant.loss, "versions": {"catboost": cb.__version__, "shap": shap.__version__}}
    if variant.refused:
        (folder / "meta.json").write_text(json.dumps(meta | {"refused": variant.refused}, indent=1) + "\n")
        return meta
    reference, frame = Model(folder / "model.json"), as_frame(variant.data()[0])
    random = np.random.default_rng(11)
    rows = rows_of(frame, reference, random)
    chosen = np.sort(random.choice(len(frame), BACKGROUND_ROWS, replace=False))
    background = frame.iloc[chosen].reset_index(drop=True)
    write(rows, folder / "rows.parquet")
    write(background, folder / "background.parquet")
    hashes = hashes_of(model, pool)
    coded_rows, coded_background = (coded(part, reference, hashes) for part in (rows, background))

    columns, margins = predictions(model, variant, rows, reference, coded_rows)
    write(columns, folder / "expected.parquet")
    meta |= {
        "outputs": reference.outputs,
        "trees": model.tree_count_,
        "features": reference.names,
        "rows": len(rows),
        "bias": reference.exact_base().tolist(),
        "predictions": variant.prediction_type,
    }
    exact, base = reference.path_dependent(coded_rows)
    own, own_base = own_values(model, variant.pool(rows), reference.outputs)
    write(contribution_columns(reference.names, exact, base, catboost=own), folder / "contrib.parquet")
    meta |= {
        "exact_path_dependent_residual": residual(exact, base, margins),
        "catboost_path_dependent": agreement(own, exact),
        "catboost_residual": residual(own, own_base, margins) if not isinstance(own, str) else None,
    }
    exact, base = reference.interventional(coded_rows, coded_background)
    own, other, other_base = interventional_values(model, variant, rows, background, chosen, reference.outputs)
    write(contribution_columns(reference.names, exact, base, catboost=own, shap=other), folder / "interventional.parquet")
    meta |= {
        "exact_interventional_residual": residual(exact, base, margins),
        "catboost_interventional": agreement(own, exact),
        "shap_interventional": agreement(other, exact),
        "shap_interventional_bias": agreement(other_base, base),
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    return meta


def verdict(agreed):
    """One cell of the table in README.md."""
    if "reason" in agreed:
        return "refused"
    return f"{agreed['largest_error']:.0e}" if agreed["right"] else f"**wrong** ({agreed['largest_error']:.0e})"


def main():
    """Make the named variants, or all of them, and print their rows of the table in README.md."""
    for name in sys.argv[1:] or VARIANTS:
        meta = make(name, VARIANTS[name])
        checks = ("catboost_path_dependent", "catboost_interventional", "shap_interventional", "shap_interventional_bias")
        cells = [verdict(meta[check]) for check in checks] if "rows" in meta else ["–"] * 4
        print(f"| `{name}` |", meta["about"], "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
