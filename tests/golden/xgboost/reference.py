"""XGBoost's JSON models read in plain Python: raw predictions in its own f32 order, and exact Shapley values.

Written from the format alone and used only to check goldens.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapley import EnumeratedModel, EnumeratedTree

LOGIT = {"binary:logistic", "reg:logistic"}
LOG = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}
OUT_OF_RANGE = 2**24
GAP = np.float32(1e-6)


@dataclass
class Tree(EnumeratedTree):
    """One tree: the file's arrays, the output it adds to (None: all of them), and its weight."""

    arrays: dict
    output: int | None
    weight: np.float32

    def __post_init__(self):
        file = self.arrays
        self.left, self.right = np.array(file["left_children"]), np.array(file["right_children"])
        self.feature = np.array(file["split_indices"])
        self.threshold = np.array(file["split_conditions"], "f4")
        self.default_left = np.array(file["default_left"], bool)
        self.cover = np.array(file["sum_hessian"], "f4").astype("f8")
        starts, sizes = file["categories_segments"], file["categories_sizes"]
        self.categories = {
            node: np.array(file["categories"][start : start + size])
            for node, start, size in zip(file["categories_nodes"], starts, sizes, strict=True)
        }

    def goes_left(self, node, values):
        """Which of the f32 `values` of the node's feature go to its left child."""
        if node in self.categories:
            with np.errstate(invalid="ignore"):
                valid = (values >= 0) & (values < OUT_OF_RANGE)
                code = np.where(valid, values, 0).astype("i8")
            left = ~(valid & np.isin(code, self.categories[node]))
        else:
            left = values < self.threshold[node]
        return np.where(np.isnan(values), self.default_left[node], left)

    def leaf_values(self, outputs):
        """What each node adds to each output before the tree's weight: (nodes, outputs), f32, inner nodes zero."""
        values = np.zeros((len(self.left), outputs), "f4")
        leaves = np.flatnonzero(self.left == -1)
        if self.output is None:
            values[leaves] = np.array(self.arrays["leaf_weights"], "f4").reshape(-1, outputs)[self.right[leaves]]
        else:
            values[leaves, self.output] = self.threshold[leaves]
        return values

    def scaled_values(self, outputs):
        """The same in f64, times the tree's weight."""
        return self.leaf_values(outputs).astype("f8") * self.weight.astype("f8")


class Model(EnumeratedModel):
    """A tree model from a JSON file."""

    def __init__(self, path):
        learner = json.loads(Path(path).read_text())["learner"]
        booster, weights = learner["gradient_booster"], None
        if booster["name"] == "dart" and "gbtree" in booster:  # the layout before 3.4
            booster, weights = booster["gbtree"], booster["weight_drop"]
        model = booster["model"]
        weights = weights or model.get("weight_drop") or [1.0] * len(model["trees"])
        parameters = learner["learner_model_param"]
        self.outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
        self.features = int(parameters["num_feature"])
        self.objective = learner["objective"]["name"]
        self.trees = [
            Tree(arrays, None if int(arrays["tree_param"]["size_leaf_vector"]) > 1 else output, np.float32(weight))
            for arrays, output, weight in zip(model["trees"], model["tree_info"], weights, strict=True)
        ]
        self.rounds = model["iteration_indptr"]
        score = np.array(json.loads(f"[{parameters['base_score'].strip('[]')}]"), "f4")
        self.base_score = np.broadcast_to(score, self.outputs)

    def base_margin(self, dtype):
        """The base score in margin space; f32 as XGBoost computes it, f64 from the f32 that the file stores."""
        one = dtype(1)
        if self.objective in LOGIT:
            return np.array([-dtype(math.log(one / dtype(p) - one)) for p in self.base_score], dtype)
        if self.objective in LOG:
            return np.array([dtype(math.log(p)) for p in self.base_score], dtype)
        score = self.base_score.astype(dtype)
        if self.objective == "reg:expectileerror":  # the outputs after the first are gaps, kept positive by softplus
            gaps = np.maximum(np.diff(score) - dtype(GAP), dtype(GAP))
            score[1:] = [gap + dtype(math.log(-dtype(math.expm1(-gap)))) for gap in gaps]
        return score

    def margins(self, rows, rounds=None):
        """Raw predictions, (rows, outputs), summed as XGBoost does: f32, base margin first, then tree by tree."""
        rows = self.read(rows)
        total = np.tile(self.base_margin(np.float32), (len(rows), 1))
        for tree in self.trees[: self.rounds[rounds] if rounds else None]:
            total += tree.leaf_values(self.outputs)[tree.reach(rows)] * tree.weight
        return total

    def read(self, rows):
        """Rows as XGBoost compares them."""
        return to_f32(rows)

    def exact_base(self):
        """The base margin in f64."""
        return self.base_margin(np.float64)


def to_f32(rows):
    """Rows as XGBoost compares them: rounded to f32, with what is too large becoming infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(rows, "f8").astype("f4")
