"""Make data/large/adult.parquet and data/large/adult-model.json: Adult census and a classifier of income."""

import io

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from common import (
    LARGE,
    PARAMS_LARGE,
    ROUNDS_LARGE,
    auc,
    categorical,
    fetch,
    member,
    report,
    snake_case,
    train,
    write_parquet,
)

SOURCE = ("shapiq==1.4.1", "c86667eb28ea0de56005fbe9fd072783242b74aa87fede11e07b6b915b93e7b3")


def main():
    """Write the table, train on its `train` rows, score on its `test` rows."""
    raw = pd.read_csv(io.StringIO(member(fetch(*SOURCE), "/adult_census.csv")))
    rich = (raw.pop("class") == ">50K").astype("int8").to_numpy()
    features = pd.DataFrame(
        {
            snake_case(name): categorical(column) if column.dtype.kind not in "if" else column.astype("int32")
            for name, column in raw.items()
        }
    )
    _, test = train_test_split(np.arange(len(raw)), test_size=0.3, random_state=42, stratify=rich)
    held = np.isin(np.arange(len(raw)), test)

    table = features.copy()
    table.insert(0, "person_id", np.arange(1, len(raw) + 1, dtype="int32"))
    table["split"] = categorical(np.where(held, "test", "train"), ["train", "test"])
    table["income_over_50k"] = rich
    write_parquet(table, LARGE / "adult.parquet")

    booster = train(features[~held], rich[~held], PARAMS_LARGE, ROUNDS_LARGE)
    booster.save_model(LARGE / "adult-model.json")
    facts = {f"AUC on the {held.sum()} test rows": f"{auc(booster, features[held], rich[held]):.4f}"}
    report(facts, LARGE / "adult.parquet", LARGE / "adult-model.json")


if __name__ == "__main__":
    main()
