"""Exact Shapley values of a sum of trees, against a background set: interventional TreeSHAP.

A player is a group of columns. For rows x and z, the game is F(x on the columns of a coalition S, z on the others), and
the Shapley values are averaged over the z of the background. The game is a sum over the leaves. A hybrid arrives at a
leaf if each player on the path to it is shown as one of the two rows that takes the way there. So with

    A   the players on the path by whom x takes the way to the leaf, and z does not
    B   those by whom z does, and x does not

a leaf of value v counts 0 where any player fails with both, and else v for the coalitions that contain A and none of B.
Such a game has the values v (|A|-1)! |B|! / (|A|+|B|)! for the players in A and -v |A|! (|B|-1)! / (|A|+|B|)! for B.

Only the pattern of a row at a leaf counts: by which of the d players on the path it takes the way there. The background
is a histogram over the 2^d patterns, so its size hardly matters. For small d, one table per leaf holds the values for
each pattern of x, and all leaves of one d are computed by one matrix product.

Source: Lundberg et al. 2020, Independent Tree SHAP; the game of a leaf is theirs, the patterns are a way to count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.trees.ensemble import Ensemble

SMALL = 8
"""Leaves with at most this many players on their path are computed by tables of all patterns."""

_ELEMENTS = 2**22
"""How many numbers a step works on at most, as far as it can be cut."""


@dataclass(frozen=True)
class _Leaves:
    """Leaves with the same number d of players on their paths.

    numbers: of the leaves [L]. players: [L, d]. branches, ways: what has to be decided how on all paths, in segments
    that begin at `starts`: one for each player of each leaf, in this order.
    """

    numbers: Array
    players: Array
    branches: Array
    ways: Array
    starts: Array

    def patterns(self, decided: Array) -> Array:
        """Return for each row of `decided` [branches, N] who takes the way to the leaf, bool [L, d, N]."""
        taken = decided[self.branches] == self.ways[:, None]
        found: Array = np.logical_and.reduceat(taken, self.starts, axis=0)
        return found.reshape(*self.players.shape, -1)


def shapley(ensemble: Ensemble, players: Array, count: int, x: Array, background: Array) -> Array:
    """Return the Shapley values of `count` players for each row of x [N, columns], float64 [N, count, K].

    players: for each column its player, a number below `count`, or -1 for a column that is the same in all rows.
    background: rows [M, columns]. The values of a row sum to F(x) minus the mean of F over the background.
    """
    rows, total = max(1, _ELEMENTS // 4096), np.zeros((len(x), count + 1, ensemble.values.shape[1]))
    behind = ensemble.decisions(background)
    owners = np.where(players < 0, count, players)
    parts = [slice(i, i + rows) for i in range(0, len(x), rows)]
    with progress("tree_shap", len(ensemble.paths) * len(parts), "leaf") as bar:
        for part in parts:
            decided = ensemble.decisions(x[part])
            for leaves in _grouped(ensemble, owners, max(decided.shape[1], behind.shape[1])):
                shares = _shares(leaves, decided, behind)
                _add(total[part], leaves, shares, ensemble.values[leaves.numbers])
                bar.update(len(leaves.numbers))
    return total[:, :count]


def _grouped(ensemble: Ensemble, owners: Array, rows: int) -> Iterator[_Leaves]:
    """Yield the leaves by the number of players on their paths, as many at once as the memory takes."""
    leaf = np.repeat(np.arange(len(ensemble.paths)), [len(path) for path in ensemble.paths])
    if not len(leaf):
        return
    branch, way = np.concatenate(ensemble.paths), np.concatenate(ensemble.ways)
    owner = owners[ensemble.column[branch]]
    order = np.lexsort((owner, leaf))
    first = np.append(True, (np.diff(leaf[order]) != 0) | (np.diff(owner[order]) != 0))
    depth = np.bincount(leaf[order][first], minlength=len(ensemble.paths))
    again = np.argsort(depth[leaf[order]], kind="stable")  # all leaves of one number of players stand together
    order, first = order[again], first[again]
    leaf, branch, way, owner = leaf[order], branch[order], way[order], owner[order]
    ends = np.append(np.flatnonzero(np.diff(leaf)) + 1, len(leaf))
    numbers, begins = leaf[ends - 1], np.append(0, ends[:-1])
    for d in np.unique(depth[depth > 0]):
        found = np.flatnonzero(depth[numbers] == d)
        step = max(1, _ELEMENTS // (rows * int(d)))
        for i in range(0, len(found), step):
            some = found[i : i + step]
            part = slice(begins[some[0]], ends[some[-1]])
            starts = np.flatnonzero(first[part])
            yield _Leaves(numbers[some], owner[part][starts].reshape(-1, d), branch[part], way[part], starts)


def _shares(leaves: _Leaves, decided: Array, behind: Array) -> Array:
    """Return the Shapley values for leaves of the value 1, float64 [L, d, N]."""
    shown, hidden = leaves.patterns(decided), leaves.patterns(behind)
    if shown.shape[1] > SMALL:
        return np.stack([_of_leaf(a, b) for a, b in zip(shown, hidden, strict=True)])
    d = shown.shape[1]
    bits = 1 << np.arange(d)
    at, there = (np.tensordot(bits, each.transpose(1, 0, 2), 1) for each in (shown, hidden))
    leaf = np.arange(len(at))[:, None]
    histogram = np.bincount((there + (leaf << d)).ravel(), minlength=len(at) << d).reshape(len(at), -1)
    tables = (histogram / behind.shape[1]) @ _kernel(d)
    found: Array = tables.reshape(len(at), 1 << d, d)[leaf, at].transpose(0, 2, 1)
    return found


@cache
def _kernel(d: int) -> Array:
    """Return the values of d players by the patterns of z and of x, for a leaf of the value 1: [2^d, 2^d · d]."""
    patterns = (np.arange(1 << d)[:, None] >> np.arange(d) & 1).astype(bool)
    found = np.stack([_values(patterns, patterns[z : z + 1], np.ones(1)) for z in range(1 << d)])
    return found.reshape(1 << d, -1)


def _of_leaf(shown: Array, hidden: Array) -> Array:
    """Return the Shapley values for one leaf of the value 1 from its patterns [d, N] and [d, M]: [d, N]."""
    z, same = _distinct(hidden)
    weights, found = np.bincount(same) / hidden.shape[1], np.zeros(shown.shape)
    fails, free = (~shown).astype(np.float32), (~hidden[:, z]).astype(np.float32)
    meets = np.flatnonzero(
        (free.T @ fails == 0).any(0)
    )  # rows that arrive at the leaf beside some row of the background
    found[:, meets] = _values(shown[:, meets].T, hidden[:, z].T, weights).T
    return found


def _distinct(patterns: Array) -> tuple[Array, Array]:
    """Return which columns of `patterns` [d, N] hold each pattern that occurs, and which of these each column has."""
    bits = [1 << i for i in range(len(patterns))]
    codes = np.array(bits, np.int64 if len(bits) < 63 else object) @ patterns
    _, first, back = np.unique(codes, return_index=True, return_inverse=True)
    return first, back


def _values(x: Array, z: Array, weights: Array) -> Array:
    """Return the values for patterns x [X, d], averaged over patterns z [Z, d] with their `weights`: [X, d]."""
    d = x.shape[1]
    without, beside = (~x).astype(float), (~z).astype(float)  # B of each x, and A of each z, where a leaf counts
    counts = (without @ beside.T == 0) * weights
    a, b = beside.sum(1).astype(int)[None], without.sum(1).astype(int)[:, None]
    gain, loss = _weights(d)
    found: Array = (counts * gain[a, b]) @ beside - (counts * loss[a, b]).sum(1, keepdims=True) * without
    return found


@cache
def _weights(d: int) -> tuple[Array, Array]:
    """Return (a-1)! b! / (a+b)! and a! (b-1)! / (a+b)! for a and b from 0 to d; 0 where a factorial has no value."""
    gain, loss = np.zeros((d + 1, d + 1)), np.zeros((d + 1, d + 1))
    for a in range(d + 1):
        for b in range(d + 1 - a):
            whole = factorial(a + b)
            gain[a, b] = factorial(a - 1) * factorial(b) / whole if a else 0.0
            loss[a, b] = factorial(a) * factorial(b - 1) / whole if b else 0.0
    return gain, loss


def _add(total: Array, leaves: _Leaves, shares: Array, values: Array) -> None:
    """Add to `total` [N, players, K] the shares [L, d, N] of leaves with `values` [L, K]."""
    owners, at = leaves.players.ravel(), np.repeat(np.arange(len(values)), leaves.players.shape[1])
    flat = shares.reshape(len(owners), -1)
    order = np.argsort(owners, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(owners[order])) + 1):
        total[:, owners[own[0]]] += flat[own].T @ values[at[own]]
