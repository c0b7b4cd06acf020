"""Small Parquet files as pandas and pyarrow write them, for the tests of src/dataset.

Made with pyarrow 26.0.1 and pandas 3.1.1: python make.py
"""

import datetime
import decimal
from pathlib import Path

import pandas
import pyarrow
from pyarrow import parquet

here = Path(__file__).parent

grades = ["low", "mid", None, "low", "high", "high", "low", "mid", "mid", None, "high", "low"]
frame = pandas.DataFrame(
    {
        # Neither alphabetical nor in order of appearance, and one category without rows.
        "grade": pandas.Categorical(grades, categories=["mid", "unused", "high", "low"]),
        "size": pandas.Categorical([40, 10, 30, None, 40, 10, 30, 30, 10, 40, None, 40], categories=[40, 10, 30]),
        "flag": pandas.array([True, False, None] * 4, dtype="boolean"),
        "count": pandas.array([1, None, 3, 2**53 + 1] * 3, dtype="Int64"),
        "when": pandas.to_datetime(["2024-03-01T00:30:00.25", None, "1969-12-31T23:59:59"] * 4, format="ISO8601").tz_localize("Europe/Berlin"),
        "day": [datetime.date(1970, 1, 11), None, datetime.date(1969, 12, 31)] * 4,
        "amount": [decimal.Decimal("12.34"), decimal.Decimal("-0.05"), None] * 4,
        "half": pandas.Series([0.5, -1.25, float("nan")] * 4, dtype="float16"),
        "name": ["Zoë", None, ""] * 4,
    }
)
# Row groups of four rows: each has some of the grades and, in its dictionary, all of them.
frame.to_parquet(here / "pandas.parquet", row_group_size=4, index=False)

# Row groups whose dictionaries hold what occurs in them, in order of appearance.
with parquet.ParquetWriter(here / "appearance.parquet", pyarrow.schema({"grade": pyarrow.dictionary(pyarrow.int8(), pyarrow.string())})) as out:
    for names in (["low", "high"], ["high", "low"]):
        out.write_table(pyarrow.table({"grade": pyarrow.array(names).dictionary_encode().cast(out.schema.field("grade").type)}))

# Times as old Spark and Impala write them, a view of text, and a list.
old = pyarrow.table(
    {
        "time": pyarrow.array([datetime.datetime(2024, 2, 29, 12), None], pyarrow.timestamp("ns")),
        "text": pyarrow.array(["a", "b"], pyarrow.string_view()),
        "list": pyarrow.array([[1.0, 2.0], []]),
    }
)
parquet.write_table(old, here / "old.parquet", use_deprecated_int96_timestamps=True)
