"""Times the methods for any model beside shap, shapiq and lime on the same rows, background and threads, and prints a Markdown table.

    python benches/peers/any_model.py [--background 100 10000] [--rows N] [--samples N] [--lime-rows N] [--threads N]
    python benches/peers/any_model.py --curve

KernelSHAP explains 500 XGBoost trees of depth 6 in margin space. A peer explains a first row unmeasured, with few coalitions, then `--peer-rows` rows at least
and more until `--peer-seconds` have passed: its time is the median of its rows, so that one disturbed row does not count. Where coalitions × background would not fit in
memory it is given fewer coalitions, and its time is scaled: its work is proportional to both. Errors are Σ(φ̂ − φ)² / Σφ² against exact interventional
values with the same background; nothing is said of scaled ones.

`--curve` prints errors instead, at 256 to 4 096 coalitions: the mean of 20 rows of 100 XGBoost trees of depth 4, 100 background rows.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parents[2]

# Rows that a peer may mix at once: 32 columns of doubles of them take 0.5 GiB.
MIXED = 2_000_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--background", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--rows", type=int, default=100, help="rows that this library explains by KernelSHAP")
    parser.add_argument("--peer-rows", type=int, default=5, help="rows that peers explain at least")
    parser.add_argument("--peer-seconds", type=float, default=15, help="seconds after which peers begin no further row")
    parser.add_argument("--samples", type=int, default=2_048, help="coalitions")
    parser.add_argument("--lime-rows", type=int, default=1_000)
    parser.add_argument("--lime-samples", type=int, default=5_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--curve", action="store_true", help="errors at equal budgets")
    parser.add_argument("--executable", help="the built `pipeline`; built here if absent")
    return parser.parse_args()


def build():
    subprocess.run(["cargo", "build", "--release", "--bin", "pipeline"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "pipeline"


def run(executable, settings, config):
    """Runs an audit: its folder, and the seconds of its steps."""
    from workload import WORK

    path, out = WORK / "any_model.json", WORK / "any_model"
    path.write_text(json.dumps({"output": {"dir": str(out)}, "derive": {"importance": False, "summary": False}} | config))
    command = [executable, "run", path, "--threads", str(settings.threads), "--quiet"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    folder = Path(done.stdout.strip())
    steps = json.loads((folder / "run_results.json").read_text())["steps"]
    return folder, {step["step"]: step["seconds"] for step in steps}


def values(folder, method):
    import pyarrow.parquet as parquet
    from workload import NAMES

    return parquet.read_table(folder / "attributions" / method / "part-00000.parquet").select(NAMES).to_pandas().to_numpy()


def error(found, exact):
    return float(((found - exact) ** 2).sum() / (exact ** 2).sum())


def ours_kernel(executable, settings, workload, rows, background, kernel_shap):
    """What KernelSHAP with these settings takes and misses on the last rows, and the exact values."""
    from workload import WORK

    data, other = WORK / "any_model-rows.parquet", WORK / "any_model-background.parquet"
    rows[-settings.rows:].to_parquet(data)
    rows[:background].to_parquet(other)
    config = {"data": {"path": str(data)}, "background": {"path": str(other)}, "model": {"path": str(workload.path)},
              "explain": {"tree_shap": {}, "kernel_shap": {"rows": settings.rows} | kernel_shap}}
    folder, steps = run(executable, settings, config)
    exact, found = values(folder, "tree_shap"), values(folder, "kernel_shap")
    return {"values": found, "seconds": steps["kernel_shap"] / settings.rows, "before": steps["background"] + steps["compile"],
            "error": error(found, exact)}, exact


def predictor(workload, threads):
    import xgboost

    model = xgboost.Booster(model_file=workload.path)
    model.set_param({"nthread": threads})
    return lambda x: model.inplace_predict(x, predict_type="margin")


def medians(explain, rows, settings):
    """What a peer makes of the first rows, and the median of their seconds."""
    found, seconds = [], []
    for row in rows:
        if len(found) >= settings.peer_rows and sum(seconds) >= settings.peer_seconds:
            break
        began = time.perf_counter()
        found.append(explain(row))
        seconds.append(time.perf_counter() - began)
    return found, statistics.median(seconds)


def timed(explain, rows, exact, samples, settings):
    import numpy as np

    explain(rows[0], min(samples, 128))
    found, seconds = medians(lambda row: explain(row, samples), rows, settings)
    scaled = samples < settings.samples
    return {"seconds": seconds * settings.samples / samples, "scaled": scaled, "rows": len(found),
            "error": None if scaled else error(np.array(found), exact[: len(found)])}


def shap(predict, background):
    import shap as library

    explainer = library.KernelExplainer(predict, background)
    return lambda row, samples: explainer.shap_values(row, nsamples=samples, l1_reg=False, silent=True)


def shapiq(predict, background, approximator="KernelSHAP"):
    import numpy as np
    import shapiq as library

    def explain(row, samples):
        game = library.MarginalImputer(model=predict, data=background, x=row, sample_size=len(background), normalize=False, random_state=1)
        found = getattr(library, approximator)(n=background.shape[1], random_state=1).approximate(budget=samples, game=game)
        return np.array([found[(feature,)] for feature in range(background.shape[1])])

    return explain


def lime(predict, rows, settings):
    from lime.lime_tabular import LimeTabularExplainer

    explainer = LimeTabularExplainer(rows, mode="regression", random_state=1)
    explain = lambda row: explainer.explain_instance(row, predict, num_features=6, num_samples=settings.lime_samples)
    found, seconds = medians(explain, rows[-settings.lime_rows:], settings)
    return {"seconds": seconds, "rows": len(found)}


def curve(executable, settings, budgets=(256, 512, 1_024, 2_048, 4_096)):
    """Errors at equal budgets, a line a method."""
    from workload import WORKLOADS, prepare

    import numpy as np

    workload = next(workload for workload in WORKLOADS if (workload.library, workload.trees, workload.depth) == ("xgboost", 100, 4))
    rows, settings.rows, size = prepare([workload]), 20, 100
    lines, wrong = {}, lambda found, exact: statistics.mean(map(error, found, exact))
    for estimator in ("leverage", "proxy", "auto"):
        made = [ours_kernel(executable, settings, workload, rows, size, {"samples": budget, "estimator": estimator}) for budget in budgets]
        lines[f"this library, {estimator}"], exact = [wrong(own["values"], exact) for own, exact in made], made[0][1]
    background, explained = rows[:size].to_numpy(np.float64), rows[-settings.rows:].to_numpy(np.float64)
    predict = predictor(workload, settings.threads)
    peers = {"shap.KernelExplainer, l1_reg off": shap(predict, background)}
    peers |= {f"shapiq.{name}": shapiq(predict, background, name) for name in ("LeverageSHAP", "OddSHAP")}
    for name, explain in peers.items():
        lines[name] = [wrong([explain(row, budget) for row in explained], exact) for budget in budgets]
    print("| coalitions |", *[f"{budget} |" for budget in budgets])
    print("|---|", *["--:|" for _ in budgets])
    for name, errors in lines.items():
        print(f"| {name} |", *[f"{value:.1e} |" for value in errors])


def cell(own, took):
    note = " scaled" if took.get("scaled") else ""
    wrong = "" if took.get("error") is None else f", error {took['error']:.1e}"
    return f"{took['seconds']:.3g}{note} ({took['seconds'] / own:.0f} ×; {took['rows']} rows){wrong}"


def main():
    settings = arguments()
    environment.enter()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[variable] = str(settings.threads)
    from workload import ROWS, WORKLOADS, prepare

    import numpy as np

    executable = Path(settings.executable).resolve() if settings.executable else build()
    if settings.curve:
        return curve(executable, settings)
    workload = WORKLOADS[0]
    rows = prepare([workload])
    predict, lines = predictor(workload, settings.threads), []
    for size in settings.background:
        own, exact = ours_kernel(executable, settings, workload, rows, size, {"samples": settings.samples})
        background = rows[:size].to_numpy(np.float64)
        explained = rows[-settings.rows:].to_numpy(np.float64)
        samples = min(settings.samples, max(128, MIXED // size))
        took = {name: timed(make(predict, background), explained, exact, samples, settings) for name, make in (("shap", shap), ("shapiq", shapiq))}
        lines.append(f"| KernelSHAP, {settings.samples} coalitions × {size} background rows | {own['seconds']:.3g}, error {own['error']:.1e} "
                     f"(once: {own['before']:.3g}) | {cell(own['seconds'], took['shap'])} | {cell(own['seconds'], took['shapiq'])} | – |")
    config = {"data": {"path": str(ROWS)}, "model": {"path": str(workload.path)},
              "explain": {"tree_shap": False, "lime": {"rows": settings.lime_rows, "samples": settings.lime_samples, "stability": None}}}
    _, steps = run(executable, settings, config)
    own = steps["lime"] / settings.lime_rows
    peer = lime(predict, rows.to_numpy(np.float64), settings)
    lines.append(f"| LIME, {settings.lime_samples} perturbed rows | {own:.3g} (once: {steps['sample'] + steps['compile']:.3g}) | – | – | {cell(own, peer)} |")
    print("Seconds a row; in brackets, how many times as long as this library, and by how many rows.\n")
    print("| task | this library | shap | shapiq | lime |\n|---|--:|--:|--:|--:|", *lines, sep="\n")


if __name__ == "__main__":
    main()
