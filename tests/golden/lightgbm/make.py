"""Make the LightGBM goldens: for each variant a model, rows, and what LightGBM, shap and exact enumeration say of them.

python make.py [VARIANT ...]
"""

import json
import sys
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import shap

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from reference import ZERO, Model  # noqa: E402
from tables import (  # noqa: E402
    TRAINING_ROWS,
    agreement,
    codes_of,
    contribution_columns,
    hard_rows,
    named_rows,
    residual,
    same,
    write,
)
from variants import MIXED, VARIANTS  # noqa: E402

BEYOND_ZERO = float(np.nextafter(ZERO, 1))
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-40, 1e-36, -1e-36, ZERO, -ZERO, BEYOND_ZERO, -BEYOND_ZERO]
SPECIAL += [1e300, -1e300]
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
    2.0**31 - 1,
    2.0**31,
    2.0**32,
    1e30,
    1e300,
]
THRESHOLDS, BACKGROUND_ROWS = 12, 20


def beside_thresholds(model, random):
    """Some of the model's thresholds, and the f64 just below and above each, as (feature, value)."""
    splits = sorted(
        {
            (int(tree.feature[node]), tree.threshold[node])
            for tree in model.trees
            for node in range(len(tree.feature))
            if node not in tree.categories
        }
    )
    for index in random.permutation(len(splits))[:THRESHOLDS]:
        feature, threshold = splits[index]
        yield feature, threshold
        yield feature, np.nextafter(threshold, -np.inf)
        yield feature, np.nextafter(threshold, np.inf)


def predictions(booster, rows, model):
    """Columns margin_*, prediction_* and those of the first three rounds; all f64 from LightGBM."""
    columns = {}

    def add(prefix, **options):
        values = booster.predict(rows, **options).reshape(len(rows), -1)
        for output, column in enumerate(values.T):
            columns[f"{prefix}_{output}"] = column
        return values

    margins = add("margin", raw_score=True)
    add("prediction")
    same(margins, model.margins(rows), "reference")
    if booster.current_iteration() > 3:
        same(add("margin_first_3_rounds", raw_score=True, num_iteration=3), model.margins(rows, 3), "3 rounds")
        add("prediction_first_3_rounds", num_iteration=3)
    return pd.DataFrame(columns), margins


def shap_values(booster, rows, model, background):
    """shap's interventional values (rows, outputs, features) and base values, or the text of its refusal twice."""
    try:
        explainer = shap.TreeExplainer(booster, data=background, feature_perturbation="interventional")
        values = explainer.shap_values(rows, check_additivity=False)
    except Exception as error:  # whatever shap raises is what the golden records
        return (f"{type(error).__name__}: {str(error).splitlines()[0][:200]}",) * 2
    values, base = np.asarray(values), np.broadcast_to(explainer.expected_value, (len(rows), model.outputs))
    return (values[:, None, :] if values.ndim == 2 else values.transpose(0, 2, 1)), base


def save(folder, booster):
    """Write both forms of the model; return the booster read back from its text."""
    folder.mkdir(exist_ok=True)
    booster.save_model(folder / "model.txt")
    (folder / "model.json").write_text(json.dumps(booster.dump_model()) + "\n")
    return lgb.Booster(model_file=folder / "model.txt")


def make(name, variant):
    """Write one variant's folder and return its meta data."""
    folder = HERE / name
    booster = save(folder, variant.train())
    model = Model(folder / "model.txt")
    frame, _ = variant.data()
    codes = codes_of(frame).to_numpy()
    infos = model.header["feature_infos"].split(" ")
    is_category = np.array([info[0] not in "[n" for info in infos])

    random = np.random.default_rng(11)
    specials = SPECIAL, SPECIAL_CODES
    rows = hard_rows(codes, is_category, specials, lambda: beside_thresholds(model, random), random)
    background = codes[random.choice(len(codes), BACKGROUND_ROWS, replace=False)]
    write(pd.DataFrame(rows, columns=model.names), folder / "rows.parquet")
    write(pd.DataFrame(background, columns=model.names), folder / "background.parquet")
    if any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes):
        write(named_rows(rows, frame, np.trunc), folder / "rows_named.parquet")

    columns, margins = predictions(booster, rows, model)
    write(columns, folder / "expected.parquet")
    meta = {
        "variant": name,
        "about": variant.about,
        "objective": model.header.get("objective"),
        "versions": {"lightgbm": lgb.__version__, "shap": shap.__version__},
        "outputs": model.outputs,
        "rounds": booster.current_iteration(),
        "trees": len(model.trees),
        "depth": max(tree.used[1] for tree in model.trees),
        "features": model.names,
        "categorical": [name for name, flag in zip(model.names, is_category, strict=True) if flag],
        "rows": len(rows),
    }
    if any(tree.linear for tree in model.trees):
        meta |= refusal(booster, model, rows, margins)
    else:
        meta |= path_dependent(folder, booster, model, rows, margins)
        meta |= interventional(folder, booster, model, background, rows, margins)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n")
    return meta


def refusal(booster, model, rows, margins):
    """What LightGBM says when it is asked for the contributions of linear trees, or how far what it gives is from adding up."""
    refused = {"values": None, "reason": "leaves hold linear functions"}
    meta = dict.fromkeys(("lightgbm_contributions", "shap_interventional_training_rows", "shap_interventional"), refused)
    try:
        ours = booster.predict(rows[:TRAINING_ROWS], pred_contrib=True).reshape(TRAINING_ROWS, model.outputs, -1)
    except lgb.basic.LightGBMError as error:
        return meta | {"lightgbm_contributions": {"values": None, "reason": str(error)}}
    error = residual(ours[:, :, :-1], ours[:, :, -1], margins[:TRAINING_ROWS])
    return meta | {"lightgbm_contributions": {"largest_error": error, "right": error < 1e-6}, "lightgbm_residual": error}


def path_dependent(folder, booster, model, rows, margins):
    """Write contrib.parquet; return how well LightGBM agrees with exact enumeration."""
    exact, base = model.path_dependent(rows)
    ours = booster.predict(rows, pred_contrib=True).reshape(len(rows), model.outputs, model.features + 1)
    write(contribution_columns(model.names, exact, base, lightgbm=ours), folder / "contrib.parquet")
    return {
        "exact_path_dependent_residual": residual(exact, base, margins),
        "lightgbm_contributions": agreement(ours[:, :, :-1], exact),
        "lightgbm_residual": residual(ours[:, :, :-1], ours[:, :, -1], margins),
        "lightgbm_bias": agreement(ours[:, :, -1], base),
    }


def interventional(folder, booster, model, background, rows, margins):
    """Write interventional.parquet; return how well shap agrees with exact enumeration, on training rows and on all."""
    exact, base = model.interventional(rows, background)
    from_shap, shap_base = shap_values(booster, rows, model, background)
    write(contribution_columns(model.names, exact, base, shap=from_shap), folder / "interventional.parquet")
    training = slice(None if isinstance(from_shap, str) else TRAINING_ROWS)
    return {
        "exact_interventional_residual": residual(exact, base, margins),
        "shap_interventional_training_rows": agreement(from_shap[training], exact[training]),
        "shap_interventional": agreement(from_shap, exact),
        "shap_interventional_bias": agreement(shap_base, base),
    }


def make_refused():
    """Models that readers refuse: only their files."""
    for name, variant in {"missing_contradicts": MIXED}.items():
        save(HERE / name, variant.train())
        meta = {"variant": name, "about": variant.about}
        (HERE / name / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def verdict(agreed):
    """One cell of the table in README.md."""
    if "reason" in agreed:
        return "refused"
    return f"{agreed['largest_error']:.0e}" if agreed["right"] else f"**wrong** ({agreed['largest_error']:.0e})"


def main():
    """Make the named variants, or all of them, and print their rows of the table in README.md."""
    warnings.filterwarnings("ignore", module="lightgbm")
    for name in sys.argv[1:] or VARIANTS:
        meta = make(name, VARIANTS[name])
        checks = ("lightgbm_contributions", "shap_interventional_training_rows", "shap_interventional")
        print(
            f"| `{name}` |", meta["about"], "|", " | ".join(verdict(meta[check]) for check in checks), "|", flush=True
        )
    if not sys.argv[1:]:
        make_refused()


if __name__ == "__main__":
    main()
