"""Make rows.parquet and expected.json: group metrics as fairlearn, scikit-learn, statsmodels and scipy compute them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import brier_score_loss, precision_score, roc_auc_score
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

HERE = Path(__file__).parent
BANDS = {"under 25": (0, 25), "25 to under 40": (25, 40), "40 to under 60": (40, 60), "60 and over": (60, 200)}


def table(rows=900):
    """Rows with a score, a label that follows it, groups of unequal sizes, ties in the scores and a few missing values."""
    rng = np.random.default_rng(7)
    sex = rng.choice(["female", "male"], rows, p=[0.4, 0.6])
    age = rng.integers(18, 75, rows)
    z = rng.normal(size=rows) + 0.4 * (sex == "female") - 0.02 * (age - 40)
    score = np.round(1 / (1 + np.exp(-z)), 3)
    label = (rng.random(rows) < score**1.2).astype("int64")
    weight = rng.integers(1, 5, rows) / 2
    frame = pd.DataFrame({"sex": sex, "age": age, "score": score, "label": label, "weight": weight})
    frame.loc[rng.choice(rows, 9, replace=False), "sex"] = None
    return frame


def rate(favoured, n, other=None):
    """A share with its Wilson interval, and what statsmodels says of it beside another's."""
    low, high = proportion_confint(favoured, n, method="wilson")
    out = {"value": favoured / n, "ci_low": low, "ci_high": high}
    if other is not None:
        out |= {"difference": favoured / n - other[0] / other[1], "ratio": favoured / n / (other[0] / other[1])}
        out["p_value"] = proportions_ztest([favoured, other[0]], [n, other[1]])[1]
    return out


def difference(a, b):
    low, high = confint_proportions_2indep(*a, *b, compare="diff", method="newcomb")
    return {"value": a[0] / a[1] - b[0] / b[1], "ci_low": low, "ci_high": high, "p_value": proportions_ztest([a[0], b[0]], [a[1], b[1]])[1]}


def ratio(a, b):
    low, high = confint_proportions_2indep(*a, *b, compare="ratio", method="log")
    return {"value": a[0] / a[1] / (b[0] / b[1]), "ci_low": low, "ci_high": high, "p_value": proportions_ztest([a[0], b[0]], [a[1], b[1]])[1]}


def delong(label, score):
    """AUC's standard error by the definition of DeLong et al. (1988), placements by plain comparison."""
    ones, zeros = score[label == 1], score[label == 0]
    psi = (ones[:, None] > zeros[None]) + 0.5 * (ones[:, None] == zeros[None])
    return np.sqrt(psi.mean(1).var(ddof=1) / len(ones) + psi.mean(0).var(ddof=1) / len(zeros))


def auc(rows):
    value, error = roc_auc_score(rows.label, rows.score), delong(rows.label.to_numpy(), rows.score.to_numpy())
    z = scipy.stats.norm.ppf(0.975)
    return {"value": value, "ci_low": value - z * error, "ci_high": value + z * error}


def counts(rows, share):
    """Favourable decisions, or labels, and the rows that they are a share of."""
    if share == "favourable_rate":
        return rows.favoured.sum(), len(rows)
    if share == "true_positive_rate":
        return rows.favoured[rows.right == 1].sum(), (rows.right == 1).sum()
    if share == "false_positive_rate":
        return rows.favoured[rows.right == 0].sum(), (rows.right == 0).sum()
    return rows.right[rows.favoured == 1].sum(), (rows.favoured == 1).sum()


RATES = {
    "true_positive_rate": "equal_opportunity_difference",
    "false_positive_rate": "false_positive_rate_difference",
    "positive_predictive_value": "predictive_parity_difference",
}


def own(rows):
    """What needs no reference."""
    out = {name: rate(*counts(rows, name)) for name in ["favourable_rate", *RATES]}
    out["mean_prediction"] = mean(rows.score)
    out["brier_score"] = mean((rows.score - rows.label) ** 2)
    assert np.isclose(out["brier_score"]["value"], brier_score_loss(rows.label, rows.score))
    out["calibration_difference"] = mean(rows.score - rows.label)
    band = np.minimum((rows.score * 10).astype(int), 9)
    gaps = [abs((rows.score - rows.label)[band == k].sum()) for k in range(10)]
    out["calibration_error"] = {"value": sum(gaps) / len(rows)}
    out["auc"] = auc(rows)
    return out


def mean(values):
    low, high = DescrStatsW(values).zconfint_mean()
    return {"value": values.mean(), "ci_low": low, "ci_high": high}


def beside(rows, reference):
    """A group's metrics beside its reference's."""
    out = own(rows)
    for name in ["favourable_rate", *RATES]:
        out[name] = rate(*counts(rows, name), counts(reference, name))
    out["adverse_impact_ratio"] = ratio(counts(rows, "favourable_rate"), counts(reference, "favourable_rate"))
    out["demographic_parity_difference"] = difference(counts(rows, "favourable_rate"), counts(reference, "favourable_rate"))
    for name, gap in RATES.items():
        out[gap] = difference(counts(rows, name), counts(reference, name))
    both = pd.concat([rows.assign(group="a"), reference.assign(group="b")])
    out["equalized_odds_difference"] = {"value": equalized_odds_difference(both.right, both.favoured, sensitive_features=both.group)}
    welch = CompareMeans(DescrStatsW(rows.score), DescrStatsW(reference.score))
    d = (rows.score.mean() - reference.score.mean()) / np.sqrt((rows.score.var() + reference.score.var()) / 2)
    n, m = len(rows), len(reference)
    half = scipy.stats.norm.ppf(0.975) * np.sqrt((n + m) / (n * m) + d**2 / (2 * (n + m)))
    out["standardized_mean_difference"] = {
        "value": d,
        "ci_low": d - half,
        "ci_high": d + half,
        "difference": rows.score.mean() - reference.score.mean(),
        "p_value": welch.ztest_ind(usevar="unequal")[1],
    }
    return out


def review(frame, favourable):
    """Every group's metrics, {attribute: {group: {metric: …}}}; the largest group is the reference."""
    frame = frame.copy()
    below = favourable == "below"
    frame["favoured"] = ((frame.score < 0.5) if below else (frame.score >= 0.5)).astype(int)
    frame["right"] = (frame.label == (0 if below else 1)).astype(int)
    frame["band"] = pd.Series(dtype=object)
    for name, (low, high) in BANDS.items():
        frame.loc[(frame.age >= low) & (frame.age < high), "band"] = name
    frame["both"] = frame.sex + " & " + frame.band
    out = {}
    for attribute, column in {"sex": "sex", "age": "band", "sex & age": "both"}.items():
        groups = {name: rows for name, rows in frame.groupby(column)}
        reference = max(groups, key=lambda name: len(groups[name]))
        out[attribute] = {name: own(rows) if name == reference else beside(rows, groups[reference]) for name, rows in groups.items()}
        check(frame[frame[column].notna()], column, out[attribute])
    return out


def check(frame, column, expected):
    """fairlearn's own grouping agrees."""
    metrics = {
        "favourable_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "positive_predictive_value": precision_score,
    }
    by_group = MetricFrame(metrics=metrics, y_true=frame.right, y_pred=frame.favoured, sensitive_features=frame[column]).by_group
    for name in metrics:
        for group, value in by_group[name].items():
            assert np.isclose(value, expected[group][name]["value"], rtol=1e-14), (name, group)


def weighted(frame):
    """Weighted shares and means of each sex, favourable above the threshold."""
    out = {}
    for name, rows in frame.groupby("sex"):
        w, favoured = rows.weight, (rows.score >= 0.5).astype(int)
        n = w.sum() ** 2 / (w**2).sum()
        p = selection_rate(rows.label, favoured, sample_weight=w)
        low, high = proportion_confint(p * n, n, method="wilson")
        out[name] = {
            "favourable_rate": {"value": p, "ci_low": low, "ci_high": high},
            "true_positive_rate": {"value": true_positive_rate(rows.label, favoured, sample_weight=w)},
            "false_positive_rate": {"value": false_positive_rate(rows.label, favoured, sample_weight=w)},
            "positive_predictive_value": {"value": precision_score(rows.label, favoured, sample_weight=w)},
            "auc": {"value": roc_auc_score(rows.label, rows.score, sample_weight=w)},
            "brier_score": {"value": brier_score_loss(rows.label, rows.score, sample_weight=w)},
            "mean_prediction": {"value": np.average(rows.score, weights=w)},
        }
    return {"sex": out}


def main():
    """Write both files."""
    frame = table()
    frame.to_parquet(HERE / "rows.parquet", index=False, compression="zstd")
    expected = {"below": review(frame, "below"), "above": review(frame, "above"), "weighted": weighted(frame)}
    text = json.dumps(expected, indent=1, default=float)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
