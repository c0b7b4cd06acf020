"""Exact Shapley values of tree ensembles: every coalition of a tree's features enumerated, in f64.

Used only to check goldens; there is no formula of TreeSHAP in it, and nothing here is fast.
"""

import math
from functools import cached_property

import numpy as np


class EnumeratedTree:
    """A tree by arrays with an entry a node: `left` (-1 at leaves), `right`, `feature`, `cover`; the root is node 0.

    Subclasses say how a split decides, and what a node adds to each output.
    """

    def goes_left(self, node, values):
        """Which of the `values` of the node's feature go to its left child."""
        raise NotImplementedError

    def scaled_values(self, outputs):
        """What each node adds to each output: (nodes, outputs), f64, inner nodes zero."""
        raise NotImplementedError

    @cached_property
    def used(self):
        """The features that reachable nodes split on, and the depth of the tree."""
        features, level, depth = set(), [0], 0
        while level := [node for node in level if self.left[node] != -1]:
            features |= {int(self.feature[node]) for node in level}
            level = [child for node in level for child in (self.left[node], self.right[node])]
            depth += 1
        return sorted(features), depth

    def reach(self, rows):
        """The leaf that each row falls into."""
        leaf = np.zeros(len(rows), int)
        pending = [(0, np.arange(len(rows)))]
        while pending:
            node, members = pending.pop()
            if self.left[node] == -1:
                leaf[members] = node
            else:
                left = self.goes_left(node, rows[members, self.feature[node]])
                pending += [(self.left[node], members[left]), (self.right[node], members[~left])]
        return leaf

    def expectation(self, rows, known, values, node=0):
        """v(S) of the path-dependent game for S = `known` and the leaves' f64 `values`: (rows, outputs)."""
        left, right = self.left[node], self.right[node]
        if left == -1:
            return np.broadcast_to(values[node], (len(rows), values.shape[1]))
        below = [self.expectation(rows, known, values, child) for child in (left, right)]
        if self.feature[node] in known:
            return np.where(self.goes_left(node, rows[:, self.feature[node]])[:, None], *below)
        share = self.cover[[left, right]] / self.cover[node] if self.cover[node] > 0 else (0.5, 0.5)
        return share[0] * below[0] + share[1] * below[1]


class EnumeratedModel:
    """A sum of `trees` over `features` inputs with `outputs` outputs."""

    def read(self, rows):
        """Rows as splits see them."""
        raise NotImplementedError

    def exact_base(self):
        """The base margin of each output, f64."""
        raise NotImplementedError

    def path_dependent(self, rows):
        """Path-dependent Shapley values (rows, outputs, features) and base values (rows, outputs), f64."""
        rows = self.read(rows)
        return self._shapley(len(rows), lambda tree, known, values: tree.expectation(rows, known, values))

    def interventional(self, rows, background):
        """Interventional Shapley values against the mean over the background rows; shapes as above."""
        rows, background = self.read(rows), self.read(background)

        def value(tree, known, values):
            mixed = np.repeat(background[None], len(rows), 0)
            mixed[:, :, known] = rows[:, None, known]
            leaves = tree.reach(mixed.reshape(-1, self.features)).reshape(len(rows), -1)
            return values[leaves].mean(axis=1)

        return self._shapley(len(rows), value)

    def _shapley(self, count, value):
        """Sum over trees of the Shapley values of each tree's game `value(tree, known features, leaf values)`."""
        contributions = np.zeros((count, self.outputs, self.features))
        base = np.tile(self.exact_base(), (count, 1))
        for tree in self.trees:
            players, _ = tree.used
            values = tree.scaled_values(self.outputs)
            coalitions = [[j for i, j in enumerate(players) if mask >> i & 1] for mask in range(1 << len(players))]
            worth = [value(tree, known, values) for known in coalitions]
            base += worth[0]
            for mask, known in enumerate(coalitions):
                for i, j in enumerate(players):
                    if j not in known:
                        weight = 1 / (len(players) * math.comb(len(players) - 1, len(known)))
                        contributions[:, :, j] += weight * (worth[mask | 1 << i] - worth[mask])
        return contributions, base
