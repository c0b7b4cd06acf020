"""Make the XGBoost goldens: for each variant a model, rows, and what XGBoost, shap and exact enumeration say of them.

python make.py [VARIANT ...]
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import shap
import xgboost as xgb

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from dmatrix import FLOAT_MAX, finite, matrix  # noqa: E402
from reference import Model, to_f32  # noqa: E402
from tables import (  # noqa: E402
    agreement,
    codes_of,
    contribution_columns,
    hard_rows,
    named_rows,
    residual,
    same,
    write,
)
from variants import LINEAR, VARIANTS  # noqa: E402

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-40, 1e300, -1e300, FLOAT_MAX, -FLOAT_MAX]
# Variants whose interaction values are kept.
INTERACTIONS = ("binary_logistic", "categorical_partition", "multi_softprob")
SPECIAL_CODES = [
    np.nan,
    np.inf,
    -np.inf,
    -0.0,
    -5e-324,
    -0.5,
    -1.0,
    0.9,
    2.7,
    5.0,
    40.0,
    63.5,
    1e6,
    2.0**24,
    1e9,
    1e30,
    1e300,
]
THRESHOLDS, BACKGROUND_ROWS = 12, 20


def beside_thresholds(model, random):
    """Some of the model's thresholds, the f64 just below each, and the f32 just below, as (feature, value)."""
    splits = sorted(
        {
            (int(tree.feature[node]), tree.threshold[node])
            for tree in model.trees
            for node in np.flatnonzero(tree.left != -1)
            if node not in tree.categories and tree.feature[node] < model.features
        }
    )
    for index in random.permutation(len(splits))[:THRESHOLDS]:
        feature, threshold = splits[index]
        yield feature, float(threshold)
        yield feature, np.nextafter(float(threshold), -np.inf)
        yield feature, float(np.nextafter(threshold, np.float32(-np.inf)))


def predictions(booster, rows, is_category, model):
    """Columns margin_*, prediction_* and, by number of rounds, those of a shorter model; all f32 from XGBoost."""
    columns = {}

    def add(prefix, kind, stop=0):
        values = booster.inplace_predict(rows, predict_type=kind, iteration_range=(0, stop), validate_features=False)
        for output, column in enumerate(values.reshape(len(rows), -1).T):
            columns[f"{prefix}_{output}"] = column
        return values.reshape(len(rows), -1)

    margins = add("margin", "margin")
    add("prediction", "value")
    if booster.num_boosted_rounds() > 3:
        add("margin_first_3_rounds", "margin", 3)
    if "best_iteration" in booster.attributes():
        add("margin_best", "margin", booster.best_iteration + 1)
    clipped = booster.predict(matrix(booster, finite(rows, is_category)), output_margin=True)
    same(margins, clipped.reshape(margins.shape), "DMatrix of clipped rows")
    same(margins, model.margins(rows), "reference")
    if "margin_first_3_rounds_0" in columns:
        shorter = np.stack([columns[f"margin_first_3_rounds_{output}"] for output in range(model.outputs)], axis=1)
        same(shorter, model.margins(rows, 3), "reference, 3 rounds")
    return pd.DataFrame(columns), margins


def interaction_columns(names, cells):
    """Columns xgboost_<output>_<a>_<b> of XGBoost's own interaction values, on and above the diagonal."""
    pairs = [(a, b) for a in range(len(names)) for b in range(a, len(names))]
    outputs = range(cells.shape[1])
    return pd.DataFrame(
        {f"xgboost_{k}_{names[a]}_{names[b]}": cells[:, k, a, b] for k in outputs for a, b in pairs}
    )


def shap_values(booster, rows, model, background=None):
    """shap's own f64 values (rows, outputs, features) and base values, or the text of its refusal twice."""
    kind = "tree_path_dependent" if background is None else "interventional"
    rows = to_f32(rows).astype("f8")
    try:
        explainer = shap.TreeExplainer(booster, data=background, feature_perturbation=kind)
        if background is None:
            if "c" in (booster.feature_types or []) or explainer.model.num_stacked_models != model.outputs:
                return ("categories and forests: shap only passes on XGBoost's own pred_contribs",) * 2
            explainer.model.model_type = "internal"  # else shap returns XGBoost's f32 values
        values = explainer.shap_values(rows, check_additivity=False)
    except Exception as error:  # whatever shap raises is what the golden records
        return (f"{type(error).__name__}: {str(error).splitlines()[0][:200]}",) * 2
    values, base = np.asarray(values), np.broadcast_to(explainer.expected_value, (len(rows), model.outputs))
    return (values[:, None, :] if values.ndim == 2 else values.transpose(0, 2, 1)), base


def save(folder, booster, raw):
    """Write both forms of the model and check that the binary one says the same."""
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_bytes(raw)
    booster.save_model(folder / "model.ubj")
    same(
        np.frombuffer(booster.save_raw("json"), "u1"),
        np.frombuffer(xgb.Booster(model_file=folder / "model.ubj").save_raw("json"), "u1"),
        "model.ubj",
    )


def make(name, variant):
    """Write one variant's folder and return its meta data."""
    folder = HERE / name
    booster, raw = variant.train()
    save(folder, booster, raw)
    model = Model(folder / "model.json")
    frame, _ = variant.data()
    codes = codes_of(frame).to_numpy()
    names = booster.feature_names or [f"f{index}" for index in range(model.features)]
    is_category = np.array([kind == "c" for kind in booster.feature_types or [""] * model.features])

    random = np.random.default_rng(11)
    specials = SPECIAL, SPECIAL_CODES
    rows = hard_rows(codes, is_category, specials, lambda: beside_thresholds(model, random), random)
    background = codes[random.choice(len(codes), BACKGROUND_ROWS, replace=False)]
    write(pd.DataFrame(rows, columns=names), folder / "rows.parquet")
    write(pd.DataFrame(background, columns=names), folder / "background.parquet")
    if any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes):
        write(named_rows(rows, frame, to_f32), folder / "rows_named.parquet")

    columns, margins = predictions(booster, rows, is_category, model)
    write(columns, folder / "expected.parquet")
    meta = {
        "variant": name,
        "about": variant.about,
        "objective": model.objective,
        "versions": {"xgboost": xgb.__version__, "shap": shap.__version__},
        "outputs": model.outputs,
        "rounds": booster.num_boosted_rounds(),
        "trees": len(model.trees),
        "depth": max(tree.used[1] for tree in model.trees),
        "features": names,
        "categorical": [name for name, flag in zip(names, is_category, strict=True) if flag],
        "rows": len(rows),
        "base_margin": model.base_margin(np.float64).tolist(),
        "base_margin_f32": model.base_margin(np.float32).astype(float).tolist(),
    }
    meta |= path_dependent(folder, booster, model, names, finite(rows, is_category), rows, margins)
    meta |= interventional(folder, booster, model, names, background, rows, margins)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    return meta


def path_dependent(folder, booster, model, names, clipped, rows, margins):
    """Write contrib.parquet; return how well XGBoost and shap agree with exact enumeration."""
    exact, base = model.path_dependent(rows)
    ours = booster.predict(matrix(booster, clipped), pred_contribs=True)
    ours = ours.reshape(len(rows), model.outputs, model.features + 1)
    from_shap, _ = shap_values(booster, rows, model)
    write(contribution_columns(names, exact, base, xgboost=ours, shap=from_shap), folder / "contrib.parquet")
    if folder.name in INTERACTIONS:
        cells = booster.predict(matrix(booster, clipped), pred_interactions=True)
        cells = cells.reshape(len(rows), model.outputs, model.features + 1, model.features + 1)
        write(interaction_columns(names, cells), folder / "interactions.parquet")
    return {
        "exact_path_dependent_residual": residual(exact, base, margins),
        "xgboost_contributions": agreement(ours[:, :, :-1], exact),
        "xgboost_residual": residual(ours[:, :, :-1].astype("f8"), ours[:, :, -1], margins),
        "xgboost_bias": agreement(ours[:, :, -1], base),
        "shap_path_dependent": agreement(from_shap, exact),
    }


def interventional(folder, booster, model, names, background, rows, margins):
    """Write interventional.parquet; return how well shap agrees with exact enumeration."""
    exact, base = model.interventional(rows, background)
    from_shap, shap_base = shap_values(booster, rows, model, background)
    write(contribution_columns(names, exact, base, shap=from_shap), folder / "interventional.parquet")
    return {
        "exact_interventional_residual": residual(exact, base, margins),
        "shap_interventional": agreement(from_shap, exact),
        "shap_interventional_bias": agreement(shap_base, base),
    }


def make_linear():
    """A model that readers refuse: only its files."""
    booster, raw = LINEAR.train()
    save(HERE / "gblinear", booster, raw)
    meta = {"variant": "gblinear", "about": LINEAR.about}
    (HERE / "gblinear" / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def verdict(agreed):
    """One cell of the table in README.md."""
    if "reason" in agreed:
        return "refused" if "Error" in agreed["reason"] else "passes on XGBoost's"
    return f"{agreed['largest_error']:.0e}" if agreed["right"] else f"**wrong** ({agreed['largest_error']:.0e})"


def main():
    """Make the named variants, or all of them, and print their rows of the table in README.md."""
    warnings.filterwarnings("ignore", module="xgboost")
    for name in sys.argv[1:] or VARIANTS:
        meta = make(name, VARIANTS[name])
        checks = ("xgboost_contributions", "shap_path_dependent", "shap_interventional", "shap_interventional_bias")
        print(
            f"| `{name}` |", meta["about"], "|", " | ".join(verdict(meta[check]) for check in checks), "|", flush=True
        )
    if not sys.argv[1:]:
        make_linear()


if __name__ == "__main__":
    main()
