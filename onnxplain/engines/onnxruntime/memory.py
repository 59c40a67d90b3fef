"""About how much memory a process takes that explains one row by a compiled walk, known without compiling it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.onnxruntime.cuts import parts_within
from onnxplain.engines.onnxruntime.program import sized_walk, trace
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dense import read_in_place
from onnxplain.passes.export import constants_of

if TYPE_CHECKING:
    from onnxplain.engines.base import WalkRequest
    from onnxplain.engines.onnxruntime.sized import Sized
    from onnxplain.passes import Canonical

PROGRAM = 108 * 2**20
"""Bytes of Python, NumPy, onnx, onnxruntime and this package, measured behind the first explanation by a network of a
few thousand weights, on Linux with Python 3.11 and onnxruntime 1.32."""

NODE = 28_000
"""Bytes that a session and this package hold for a node of the walk, measured on networks of 100 to 3000 nodes."""

SPARE = 1.1
"""How many times what is alive at once onnxruntime takes for values: it gives a value a free block of up to twice its
size, and what is free between two values may be too small for a third. Measured: 0.9 to 1.7."""

_PACKED = frozenset({"MatMul", "Gemm", "ConvTranspose"})
"""The operators of which each packs its weight for itself."""


@dataclass(frozen=True)
class Memory:
    """About how many bytes of a process are resident when it has explained one row.

    program: Python, the libraries, and the nodes of the walk. weights: as this package holds them and as the session
    does. values: those of the walk, as many as are alive at once. shapes: those of the inputs that this holds for.
    segments: in how many the forward run is repeated while it walks back; 1 where it is not. Where it is, the values
    are given back behind the run, and the sum is what the run needs.
    """

    program: int
    weights: int
    values: int
    shapes: dict[str, tuple[int, ...]]
    segments: int = 1

    @property
    def total(self) -> int:
        """All of it."""
        return self.program + self.weights + self.values


def estimate(canonical: Canonical, request: WalkRequest, budget: int) -> Memory:
    """Return about how much memory a process takes that has walked this request, of one row and without a baseline.

    Nothing is opened, and nothing runs but what a walk needs to know the sizes of values that ONNX does not infer.
    Raises UnsupportedModelError where the sizes cannot be known. budget: as `compile_program` has it.
    """
    if request.baseline is not None:
        raise UnsupportedModelError("the memory of a walk that compares with a baseline is not estimated")
    joint, weights, _ = trace(canonical, request, symbolic=False)
    shapes = {name: np.shape(value) for name, value in request.feeds.items()}
    model = sized_walk(joint, request)
    parts = parts_within(joint.proto, model, budget)
    in_place = frozenset(read_in_place(joint.proto, weights))
    own = {id(each.base if each.base is not None else each): each for each in constants_of(canonical.graph).values()}
    opened = [model.part(each.graph) for each in parts.models]
    held = sum(each.nbytes for each in own.values()) + sum(_of_session(each, in_place) for each in opened)
    segments = max(1, len(opened) - 1)
    values = parts.nbytes if segments > 1 else round(SPARE * parts.nbytes)
    return Memory(PROGRAM + NODE * sum(len(each.nodes) for each in opened), held, values, shapes, segments)


def _of_session(model: Sized, in_place: frozenset[str]) -> int:
    """Return the bytes of the weights that a session holds: as nodes read them, each packed in the layout for these.

    in_place: names of those that it reads where they are.
    """
    read: dict[str, list[str]] = {}
    for node in model.nodes:
        for name in (model.constants & set(node.reads)) - in_place - {""}:
            read.setdefault(name, []).append(node.op)
    return sum(model.nbytes[name] * _copies(ops) for name, ops in read.items())


def _copies(ops: list[str]) -> int:
    """Return how often a weight is in memory that nodes of these operators read.

    Convolutions share one copy in the blocked layout; each matrix product has its own; all others share one.
    """
    rest = set(ops) - _PACKED
    return sum(op in _PACKED for op in ops) + len({op == "Conv" for op in rest})
