"""A program: the session of a compiled walk, and the session that computes the inputs which depend on a baseline."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import onnx

from onnxplain.engines.onnxruntime.baseline import split
from onnxplain.engines.onnxruntime.cuts import parts_within
from onnxplain.engines.onnxruntime.joint import SEED, TARGET, TraceSpec, join
from onnxplain.engines.onnxruntime.segmented import Segmented
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows, elements, number
from onnxplain.engines.onnxruntime.sized import sized
from onnxplain.engines.onnxruntime.sizes import at_sizes, learn
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.runtime import open_session
from onnxplain.graph.views import views

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest
    from onnxplain.engines.onnxruntime.joint import ForwardBackwardModel
    from onnxplain.engines.onnxruntime.sized import Sized
    from onnxplain.graph.runtime import Session
    from onnxplain.passes import Canonical

_log = logging.getLogger(__name__)

COPIES = 2
"""The number of copies of a weight that onnxruntime holds: as it is, and packed for its matrix products."""

LAYOUTS = 2
"""In how many layouts a value may be in memory at once."""


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled walk.

    walk: what runs forward and walks: a session, or several for its parts. baseline: the session that computes, from
    values of the baseline, the inputs of `walk` which depend on them; None where there are none.
    seeded: whether the program makes the seed itself, from class indices, rather than take it as an input.
    classes: the number of scores of a row. reads: names of the baseline's values that the program needs.
    nbytes: about how much memory it takes, in bytes.
    """

    walk: Session | Segmented = field(repr=False)
    baseline: Session | None = field(repr=False)
    seeded: bool
    classes: int
    reads: tuple[str, ...]
    nbytes: int

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of onnxruntime's execution providers that run it."""
        return self.walk.providers

    def run(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Run the walk on those arrays of `given` that are its inputs; return its outputs by name."""
        walk = self.walk
        found = walk.run(walk.outputs, dict(zip(walk.inputs, map(given.__getitem__, walk.inputs), strict=True)))
        # what onnxruntime gives is a view of its session's memory, which an explanation that is kept would keep
        return {name: value.copy() for name, value in zip(walk.outputs, found, strict=True)}

    def of_baseline(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Return the inputs of the walk that depend on the baseline, computed from its `values`."""
        known = dict(values)
        if self.baseline is not None:
            given = {name: known[name] for name in self.baseline.inputs}
            known |= zip(self.baseline.outputs, self.baseline.run(self.baseline.outputs, given), strict=True)
        return {name: known[name] for name in self.walk.inputs if name in known}


def trace(
    canonical: Canonical, request: WalkRequest, *, symbolic: bool
) -> tuple[ForwardBackwardModel, dict[str, Array], int]:
    """Trace a walk, for any number of rows (`symbolic`) or for that of the request.

    Returns its model, which gives the value at the root out as well, the weights that this only names, and the number
    of scores of a row. Raises BatchSizeNeededError where the walk cannot be traced without the number of rows.
    """
    graph, scores, seed = canonical.graph, canonical.scores, request.objective.seed_spec
    plan = at_sizes(request.plan, canonical, request.feeds, symbolic=symbolic)
    sizes = learn(canonical, request.feeds, plan.values | {scores}, symbolic=symbolic)
    joint = join(TraceSpec(graph, plan, scores, seed, sizes, baseline=request.baseline is not None))
    outputs = {each.name for each in joint.proto.graph.output}
    known = {*request.feeds, *outputs}
    joint.proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {plan.root} - known)
    return joint, views(joint.proto, joint.weights), number(elements(sizes[scores][1:]))


def sized_walk(joint: ForwardBackwardModel, request: WalkRequest) -> Sized:
    """Return the nodes of a walk with the sizes of its values, traced for the number of rows of the request.

    Raises UnsupportedModelError where a size cannot be known.
    """
    known = {name: tuple(map(number, shape)) for name, shape in joint.shapes.items()}
    inputs = {name: np.shape(value) for name, value in request.feeds.items()}
    return sized(joint.proto, {**inputs, TARGET: (request.rows,), SEED: known[request.plan.target]}, known)


def _parts_of(joint: ForwardBackwardModel, request: WalkRequest, budget: int) -> list[onnx.ModelProto]:
    """Return the parts in which a walk keeps to a budget in bytes: itself where it does, or where that is not known."""
    try:
        return parts_within(joint.proto, sized_walk(joint, request), budget).models
    except UnsupportedModelError:
        return [joint.proto]


def _bytes_of_row(joint: ForwardBackwardModel, rows: int) -> int:
    """Return how many bytes all values of a walk take together for one row. rows: for how many it was traced."""
    lengths = ([size.each if isinstance(size, Rows) else size for size in shape] for shape in joint.shapes.values())
    return 4 * sum(map(math.prod, lengths)) // max(rows, 1)


def compile_program(canonical: Canonical, request: WalkRequest, *, symbolic: bool, budget: int) -> Program:
    """Trace a walk as `trace` does, and open its sessions.

    budget: the bytes that the values of the walk may take at once. Raises BatchSizeNeededError as well where those of
    one row may take more, since the number of rows is needed to cut the walk into segments.
    """
    joint, weights, classes = trace(canonical, request, symbolic=symbolic)
    large = request.baseline is None and LAYOUTS * _bytes_of_row(joint, 1 if symbolic else request.rows) > budget
    if large and symbolic:
        raise BatchSizeNeededError
    once = split(joint)
    parts = _parts_of(joint, request, budget) if large else [joint.proto]
    if len(parts) > 1:
        _log.info(
            "the walk is cut into %d segments, since its values would take more than %d bytes", len(parts) - 1, budget
        )
    return Program(
        baseline=open_session(once, weights) if once.graph.node else None,
        walk=open_session(joint.proto, weights) if len(parts) == 1 else Segmented(parts, joint.proto, weights),
        seeded=request.objective.seed_spec is not None,
        classes=classes,
        reads=joint.reads,
        nbytes=COPIES * sum(each.nbytes for each in weights.values()) + joint.proto.ByteSize(),
    )
