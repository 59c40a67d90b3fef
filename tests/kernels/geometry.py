"""Windows as a list of meetings: which output meets which input position by which tap; nothing is clever here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from kernels.launch import window


@dataclass(frozen=True)
class Geometry:
    """A window over 1 to 3 axes; the fields are those of the struct."""

    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]

    @property
    def struct(self):
        return window(**vars(self))

    def places(self):
        return int(np.prod(self.size)), int(np.prod(self.out)), int(np.prod(self.kernel))

    def meetings(self):
        """(output, tap, input), all flat, in the order of outputs and taps."""
        each = zip(self.strides, self.before, self.dilations, strict=True)
        axes = list(each)
        for o in itertools.product(*map(range, self.out)):
            for t in itertools.product(*map(range, self.kernel)):
                i = [a * s - b + k * d for a, k, (s, b, d) in zip(o, t, axes, strict=True)]
                if all(0 <= x < n for x, n in zip(i, self.size, strict=True)):
                    yield tuple(
                        int(np.ravel_multi_index(*p)) for p in ((o, self.out), (t, self.kernel), (i, self.size))
                    )


@st.composite
def geometries(draw):
    """Any window: padding on one side only, windows in the padding alone, gaps, an end that is never read."""
    rank = draw(st.integers(1, 3))
    most = {1: 17, 2: 8, 3: 4}[rank]
    each = lambda low, high: tuple(draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank)))  # noqa: E731
    return Geometry(each(1, most), each(1, most), each(1, 4), each(1, 4), each(1, 3), each(0, 4))


def conv_loops(x, w, groups, g: Geometry):
    """Convolution in float64, term by term: x [N, C, S], w [M, C/groups, taps] -> [N, M, P]."""
    _, out, _ = g.places()
    y = np.zeros((x.shape[0], groups, w.shape[0] // groups, out))
    x = x.reshape(x.shape[0], groups, -1, x.shape[-1]).astype("d")
    w = w.reshape(groups, -1, *w.shape[1:]).astype("d")
    for o, t, i in g.meetings():
        y[..., o] += np.einsum("ngc,gmc->ngm", x[..., i], w[..., t])
    return y.reshape(y.shape[0], -1, out)


def adjoint_loops(y, w, groups, g: Geometry):
    """Its transpose: y [N, M, P] -> [N, C, S]."""
    size, _, _ = g.places()
    x = np.zeros((y.shape[0], groups, w.shape[1], size))
    y = y.reshape(y.shape[0], groups, -1, y.shape[-1]).astype("d")
    w = w.reshape(groups, -1, *w.shape[1:]).astype("d")
    for o, t, i in g.meetings():
        x[..., i] += np.einsum("ngm,gmc->ngc", y[..., o], w[..., t])
    return x.reshape(x.shape[0], -1, size)
