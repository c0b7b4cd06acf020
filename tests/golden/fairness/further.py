"""Make further.json from rows.parquet: metrics within strata, likely groups and calibration, by statsmodels, scikit-learn and fairlearn; AIF360 and aequitas agree on the rest."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from aequitas.group import Group
from aif360.sklearn.metrics import (
    average_odds_difference,
    disparate_impact_ratio,
    equal_opportunity_difference,
    statistical_parity_difference,
)
from fairlearn.metrics import false_positive_rate, selection_rate, true_positive_rate
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import proportion_confint

HERE = Path(__file__).parent
Z = scipy.stats.norm.ppf(0.975)


def tables(rows, group, other):
    """One 2×2 table a stratum: group and other by favourable and not."""
    count = lambda part, side: [float((part.favoured[part.sex == side] == 1).sum()), float((part.favoured[part.sex == side] == 0).sum())]
    return [np.array([count(part, group), count(part, other)]) for _, part in rows.groupby("stratum")]


def conditional(rows):
    """Women beside men within bands of age."""
    cells = tables(rows, "female", "male")
    pooled = StratifiedTable(cells)
    low, high = pooled.oddsratio_pooled_confint()
    test = pooled.test_null_odds(correction=False)
    out = {"mantel_haenszel_odds_ratio": {"value": pooled.oddsratio_pooled, "ci_low": low, "ci_high": high, "p_value": test.pvalue}}
    a, b, c, d = (np.array([cell[i, j] for cell in cells]) for i, j in [(0, 0), (0, 1), (1, 0), (1, 1)])
    n, m, k = a + b + c + d, a + b, c + d
    # Greenland & Robins (1985), eq. 13; Sato (1989), eq. 3.
    variance = ((m * k * (a + c) - a * c * n) / n**2).sum() / ((a * k / n).sum() * (c * m / n).sum())
    ratio = pooled.riskratio_pooled
    assert np.isclose(ratio, (a * k / n).sum() / (c * m / n).sum(), rtol=1e-14)
    out["mantel_haenszel_rate_ratio"] = {"value": ratio, "ci_low": ratio * np.exp(-Z * variance**0.5), "ci_high": ratio * np.exp(Z * variance**0.5)}
    weight = (m * k / n).sum()
    difference = ((a * k - c * m) / n).sum() / weight
    p = ((m**2 * c - k**2 * a + m * k * (k - m) / 2) / n**2).sum()
    q = ((a * d + c * b) / (2 * n)).sum()
    half = Z * np.sqrt((difference * p + q) / weight**2)
    out["mantel_haenszel_rate_difference"] = {"value": difference, "ci_low": difference - half, "ci_high": difference + half}
    refused, favoured = b / (b + d), a / (a + c)
    value = (n * (refused - favoured)).sum() / n.sum()
    half = Z * np.sqrt(((n / n.sum()) ** 2 * (refused * (1 - refused) / (b + d) + favoured * (1 - favoured) / (a + c))).sum())
    out["conditional_demographic_disparity"] = {"value": value, "ci_low": value - half, "ci_high": value + half}
    return out


def shares(rows):
    """Groups known by probabilities only: every metric with the probabilities as weights."""
    out = {}
    for name, p in {"a": rows.likely, "b": 1 - rows.likely}.items():
        n = p.sum() ** 2 / (p**2).sum()
        rate = selection_rate(rows.label, rows.favoured, sample_weight=p)
        low, high = proportion_confint(rate * n, n, method="wilson")
        out[name] = {
            "favourable_rate": {"value": rate, "ci_low": low, "ci_high": high},
            "true_positive_rate": {"value": true_positive_rate(rows.label, rows.favoured, sample_weight=p)},
            "false_positive_rate": {"value": false_positive_rate(rows.label, rows.favoured, sample_weight=p)},
            "mean_prediction": {"value": np.average(rows.score, weights=p)},
            "auc": {"value": roc_auc_score(rows.label, rows.score, sample_weight=p)},
            "brier_score": {"value": brier_score_loss(rows.label, rows.score, sample_weight=p)},
            "rows": p.sum(),
        }
    return out


def calibration(rows):
    """Bands of women's predictions that hold 30 rows or more."""
    # On a border between bands libraries differ.
    women = rows[(rows.sex == "female") & ((rows.score * 10).round(6) % 1 != 0)]
    observed, predicted = calibration_curve(women.label, women.score, n_bins=10)
    counts = np.histogram(women.score, bins=10, range=(0, 1))[0]
    bins = np.flatnonzero(counts)
    low, high = proportion_confint((observed * counts[bins]).round(), counts[bins], method="wilson")
    lines = zip(bins + 1, predicted, observed, low, high, counts[bins])
    return [dict(zip(["bin", "mean_prediction", "mean_label", "ci_low", "ci_high", "rows"], line)) for line in lines if line[-1] >= 30]


def agree(rows, expected):
    """AIF360 and aequitas give the same rates, ratios and differences of the sexes as expected.json."""
    known = rows[rows.sex.notna()]
    true = pd.Series(known.label.to_numpy(), index=pd.Index(known.sex, name="sex"))
    favoured = known.favoured.to_numpy()
    by = {"prot_attr": "sex", "priv_group": "male"}
    women = expected["above"]["sex"]["female"]
    opportunity = women["equal_opportunity_difference"]["value"]
    odds = (opportunity + women["false_positive_rate_difference"]["value"]) / 2
    for found, wanted in [
        (disparate_impact_ratio(true, favoured, **by), women["adverse_impact_ratio"]["value"]),
        (statistical_parity_difference(true, favoured, **by), women["demographic_parity_difference"]["value"]),
        (equal_opportunity_difference(true, favoured, **by), opportunity),
        (average_odds_difference(true, favoured, **by), odds),
    ]:
        assert np.isclose(found, wanted, rtol=1e-12), (found, wanted)
    frame = pd.DataFrame({"score": favoured, "label_value": known.label.to_numpy(), "sex": known.sex.astype(str).to_numpy()})
    crosstabs, _ = Group().get_crosstabs(frame, attr_cols=["sex"])
    for _, line in crosstabs.iterrows():
        group = expected["above"]["sex"][line.attribute_value]
        for theirs, ours in {"tpr": "true_positive_rate", "fpr": "false_positive_rate", "precision": "positive_predictive_value", "pprev": "favourable_rate"}.items():
            assert np.isclose(line[theirs], group[ours]["value"], rtol=1e-12), (line.attribute_value, theirs)


def main():
    """Write further.json."""
    warnings.simplefilter("ignore")
    rows = pd.read_parquet(HERE / "rows.parquet")
    rows["favoured"] = (rows.score >= 0.5).astype(int)
    agree(rows, json.loads((HERE / "expected.json").read_text()))
    rows["stratum"] = pd.cut(rows.age, [0, 30, 50, 200], right=False)
    rows["likely"] = rows.weight / 4 + rows.age / 200
    known = rows[rows.sex.notna()]
    out = {"conditional": conditional(known), "shares": shares(rows), "calibration": calibration(rows)}
    (HERE / "further.json").write_text(json.dumps(out, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
