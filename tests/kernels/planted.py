"""Bugs that are planted in the CUDA sources, and how a check runs with one of them.

A planted bug may write anywhere in its process. What it overwrites beyond the protected pages around an array belongs
to something else, which fails later in an unrelated place: a bug therefore runs in a process of its own.
"""

from __future__ import annotations

import numpy as np
from kernels.geometry import Geometry
from kernels.launch import Chain, normal

from kernels import checks
from onnxplain.engines.cupy import sources

G = Geometry((9, 8), (5, 4), (3, 3), (2, 2), (1, 1), (1, 1))
TILE = (64, 1)
BARRIER = "__syncthreads();"
ROW, NAN = normal(5000), np.full(4, np.nan, "f")
TIES = np.random.default_rng(0).integers(0, 2, (3, 72)).astype("f")


def tiled():
    checks.check_conv(G, groups=1, cg=20, mg=70, tile=TILE)


def adjoint_tiled():
    checks.check_conv_adjoint(G, groups=1, cg=20, mg=70, tile=TILE)


def long_sums():
    checks.check_reduce_sum(normal(40, 90), (1,), 32)


def plus_one():
    checks.check_chain(Chain("r.a0 + T(1)", ROW), ROW + np.float32(1))


def by_channel():
    chain = Chain("r.a0 * r.a1", ROW, ROW[:4], spread=((50, 4, 25), ((0, 1, 0),)), through=(1,))
    checks.check_chain(chain, (ROW.reshape(50, 4, 25) * ROW[:4, None]).ravel())


# name of the bug -> (file, text, what it becomes, how often, check)
BUGS = {
    "no barrier between stages": ("tiled.cuh", BARRIER, "", 1, tiled),
    "copies that no one waits for": ("tiled.cuh", "    arrive();\n", "", 1, tiled),
    "copies that come after the barrier": ("tiled.cuh", "    arrive();\n    __syncthreads();\n",
                                           "    __syncthreads();\n    arrive();\n", 1, tiled),
    "one stage for two": ("tiled.cuh", "stage[now ^ 1]", "stage[now]", 1, tiled),
    "the stage being filled is multiplied": ("tiled.cuh", "multiply(stage[now]", "multiply(stage[now ^ 1]", 1, tiled),
    "the task is read before it is written": ("conv_tiled.cu", BARRIER, "", 1, tiled),
    "rows behind the last are written": ("tiled.cuh", " && first + row < t.rows", "", 1, tiled),
    "a slice too many of a tap": ("tiled.cuh", "ahead = slices,", "ahead = slices + 1,", 1, tiled),
    "channels behind the last are read": ("copy.cuh", "there ? *from : E{}", "*from", 1, tiled),
    "pixels in each other's place": ("tiled.cuh", "pixel_at(share(me.pixel", "(share(me.pixel", 1, tiled),
    "pixels behind the last are written": ("tiled.cuh", "p.image < 0 ? nullptr : ", "", 1, tiled),
    "a pixel too many": ("conv_adjoint_tiled.cu", "/ w.strides[i] + 1 :", "/ w.strides[i] + 2 :", 1, adjoint_tiled),
    "some threads skip a barrier": ("axes.cuh", BARRIER, "if (me.lane < half) " + BARRIER, 1, long_sums),
    "no barrier between halves": ("axes.cuh", BARRIER, "", 1, long_sums),
    "no barrier between outputs": ("reduce_sum.cu", BARRIER, "", 1, long_sums),
    "a carry that is lost": ("axes.cuh", "d.at[2] -= n[2], ++d.at[1]", "d.at[2] -= n[2]", 1,
                             lambda: checks.check_reduce_sum(normal(5, 6, 7), (0, 2), 4)),
    "a sum in float": ("reduce_sum.cu", "double", "float", 3,
                       lambda: checks.check_reduce_sum(np.tile(np.array([[1e7, 0.25, -1e7]], "f"), 500), (1,), 1)),
    "the last of equal elements wins": ("reduce_winners.cu", "i < j", "i > j", 2,
                                        lambda: checks.check_reduce_winners(TIES, (1,), 8)),
    "the last maximum of a window wins": ("pool_winners.cu", "v > best", "v >= best", 1,
                                          lambda: checks.check_pool_winners(G, TIES)),
    "positions within a plane": ("pool_winners.cu", "winner = plane + i", "winner = i", 1,
                                 lambda: checks.check_pool_winners(G, TIES)),
    "windows one too far": ("window.cuh", "far = i + w.before[axis]", "far = i + w.before[axis] + 1", 1,
                            lambda: checks.check_col2im(G)),
    "a window behind the last": ("window.cuh", "k < n[2]", "k <= n[2]", 1, lambda: checks.check_col2im(G)),
    "padding that is read": ("im2col.cu", "at < w.size[axis]", "at <= w.size[axis]", 1, lambda: checks.check_im2col(G)),
    "weights of another channel": ("conv_adjoint_direct.cu", "c % cg", "c", 1, lambda: checks.check_conv_adjoint(G)),
    "a run one too long": ("add_runs.cu", "k < count &&", "k <= count &&", 1,
                           lambda: checks.check_add_runs([1, 0, 1, 4, 4], 1, 5, 3)),
    "every thread adds its run": ("add_runs.cu", "continue", ";", 1, lambda: checks.check_add_runs([1, 0, 1], 1, 5, 3)),
    "one element too many": ("kernel.cuh", "i < (n)", "i <= (n)", 1, lambda: checks.check_im2col(G)),
    "threads that do not come round": ("kernel.cuh", "i += (int64)gridDim.x * blockDim.x", "i = (n)", 1,
                                       lambda: checks.check_im2col(G, planes=9)),
    "the end of a chain one too far": ("elementwise.cu", "< n ?", "<= n ?", 1, plus_one),
    "a chain that is written one too far": ("elementwise.cu", "< n) out", "<= n) out", 1, plus_one),
    "a chain that does not come round": ("elementwise.cu", "first += BATCH * threads", "first = n", 1, plus_one),
    "a batch that skips elements": ("elementwise.cu", "first += BATCH * threads", "first += 5 * threads", 1, plus_one),
    "an axis that is forgotten": ("spread.cuh", "rest = outer;", "", 1, by_channel),
    "an axis that is not divided": ("spread.cuh", "axis ? quotient(rest, s.length[axis]) : 0", "0", 1, by_channel),
    "the sign of nought": ("functions.cuh", "(z >= 0 ? eps", "(z > 0 ? eps", 1,
                           lambda: checks.check_ratio(np.ones(4, "f"), np.zeros(4, "f"), 0.5)),
    "a NaN that loses": ("functions.cuh", "x > y || x != x", "x > y", 1,
                         lambda: checks.check_chain(Chain("xp::maximum(r.a0, T(0))", NAN), NAN)),
}  # fmt: skip


def run_sound(name):
    """Run the check of this bug on the sources as they are."""
    BUGS[name][-1]()


def run_planted(name):
    """Run the check with the bug planted, for good: the process is not to be used for anything else."""
    file, text, bug, times, check = BUGS[name]
    texts = {path.name: path.read_text() for path in sources.folder().iterdir()}
    if texts[file].count(text) != times:
        raise LookupError("the source has changed: plant the bug anew")
    texts[file] = texts[file].replace(text, bug)
    sources.text_of = lambda name: texts[name]
    check()
