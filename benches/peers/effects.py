"""Runs partial dependence, individual curves and accumulated local effects of other libraries and of this one on the same rows and model.

    python benches/peers/effects.py [--rows N] [--features N] [--threads N] [--only TEXT]

This library's seconds are those of a whole run of the executable on a config that asks for one effect: all its steps but the writing of tables,
figures and page, the reading of the data included. Other libraries get the rows in memory and the model loaded.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import environment

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
# What is no part of the answer, or done once for all steps of a run.
ASIDE = {"tables", "digests", "figures", "page", "manifest"}
POINTS, BINS, CURVES = 20, 50, 1_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only effects whose name holds this text")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2, help="times that this library is measured; the best counts")
    parser.add_argument("--executable", help="the built `pipeline`; built here if absent")
    return parser.parse_args()


class Ours:
    """This library, through its executable."""

    def __init__(self, workload, rows, settings):
        self.settings, self.model = settings, workload.path
        self.executable = settings.executable or build()
        self.folder = Path(tempfile.mkdtemp())
        rows.to_parquet(self.folder / "rows.parquet", compression="zstd", row_group_size=16_384)

    def seconds(self, step, choices, output, data=None, model=None):
        """The best seconds of the run's steps, and the folder of its tables."""
        config = {
            "version": 1, "name": "effects", "run": {"threads": self.settings.threads, "memory_limit": "8GiB"},
            "data": {"path": str(data or self.folder / "rows.parquet")},
            "model": {"path": str(model or self.model), "output": output},
            "explain": {"tree_shap": False}, "derive": {"importance": False, "summary": False, step: choices},
            "output": {"dir": str(self.folder / "out"), "keep": 1},
        }
        file, best = self.folder / "config.yaml", None
        file.write_text(json.dumps(config))
        for _ in range(self.settings.rounds):
            done = subprocess.run([self.executable, "run", file, "-q"], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr.strip())
            steps = json.loads((self.folder / "out/latest/run_results.json").read_text())["steps"]
            print(f"  ours: {[(s['step'], round(s['seconds'], 3)) for s in steps]}", file=sys.stderr)
            spent = sum(step["seconds"] for step in steps if step["step"] not in ASIDE)
            best = spent if best is None else min(best, spent)
        return best, self.folder / "out/latest/tables"


def build():
    subprocess.run(["cargo", "build", "--release", "--bin", "pipeline"], cwd=ROOT, check=True)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/pipeline")


def timed(call):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        found = call()
    return time.perf_counter() - start, found


def classifier(workload):
    import xgboost

    model = xgboost.XGBClassifier()
    model.load_model(workload.path)
    return model


def margins(model):
    """A classifier's margin as a regressor that scikit-learn can call."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class Margin(RegressorMixin, BaseEstimator):
        def fit(self, x, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict(self, rows):
            return model.predict(rows, output_margin=True)

    return Margin()


def grid(column):
    """The quantiles that this library takes (type 1), each once."""
    import numpy as np

    ordered = np.sort(column.to_numpy())
    places = [max(1, -(-k * len(ordered) // (POINTS - 1))) - 1 for k in range(POINTS)]
    return np.unique(ordered[places])


def dependence(ours, workload, rows, names):
    from sklearn.inspection import partial_dependence

    choices = {"features": names, "grid": f"quantiles({POINTS})", "intervals": None}
    for space in ("margin", "probability"):
        spent, tables = ours.seconds("pdp", choices, space)
        model, took = classifier(workload), {}
        if space == "margin":
            took["woodelf"] = woodelf_dependence(workload, rows, names, tables)
        # The brute force of one feature, by as many.
        call = margins(model) if space == "margin" else model
        values = {names[0]: grid(rows[names[0]])}
        method = {"response_method": "predict_proba"} if space == "probability" else {}
        brute = lambda: partial_dependence(call, rows, [names[0]], method="brute", kind="average", custom_values=values, **method)
        once, found = timed(brute)
        took["sklearn brute"] = (once * len(names), error(tables / "pdp.parquet", names[0], "mean", found["average"][0]))
        yield f"PDP, {len(names)} features × {POINTS} points, {space}", spent, took


def woodelf_dependence(workload, rows, names, tables):
    """woodelf-explainer's own partial dependence, at the same points."""
    import pandas as pd
    import xgboost
    from woodelf.pdp import woodelf_fast_pdp

    model, grids = xgboost.Booster(model_file=workload.path), {name: grid(rows[name]) for name in rows.columns}
    points = pd.DataFrame({name: list(values) + [values[-1]] * (POINTS - len(values)) for name, values in grids.items()}, dtype="float32")
    with contextlib.redirect_stderr(io.StringIO()):
        mean = lambda: float(model.predict(xgboost.DMatrix(rows), output_margin=True).mean())
        spent, found = timed(lambda: woodelf_fast_pdp(model, points, rows, centered=False, verbose=False, avg_prediction=mean()))
    # It has all features at once.
    return spent * len(names) / len(rows.columns), error(tables / "pdp.parquet", names[0], "mean", found[names[0]][: len(grids[names[0]])])


def curves(ours, workload, rows, names):
    from sklearn.inspection import partial_dependence

    choices = {"features": names, "grid": f"quantiles({POINTS})", "rows": CURVES}
    for space in ("margin", "probability"):
        spent, _ = ours.seconds("ice", choices, space)
        model = classifier(workload)
        some, values = rows.head(CURVES), {names[0]: grid(rows[names[0]])}
        call = margins(model) if space == "margin" else model
        method = {"response_method": "predict_proba"} if space == "probability" else {}
        once, _ = timed(lambda: partial_dependence(call, some, [names[0]], method="brute", kind="individual", custom_values=values, **method))
        yield f"ICE, {CURVES} rows × {len(names)} features, {space}", spent, {"sklearn brute": (once * len(names), None)}


def local(ours, workload, rows, names):
    from PyALE import ale

    choices = {"features": names, "bins": BINS}
    for space in ("margin", "probability"):
        spent, tables = ours.seconds("ale", choices, space)
        model = classifier(workload)

        class Called:
            def predict(self, x):
                return model.predict(x, output_margin=True) if space == "margin" else model.predict_proba(x)[:, 1]

        one = lambda: ale(X=rows, model=Called(), feature=[names[0]], feature_type="continuous", grid_size=BINS, include_CI=True, plot=False)
        once, found = timed(one)
        difference = error(tables / "ale.parquet", names[0], "effect", found["eff"].to_numpy())
        yield f"ALE, {len(names)} features × {BINS} bins, {space}", spent, {"PyALE": (once * len(names), difference)}


def categorical(ours, workload, rows, names):
    """One feature of codes in place of numbers, in the rows and in a model of the same size."""
    import numpy as np
    import pandas as pd
    import xgboost
    from PyALE import ale

    from workload import WORK, data

    codes = np.clip(np.digitize(rows["f0"], np.linspace(-2, 2, 11)), 0, 11)
    coded = rows.assign(f0=pd.Categorical(codes, categories=range(12)))
    path = WORK / "xgboost-categorical-500x6.json"
    if not path.exists():
        settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.05, "tree_method": "hist", "seed": 1}
        labels = data()[1][: len(rows)]
        xgboost.train(settings, xgboost.DMatrix(coded, label=labels, enable_categorical=True), 500).save_model(path)
    plain = ours.folder / "coded.parquet"
    rows.assign(f0=codes.astype("int32")).to_parquet(plain, compression="zstd", row_group_size=16_384)
    spent, _ = ours.seconds("ale", {"features": ["f0"], "bins": BINS}, "margin", plain, path)
    booster = xgboost.Booster(model_file=path)

    class Called:
        def predict(self, x):
            x = x.assign(f0=pd.Categorical(x["f0"].astype(int), categories=range(12)))
            return booster.predict(xgboost.DMatrix(x[rows.columns], enable_categorical=True), output_margin=True)

    frame = rows.assign(f0=codes)
    call = lambda: ale(X=frame, model=Called(), feature=["f0"], feature_type="discrete", include_CI=True, plot=False)
    yield "ALE, 1 categorical feature, margin", spent, {"PyALE": (timed(call)[0], None)}


def error(path, feature, column, theirs):
    """Largest difference between a column of our table and another library's numbers, relative to their range."""
    import numpy as np
    import pyarrow.parquet as parquet

    table = parquet.read_table(path).to_pandas()
    own = table[table.feature == feature][column].to_numpy()
    if len(own) != len(theirs):
        return None
    return float(np.abs(own - theirs).max() / np.ptp(theirs))


EFFECTS = {"pdp": dependence, "ice": curves, "ale": local, "categorical": categorical}


def main():
    settings = arguments()
    environment.enter()
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    chosen = [effect for name, effect in EFFECTS.items() if settings.only in name]
    if not chosen:
        raise SystemExit(f"no effect's name holds `{settings.only}`; there are: " + ", ".join(EFFECTS))
    from workload import NAMES, WORKLOADS, prepare

    workload = WORKLOADS[0]
    rows = prepare([workload])[: settings.rows]
    ours, lines = Ours(workload, rows, settings), []
    for effect in chosen:
        for title, spent, others in effect(ours, workload, rows, NAMES[: settings.features]):
            for other, took in others.items():
                if took is None:
                    continue
                difference = "–" if took[1] is None else f"{took[1]:.1e}"
                lines.append(f"| {title} | {spent:.2f} | {other} | {took[0]:.2f} | {took[0] / spent:.0f} × | {difference} |")
                print(lines[-1], file=sys.stderr, flush=True)
    print(f"{workload.name}, {settings.rows} rows, {settings.threads} threads; seconds of wall time, other libraries' of one feature times features.\n")
    print("| effect | this library | other | its seconds | ratio | difference |\n|---|--:|---|--:|--:|--:|", *lines, sep="\n")


if __name__ == "__main__":
    main()
