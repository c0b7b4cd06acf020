"""Runs other TreeSHAP libraries and this one alternately on the same rows and threads, and prints a Markdown table of rates and ratios.

    python benches/peers/compare.py [--only TEXT] [--rows N] [--threads N]
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parents[2]
CHECKED = 1_000  # rows whose attributions are compared


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only workloads whose name holds this text")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that the fastest explain; slower ones get fewer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3, help="about how long one call of a peer may take")
    parser.add_argument("--rounds", type=int, default=2, help="times that everyone is measured, in turn; the best counts")
    parser.add_argument("--executable", help="the built `attribution` benchmark; built here if absent")
    return parser.parse_args()


def timed(run, count):
    """CPU and wall seconds of `run(count)`, and what it gave."""
    getattr(run, "warm", lambda count: None)(count)
    cpu, wall = time.process_time(), time.perf_counter()
    values = run(count)
    return {"rows": count, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}, values


def grown(run, seconds, limit):
    """Raises the number of rows until they take about `seconds` beyond what the fewest take; gives the last call. Who pays much once a call explains all rows in one."""
    if getattr(run, "whole", False):
        return timed(run, limit)
    count, fixed = min(4, limit), None
    while True:
        took, values = timed(run, count)
        fixed = took["cpu"] if fixed is None else fixed
        spent = took["cpu"] - fixed
        if count == limit or spent > seconds / 3 or (count <= 4 and fixed > 10 * seconds):
            return took, values
        count = min(limit, int(count * max(2, min(30, seconds / 2 / max(spent, 1e-3)))))


class Ours:
    """This library, through the benchmark executable."""

    def __init__(self, executable, threads):
        self.executable, self.threads = executable or build(), threads

    def call(self, workload, *options):
        from workload import ROWS

        game = [] if workload.background is None else ["--background", str(workload.background)]
        game += ["--interactions"] if workload.interactions else []
        command = [self.executable, workload.path, ROWS, "--json", "--threads", str(self.threads), "--repeats", "1", *game, *options]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def measure(self, workload, count):
        """As `timed`; compiling the forest and counting the background are part of it."""
        found = self.call(workload, "--first", str(count))
        return {"rows": count, "cpu": found["compile_cpu"] + found["rows_cpu"], "wall": found["compile_wall"] + found["rows_wall"],
                "compile_cpu": found["compile_cpu"], "instructions": found["instructions"]}

    def attributions(self, workload, count):
        import numpy as np
        from workload import FEATURES, WORK

        file = WORK / "values.f64"
        self.call(workload, "--first", str(count), "--values", file)
        shape = (FEATURES, FEATURES, count) if workload.interactions else (FEATURES, count)
        return np.moveaxis(np.fromfile(file, "<f8")[: np.prod(shape)].reshape(shape), -1, 0)


def build():
    """Builds the benchmark and says where it is."""
    command = ["cargo", "bench", "--no-run", "--bench", "attribution", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    built = [message["executable"] for message in map(json.loads, lines) if message.get("target", {}).get("name") == "attribution"]
    return next(path for path in built if path)


def compare(workload, rows, ours, settings):
    """Measures everyone on one workload: `{name: {rows, cpu, wall, …}}`."""
    import numpy as np
    from peers import OFF, PEERS

    limit = min(settings.rows, workload.rows, len(rows))
    own = ours.attributions(workload, min(limit, CHECKED))
    results, runs = {"ours": ours.measure(workload, limit)}, {}
    for name, make, share, tolerance in PEERS:
        run = make(workload, rows, settings.threads)
        if run is None:
            continue
        results[name], values = grown(run, share * settings.seconds, limit)
        runs[name] = run
        if tolerance is not None and (name, workload.library) not in OFF:
            count = min(len(own), len(values))
            error = float(np.abs(values[:count] - own[:count]).max() / np.abs(own[:count]).max())
            results[name] |= {"error": error, "tolerance": tolerance}
        print(f"  {name}: {results[name]}", file=sys.stderr, flush=True)
    for _ in range(1, settings.rounds):
        again = {"ours": ours.measure(workload, limit)} | {name: timed(run, results[name]["rows"])[0] for name, run in runs.items()}
        for name, took in again.items():
            if took["cpu"] < results[name]["cpu"]:
                results[name] |= took
    return results


def number(value):
    """Three significant digits, thousands apart."""
    if value < 10:
        return f"{value:.2g}"
    digits = max(0, len(str(int(value))) - 3)
    return f"{round(value, -digits):,.0f}".replace(",", " ")


def table(measured, threads):
    """The Markdown table: rates, and in brackets how many times as fast ours is."""
    names = ["prediction", "contributions", "woodelf", "shapiq", "shap"]
    lines = ["| model | this library | library's prediction | library's contributions | woodelf | shapiq | shap |",
             "|---|--:|--:|--:|--:|--:|--:|"]
    rate = lambda took: took["rows"] / took["cpu"] * threads
    for workload, results in measured.items():
        own = rate(results["ours"])
        cells = [f"{number(rate(results[name]))} ({number(own / rate(results[name]))} ×)" if name in results else "–" for name in names]
        lines.append(f"| {workload} | {number(own)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def circumstances(settings, measured):
    """Where, when and with what."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), processor)
    packages = ["xgboost", "lightgbm", "catboost", "woodelf-explainer", "shapiq", "shap"]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    instructions = ", ".join({results["ours"]["instructions"] for results in measured.values()})
    return (f"Rows per second of CPU time and thread, best of {settings.rounds} rounds; in brackets, how many times as fast this library is. "
            f"Up to {settings.rows} rows each; slow ones explained fewer. Building tables and counting the background are in this library's and woodelf's "
            f"time; other libraries' preparation is in nobody's.\n\n{datetime.date.today()}, {processor}, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f}, {settings.threads} thread(s), {instructions}; {versions}.")


def main():
    settings = arguments()
    environment.enter()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[variable] = str(settings.threads)
    from workload import WORK, WORKLOADS, prepare

    chosen = [workload for workload in WORKLOADS if settings.only in workload.name]
    if not chosen:
        raise SystemExit(f"no workload's name holds `{settings.only}`; there are: " + "; ".join(w.name for w in WORKLOADS))
    ours, measured = Ours(settings.executable, settings.threads), {}
    rows = prepare(chosen)
    for workload in chosen:
        print(workload.name, file=sys.stderr, flush=True)
        try:
            measured[workload.name] = compare(workload, rows, ours, settings)
        except RuntimeError as error:
            print(f"  left out, this library says: {error}", file=sys.stderr)
    (WORK / "measurements.json").write_text(json.dumps(measured, indent=1))
    print(table(measured, settings.threads), circumstances(settings, measured), sep="\n\n")
    wrong = [f"{workload}, {name}: {took['error']:.1e}" for workload, results in measured.items()
             for name, took in results.items() if took.get("error", 0) > took.get("tolerance", 0)]
    if wrong:
        raise SystemExit("attributions differ by more than the tolerance: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
