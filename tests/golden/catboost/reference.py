"""CatBoost's JSON models read in plain Python: raw predictions in its own order, and exact Shapley values.

Written from the format alone and used only to check goldens.
"""

import json
from pathlib import Path

import numpy as np
from shapley import EnumeratedModel, EnumeratedTree

MULTIPLIER = 0x4906BA494954CB65
NO_CATEGORY = str(2**64 - 1)
UNSEEN = -1


class Tree(EnumeratedTree):
    """One tree; a split's left child is where its question's bit is clear."""

    def __init__(self, file, questions, scale):
        self.scale, self.nodes = scale, []
        if "splits" in file or "leaf_values" in file:
            self._oblivious(file, questions)
        else:
            self._nested(file, questions)
        self.left, self.right, self.feature, self.is_set, self.values, self.cover = zip(*self.nodes, strict=True)
        self.cover = np.array(self.cover, "f8")
        for node in reversed(range(len(self.nodes))):
            if self.left[node] != -1:
                self.cover[node] = self.cover[self.left[node]] + self.cover[self.right[node]]

    def _oblivious(self, file, questions):
        """Level by level; the first split is the lowest bit of a leaf's index, so it is right above the leaves."""
        splits = file["splits"] or []
        for level, split in enumerate(reversed(splits)):
            for node in range((1 << level) - 1, (2 << level) - 1):
                self.nodes.append((2 * node + 1, 2 * node + 2, *questions[split["split_index"]], None, 0.0))
        values = np.array(file["leaf_values"], "f8").reshape(1 << len(splits), -1)
        self.nodes += [(-1, -1, -1, None, *leaf) for leaf in zip(values, file["leaf_weights"], strict=True)]

    def _nested(self, file, questions):
        node = len(self.nodes)
        if "split" not in file:
            self.nodes.append((-1, -1, -1, None, np.atleast_1d(np.array(file["value"], "f8")), file["weight"]))
            return node
        self.nodes.append(None)
        children = [self._nested(file[side], questions) for side in ("left", "right")]
        self.nodes[node] = (*children, *questions[file["split"]["split_index"]], None, 0.0)
        return node

    def goes_left(self, node, values):
        """Where the question's bit is clear."""
        return ~self.is_set[node](values)

    def scaled_values(self, outputs):
        """What each node adds to each output."""
        return np.array([np.zeros(outputs) if leaf is None else self.scale * leaf for leaf in self.values])


class Model(EnumeratedModel):
    """A model from a JSON file. Rows are f64, categories given by the hashes of their texts, or `UNSEEN`."""

    def __init__(self, path):
        file = json.loads(Path(path).read_text())
        info = file["features_info"]
        self.floats = info.get("float_features") or []
        self.categories = info.get("categorical_features") or []
        listed = sorted([*self.floats, *self.categories], key=lambda feature: feature["flat_feature_index"])
        self.names = [
            feature.get("feature_name") or feature.get("feature_id") or str(feature["flat_feature_index"])
            for feature in listed
        ]
        self.features, self.numeric = len(listed), [feature in self.floats for feature in listed]
        self.ctrs, self.tables = info.get("ctrs") or [], file.get("ctr_data") or {}
        self.scale, self.bias = file["scale_and_bias"]
        questions = list(self._questions())
        self.trees = [Tree(tree, questions, self.scale) for tree in file.get("trees") or file["oblivious_trees"]]
        self.outputs = next(len(leaf) for leaf in self.trees[0].values if leaf is not None)

    def _questions(self):
        """(feature, which values set the bit) of each split_index: of borders, then of categories, then of CTRs."""
        for feature in self.floats:
            above = feature["has_nans"] and feature["nan_value_treatment"] == "AsTrue"
            for border in np.array(feature["borders"], "f4"):
                yield feature["flat_feature_index"], lambda x, border=border, above=above: exceeds(x, border, above)
        for feature in self.categories:
            for value in feature.get("values", []):
                yield feature["flat_feature_index"], lambda x, value=value: x == value % 2**32
        for ctr in self.ctrs:
            elements = ctr["elements"]
            if len(elements) > 1 or elements[0]["combination_element"] != "cat_feature_value":
                raise ValueError("a CTR of several features")
            feature = self.categories[elements[0]["cat_feature_index"]]["flat_feature_index"]
            for border in np.array(ctr["borders"], "f4"):
                yield feature, lambda x, ctr=ctr, border=border: self._statistic(ctr, x) > border

    def _statistic(self, ctr, hashes):
        """A CTR's value for each category, in f32."""
        table = self.tables[ctr["identifier"]]
        stride, cells = table["hash_stride"], table["hash_map"]
        rows = {cells[at]: cells[at + 1 : at + stride] for at in range(0, len(cells), stride)}
        return np.array([self._share(ctr, rows, table, int(hash_)) for hash_ in hashes], "f4")

    def _share(self, ctr, rows, table, hash_):
        signed = hash_ - 2**32 if hash_ >= 2**31 else hash_
        key = str(MULTIPLIER * (MULTIPLIER * signed) % 2**64)
        counts = [0] * (table["hash_stride"] - 1)
        if hash_ != UNSEEN and key != NO_CATEGORY:
            counts = rows.get(key, counts)
        border = ctr["target_border_idx"]
        good, total = {
            "Borders": lambda: (sum(counts[border + 1 :]), sum(counts)),
            "Buckets": lambda: (counts[border], sum(counts)),
            "BinarizedTargetMeanValue": lambda: counts,
            "FloatTargetMeanValue": lambda: counts,
            "Counter": lambda: (counts[0], table["counter_denominator"]),
            "FeatureFreq": lambda: (counts[0], table["counter_denominator"]),
        }[ctr["ctr_type"]]()
        f4 = np.float32
        share = (f4(good) + f4(ctr["prior_numerator"])) / (f4(total) + f4(ctr["prior_denomerator"]))
        return (share + f4(ctr["shift"])) * f4(ctr["scale"])

    def read(self, rows):
        """Rows as CatBoost compares them: numbers rounded to f32, with what is too large becoming infinite."""
        with np.errstate(over="ignore"):
            return np.where(self.numeric, np.asarray(rows, "f8").astype("f4").astype("f8"), rows)

    def exact_base(self):
        """The bias of each output."""
        return np.broadcast_to(np.array(self.bias, "f8"), self.outputs)

    def margins(self, rows, rounds=None):
        """Raw predictions, (rows, outputs): leaf values tree by tree in f64, then scale and bias."""
        rows, total = self.read(rows), np.zeros((len(rows), self.outputs))
        for tree in self.trees[:rounds]:
            total += np.array([tree.values[leaf] for leaf in tree.reach(rows)])
        return total * self.scale + self.exact_base()


def exceeds(x, border, nan_above):
    """Which values are above a border; NaN is above all or none."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(x), nan_above, x > border)
