"""The peers: each is a function of a workload, all rows and a number of threads that gives `run(count)`, or None where it cannot.

`run(count)` does the work on the first `count` rows and gives attributions of shape (rows, features), interactions of shape (rows, features,
features), or None for predictions. What a
library does before its first row (loading, converting, building an explainer) is done outside `run`, and not timed.
"""

import contextlib
import io
import warnings
from functools import cache

import numpy as np

from workload import FEATURES

warnings.filterwarnings("ignore")


@cache
def load(workload):
    """The model as its own library reads it."""
    if workload.library == "xgboost":
        import xgboost

        return xgboost.Booster(model_file=workload.path)
    if workload.library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=str(workload.path))
    import catboost

    return catboost.CatBoostClassifier().load_model(str(workload.path), format="json")


def library(contributions):
    """The library's own predictions or contributions."""

    def peer(workload, rows, threads):
        if contributions and workload.background is not None:
            return None
        model = load(workload)
        if workload.library == "xgboost":
            import xgboost

            model.set_param({"nthread": threads})
            wrap = lambda count: xgboost.DMatrix(rows[:count], nthread=threads)
            what = "pred_interactions" if workload.interactions else "pred_contribs"
            call = lambda data: model.predict(data, output_margin=not contributions, **{what: contributions})
        elif workload.library == "lightgbm":
            wrap = lambda count: rows[:count].to_numpy(np.float64)
            call = lambda data: model.predict(data, raw_score=True, pred_contrib=contributions, num_threads=threads)
        else:
            import catboost

            wrap = lambda count: catboost.Pool(rows[:count])
            if contributions:
                call = lambda data: model.get_feature_importance(data, type="ShapValues", thread_count=threads)
            else:
                call = lambda data: model.predict(data, prediction_type="RawFormulaVal", thread_count=threads)

        # Rows as the library wants them, new for every call: XGBoost remembers what it predicted of those that it has seen.
        waiting = []

        def run(count):
            values = np.asarray(call(waiting.pop()))
            return (values[:, :FEATURES, :FEATURES] if workload.interactions else values[:, :FEATURES]) if contributions else None

        run.warm = lambda count: waiting.append(wrap(count))
        run.whole = contributions and workload.library == "catboost"
        return run

    return peer


# Background rows up to which libraries are measured whose cost is rows times background; at 10 000, minutes would go for a hundred rows.
MULTIPLIED = 1_000


def woodelf(workload, rows, threads):
    if workload.library == "catboost":
        return None
    from woodelf import WoodelfExplainer

    background = None if workload.background is None else rows[: workload.background]

    def run(count):
        # A new explainer each time: it keeps what it computed. Its progress bars are not wanted.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            explainer = WoodelfExplainer(load(workload), background)
            if workload.interactions:
                return explainer.shap_interaction_values(rows[:count], verbose=False)
            return explainer.shap_values(rows[:count], verbose=False)

    run.whole = workload.library == "xgboost" and workload.depth <= 8 and not workload.interactions
    return run


def shapiq(workload, rows, threads):
    if (workload.background or 0) > MULTIPLIED:
        return None
    import shapiq as library

    data = rows.to_numpy(np.float64)
    game = {"mode": "pathdependent"}
    if workload.background is not None:
        game = {"mode": "interventional", "reference_dataset": data[: workload.background]}
    order = {"index": "SII", "max_order": 2} if workload.interactions else {"index": "SV", "max_order": 1}
    explainer = library.TreeExplainer(load(workload), **order, backend="shapiq", **game)

    def run(count):
        values = explainer.explain_X(data[:count], n_jobs=threads if threads > 1 else None).values
        of = lambda *features: np.broadcast_to(values.get(features, 0.0), count)
        if not workload.interactions:
            return np.stack([of(j) for j in range(FEATURES)], axis=1)
        cells = np.zeros((count, FEATURES, FEATURES))
        for j in range(FEATURES):
            for k in range(j + 1, FEATURES):
                cells[:, j, k] = cells[:, k, j] = of(j, k) / 2
        # What is left of the attribution is on the diagonal.
        for j in range(FEATURES):
            cells[:, j, j] = of(j) - cells[:, j].sum(axis=1)
        return cells

    return run


def shap(workload, rows, threads):
    # It takes the trees of a forest for those of so many outputs.
    if (workload.background or 0) > MULTIPLIED or workload.library == "catboost" or workload.forest:
        return None
    import shap as library

    data = rows.to_numpy(np.float64)
    if workload.background is None:
        explainer = library.TreeExplainer(load(workload), feature_perturbation="tree_path_dependent")
        # Otherwise it hands the work to the library's own contributions, which have a column of their own.
        explainer.model.model_type = "internal"
    else:
        masker = library.maskers.Independent(data[: workload.background], max_samples=workload.background)
        explainer = library.TreeExplainer(load(workload), masker, feature_perturbation="interventional")
    if workload.interactions:
        # Of a background, shap has none.
        interactions = lambda count: np.asarray(explainer.shap_interaction_values(data[:count])).reshape(count, FEATURES, FEATURES)
        return interactions if workload.background is None else None
    return lambda count: np.asarray(explainer.shap_values(data[:count], check_additivity=False)).reshape(count, FEATURES)


# Of whom no attributions are compared: shapiq 1.8 is off by 6e-3 on CatBoost's trees, where CatBoost's own values agree with these to 3e-15.
OFF = {("shapiq", "catboost")}

# Name, function, seconds in relation to `--seconds`, tolerance relative to the largest attribution (None: no attributions).
PEERS = [
    ("prediction", library(False), 1, None),
    ("contributions", library(True), 1, 1e-5),
    ("woodelf", woodelf, 6, 2e-5),
    ("shapiq", shapiq, 1, 1e-5),
    ("shap", shap, 1, 1e-5),
]
