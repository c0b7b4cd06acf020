"""Make effects.json: partial dependence and accumulated local effects of data/credit-model.json over the rows of single groups.

Run with scikit-learn 1.9.1, xgboost 3.4.1, pandas and pyarrow: `python effects.py`.
scikit-learn's `partial_dependence(method="brute")` averages the model's margins over the group's rows, with weights where membership is a
probability. Accumulated effects follow equations 15 to 17 of Apley & Zhu (2020), between the quantiles of all rows, by predicting every row of
the group at both ends of its bin.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.inspection import partial_dependence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from credit import credit  # noqa: E402

FEATURES = ["duration", "amount", "purpose"]
POINTS = 20


def accumulated(model, rows, weights, name, edges):
    """Effects at `edges`, less their mean over the rows, each of which counts half at either end of its bin."""
    values = rows[name].to_numpy()
    bins = np.clip(np.searchsorted(edges, values, side="left"), 1, len(edges) - 1)
    ends = [model.predict(rows.assign(**{name: edges[bins - side]})) for side in (0, 1)]
    weight = np.bincount(bins, weights, minlength=len(edges))
    change = np.bincount(bins, weights * (ends[0] - ends[1]), minlength=len(edges))
    steps = np.divide(change, weight, out=np.zeros(len(edges)), where=weight > 0)
    effects = np.cumsum(steps)
    centre = np.sum(weights * (effects[bins] + effects[bins - 1]) / 2) / np.sum(weights)
    return effects - centre


def main():
    model, table, frame, categories = credit()
    likely = (np.arange(len(frame)) % 8) / 8
    groups = {
        "sex": {sex: (table["sex"] == sex).to_numpy(float) for sex in ("female", "male")},
        "age": {"under 25": (table["age"] < 25).to_numpy(float), "25 and over": (table["age"] >= 25).to_numpy(float)},
        "kind": {"a": likely, "missing": 1 - likely},
    }
    found = {}
    for attribute, members in groups.items():
        for group, shares in members.items():
            rows, weights = frame[shares > 0], shares[shares > 0]
            curves = found.setdefault(attribute, {}).setdefault(group, {"rows": float(shares.sum())})
            for name in FEATURES:
                if name in categories:
                    points = np.array(sorted(set(frame[name])), dtype=object)
                else:
                    points = np.unique(np.quantile(frame[name], np.arange(POINTS) / (POINTS - 1), method="inverted_cdf"))
                result = partial_dependence(
                    model, rows, [name], method="brute", kind="average", custom_values={name: points}, categorical_features=categories, sample_weight=weights
                )
                curves[name] = {"points": points.tolist(), "pdp": result["average"][0].tolist()}
                if name not in categories:
                    curves[name]["ale"] = accumulated(model, rows, weights, name, points).tolist()
    (HERE / "effects.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
