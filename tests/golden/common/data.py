"""Training sets of the goldens: small frames with gaps, codes and names, and targets made of one signal."""

from functools import cache

import numpy as np
import pandas as pd

ROWS = 600
COLOURS = ["", "jaune clair", "dépôt vert", "青", '<red> & "blue"'] + [f"colour {i}" for i in range(5, 40)]
SHAPES = ["round", "square", "star"]
SIZES = [40, 10, 30, 20, 50]


@cache
def numeric(missing=0.1, decimals=2):
    """Five numeric features, rounded so that rows share values, with gaps; and a signal with interactions."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 5)).round(decimals)
    x[:, 3] = random.integers(0, 6, ROWS)
    signal = x[:, 0] + x[:, 1] * x[:, 2] + np.where(x[:, 3] > 2, x[:, 4], -1) + 0.3 * random.normal(size=ROWS)
    x[random.random(x.shape) < missing] = np.nan
    return pd.DataFrame(x, columns=["length", "width", "height", "count", "weight"]), signal


@cache
def informative_gaps():
    """Values that are missing more often where the signal is high (first feature) or low (second)."""
    frame, signal = numeric(missing=0.0)
    frame = frame.copy()
    random = np.random.default_rng(2)
    frame.loc[(signal > 0.5) & (random.random(ROWS) < 0.5), "length"] = np.nan
    frame.loc[(signal < -0.5) & (random.random(ROWS) < 0.5), "width"] = np.nan
    return frame, signal


@cache
def extreme():
    """Features of f32's whole range: denormal, tiny, ordinary, huge, and one whose values are signed zeros and ones."""
    frame, signal = numeric()
    scale = np.array([1e-40, 1e-30, 1.0, 1e30, 1e38])
    frame = (frame * scale).astype("f4").astype("f8")
    frame["height"] = np.sign(frame["height"]) * (frame["height"].abs() > 0.5)
    return frame, signal


@cache
def coded():
    """Two numeric features and three of category codes (40, 3 and 5 categories), as floats without names."""
    random = np.random.default_rng(3)
    colour, shape, size = (random.integers(0, n, ROWS).astype("f8") for n in (len(COLOURS), len(SHAPES), len(SIZES)))
    length, weight = random.normal(size=(2, ROWS)).round(2)
    signal = np.sin(colour) + (shape == 1) * length + np.cos(2 * size) * weight + 0.3 * random.normal(size=ROWS)
    frame = pd.DataFrame({"length": length, "colour": colour, "weight": weight, "shape": shape, "size": size})
    return frame.mask(random.random(frame.shape) < 0.05), signal


def labelled(names):
    """The coded features as pandas categoricals with `names` {column: categories}."""
    frame, signal = coded()
    frame = frame.copy()
    for column, categories in names.items():
        frame[column] = pd.Categorical.from_codes(frame[column].fillna(-1).astype(int), categories)
    return frame, signal


LABELLED = {"colour": COLOURS, "shape": SHAPES, "size": [f"size {size}" for size in SIZES]}
INTEGERS = {"colour": [7 * i - 60 for i in range(len(COLOURS))], "shape": [1, 2, 4], "size": SIZES}


def real(signal):
    """A regression target."""
    return {"label": signal}


def positive(signal):
    """A target above zero."""
    return {"label": np.exp(0.3 * signal)}


def counts(signal):
    """A target of small counts."""
    return {"label": np.floor(np.exp(0.3 * signal))}


def binary(signal):
    """A 0/1 target, in uneven shares."""
    return {"label": (signal > 0.5).astype(int)}


def classes(signal):
    """Three classes in uneven shares."""
    return {"label": np.digitize(signal, [-1.0, 1.5])}


def several(signal):
    """Three regression targets."""
    return {"label": np.stack([signal, -0.5 * signal + 2, np.abs(signal)], axis=1)}


def ranked(signal):
    """Relevance grades in groups of ten."""
    return {"label": np.digitize(signal, [-1.0, 0.5, 2.0]), "qid": np.arange(ROWS) // 10}


def relevant(signal):
    """Relevance of 0 or 1 in groups of ten."""
    return {"label": (signal > 0.5).astype(int), "qid": np.arange(ROWS) // 10}


def survival(signal):
    """Survival times, the censored ones negative."""
    time = np.exp(0.3 * signal)
    return {"label": np.where(np.arange(ROWS) % 4 == 0, -time, time)}


def intervals(signal):
    """Survival times as intervals, some open to the right."""
    time = np.exp(0.3 * signal)
    return {"label_lower_bound": time, "label_upper_bound": np.where(np.arange(ROWS) % 4 == 0, np.inf, 1.2 * time)}
