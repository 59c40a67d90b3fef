"""Exact Shapley values of a sum of trees, against a background set: interventional TreeSHAP.

A player is a group of columns. For rows x and z, the game is F(x on the columns of a coalition S, z on the others), and
the Shapley values are averaged over the z of the background. The game is a sum over the leaves. A hybrid arrives at a
leaf if each player on the path to it is shown as one of the two rows that takes the way there. So with

    A   the players on the path by whom x takes the way to the leaf, and z does not
    B   those by whom z does, and x does not

a leaf of value v counts 0 where any player fails with both, and else v for the coalitions that contain A and none of B.
Such a game has the values v (|A|-1)! |B|! / (|A|+|B|)! for the players in A and -v |A|! (|B|-1)! / (|A|+|B|)! for B.

Only the pattern of a row at a leaf counts: which of the d players on the path fail, that is, do not take the way there.
The background is a histogram over the 2^d patterns, so its size hardly matters, and for d up to SMALL the values are
tables over the 2^d patterns F of x. By the Beta integral, (a-1)! b! / (a+b)! is the integral over t from 0 to 1 of
t^(a-1) (1-t)^b, of which a product over the players remains: 1 for a player by whom neither fails, t in A, 1 - t in B,
0 where both fail. So the sum over the patterns of z,

    T(F, t) = Σ over z of its share of the background · Π over the players of 1, t, 1 - t or 0,

is made player by player in d steps, and Gauss and Legendre's quadrature of d/2 points is exact. With

    U(F) = ∫ T(F, t) / t dt,  W(F) = ∫ T(F, t) / (1 - t) dt

as sums over the points, player i gets v (U(F) - U(F with i) - W(F with i)), be i in F, as B is, or not.

Source: Lundberg et al. 2020, Independent Tree SHAP; the game of a leaf is theirs, the patterns are a way to count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.progress import progress
from onnxplain.stopping import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.trees.ensemble import Ensemble

    _Rows = tuple[Array, int]
    """What the branches decide of N rows, as words of 64 rows, and N."""

SMALL = 11
"""Leaves with at most this many players on their path are computed by tables of all patterns."""

_BLOCK = 2**19
"""How many numbers are made into tables at once; so many stay in the caches of a processor."""

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

    def failing(self, decided: _Rows) -> Array:
        """Return for each row who fails to take the way to the leaf, uint8 [L, d, N]."""
        words, count = decided
        wrong = words[self.branches] ^ np.where(self.ways, ~np.uint64(0), np.uint64(0))[:, None]
        found = np.bitwise_or.reduceat(wrong, self.starts, axis=0)
        bits = np.unpackbits(found.view(np.uint8), axis=1, count=count)
        return bits.reshape(*self.players.shape, count)


def _packed(decided: Array) -> _Rows:
    """Pack what the branches decide of N rows, bool [branches, N]."""
    packed = np.packbits(decided, axis=1)
    spare = -packed.shape[1] % 8
    return np.pad(packed, ((0, 0), (0, spare))).view(np.uint64), decided.shape[1]


def shapley(ensemble: Ensemble, players: Array, count: int, x: Array, background: Array) -> Array:
    """Return the Shapley values of `count` players for each row of x [N, columns], float64 [N, count, K].

    players: for each column its player, a number below `count`, or -1 for a column that is the same in all rows.
    background: rows [M, columns]. The values of a row sum to F(x) minus the mean of F over the background.
    """
    rows, total = max(1, _ELEMENTS // 4096), np.zeros((len(x), count + 1, ensemble.values.shape[1]))
    behind = _packed(ensemble.decisions(background))
    owners = np.where(players < 0, count, players)
    parts = [slice(i, i + rows) for i in range(0, len(x), rows)]
    with progress("tree_shap", len(ensemble.paths) * len(parts), "leaf") as bar:
        for part in parts:
            decided = _packed(ensemble.decisions(x[part]))
            for leaves in _grouped(ensemble, owners, max(decided[1], behind[1])):
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


def _shares(leaves: _Leaves, decided: _Rows, behind: _Rows) -> Array:
    """Return the Shapley values for leaves of the value 1, float64 [L, d, N]."""
    shown, hidden = leaves.failing(decided), leaves.failing(behind)
    if shown.shape[1] > SMALL:
        return np.stack([_of_leaf(a == 0, b == 0) for a, b in zip(shown, hidden, strict=True)])
    found = np.empty(shown.shape)
    step = max(1, _BLOCK // (len(_points(shown.shape[1])[0]) << shown.shape[1]))
    for i in range(0, len(found), step):
        check()
        part = slice(i, i + step)
        _by_tables(_codes(shown[part]), _codes(hidden[part]), found[part])
    return found


def _codes(failing: Array) -> Array:
    """Return the pattern of each row as a number below 2^d, int64 [L, N], of `failing` [L, d, N]."""
    found = np.zeros((len(failing), failing.shape[2]), np.uint16)
    for i in range(failing.shape[1]):
        found |= failing[:, i].astype(np.uint16) << i
    return found.astype(np.int64)


def _by_tables(x: Array, z: Array, found: Array) -> None:
    """Write into `found` [L, d, N] the values for rows x [L, N] against a background z [L, M], as codes of patterns."""
    count, d = found.shape[:2]
    points, weights = _points(d)
    leaf = np.arange(count)[:, None]
    taking = z ^ ((1 << d) - 1)
    histogram = np.bincount((taking * count + leaf).ravel(), minlength=count << d) / z.shape[1]
    t = points[:, None, None, None]
    sums = np.repeat(histogram[None], len(points), 0)
    for i in range(d):
        halves = sums.reshape(len(points), -1, 2, count << i)
        first, second = (
            halves[:, :, :1],
            halves[:, :, 1:],
        )  # where i fails for z and where not; then for x not, and where
        first *= t
        first += second
        second *= 1 - t
    u, w = weights @ sums.reshape(len(points), -1)
    whole = np.ascontiguousarray((u + w).reshape(-1, count).T).ravel()
    own = np.ascontiguousarray(u.reshape(-1, count).T).ravel()
    at = x + (leaf << d)
    mine = np.take(own, at)
    for i in range(d):
        np.subtract(mine, np.take(whole, at | 1 << i), out=found[:, i])


@cache
def _points(d: int) -> tuple[Array, Array]:
    """Return the points t of the quadrature, float64 [P], and the weights of T for U and W, [2, P]."""
    nodes, weights = np.polynomial.legendre.leggauss((d + 1) // 2)
    t = (nodes + 1) / 2
    return t, weights / 2 / np.stack([t, 1 - t])


def _of_leaf(shown: Array, hidden: Array) -> Array:
    """Return the Shapley values for one leaf of the value 1, where rows [d, N] and a background [d, M] take the way."""
    check()
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
