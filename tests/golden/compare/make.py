"""Make expected.json: what scipy, scikit-learn and numpy say of the credit model's rows, all of them and those under 30."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import xgboost as xgb
from sklearn.metrics import ndcg_score

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "data"


def stability(before, after):
    """PSI over weights of the same bands; an empty band counts as half a row."""
    p, q = (np.where(weights > 0, weights, 0.5) / weights.sum() for weights in map(np.asarray, (before, after)))
    return float(np.sum((q - p) * np.log(q / p)))


def psi(before, after):
    """Bands end at the baseline's deciles."""
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf"))
    edges = edges[edges < before.max()]
    count = lambda values: np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return stability(count(before), count(after))


def psi_categories(before, after):
    """Categories of less than a hundredth of the baseline are one band."""
    before, after = before.value_counts(), after.value_counts().reindex(before.value_counts().index, fill_value=0)
    rare = before < 0.01 * before.sum()
    merge = lambda counts: [*counts[~rare], *([counts[rare].sum()] if rare.any() else [])]
    return stability(merge(before), merge(after))


def main():
    rows = pd.read_parquet(DATA / "credit.parquet")
    model = xgb.Booster(model_file=DATA / "credit-model.json")
    matrix = xgb.DMatrix(rows[model.feature_names], enable_categorical=True)
    margin = model.predict(matrix, output_margin=True).astype(float)
    contributions = model.predict(matrix, pred_contribs=True).astype(float)[:, :-1]
    young = (rows["age"] < 30).to_numpy()
    before, after = np.abs(contributions).mean(axis=0), np.abs(contributions[young]).mean(axis=0)
    duration = model.feature_names.index("duration")
    ks = lambda values: scipy.stats.ks_2samp(values, values[young]).statistic
    expected = {
        "importance_rank_correlation": {"": scipy.stats.spearmanr(before, after).statistic},
        "importance_ndcg": {"": ndcg_score([before], [after])},
        "importance": dict(zip(model.feature_names, after - before)),
        "prediction_ks": {"": ks(margin)},
        "prediction_psi": {"": psi(margin, margin[young])},
        "attribution_ks": {"duration": ks(contributions[:, duration])},
        "feature_ks": {name: ks(rows[name].to_numpy()) for name in ("age", "amount")},
        "feature_psi": {name: psi(rows[name].to_numpy(), rows[name].to_numpy()[young]) for name in ("age", "amount")}
        | {name: psi_categories(rows[name], rows[name][young]) for name in ("purpose", "housing")},
    }
    text = json.dumps({metric: {feature: float(x) for feature, x in of.items()} for metric, of in expected.items()}, indent=1)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
