"""A walk as nodes of a file: the model with the walk behind it, and with the forward run of a baseline within it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.budget import BUSY_ROWS, row_bytes, rows_that_fit
from onnxplain.engines.onnxruntime import export as file_format
from onnxplain.engines.onnxruntime.joint import TraceSpec, join
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.prologue import add_baseline
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError
from onnxplain.engines.onnxruntime.sizes import at_sizes, learn
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.passes import attach_weights
from onnxplain.walk.objective import Objective, as_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    import onnx_graphsurgeon as gs
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.joint import ForwardBackwardModel
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.readout import Readout
    from onnxplain.method.request import Request
    from onnxplain.method.walk_method import WalkMethod
    from onnxplain.model import Model
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.seed import SeedSpec


@dataclass(frozen=True)
class Part:
    """A walk to be traced, by `plan` on the graph of `canonical`; for the other fields see `TraceSpec`.

    fixed: whether the file states the number of rows.
    """

    canonical: Canonical
    plan: Plan
    seed: SeedSpec
    readout: Readout
    _: KW_ONLY
    fixed: bool
    baseline: bool = False
    value: str = ""
    kept: tuple[str, ...] = ()
    detail: tuple[Plan, Readout] | None = None


def part_of(walk: WalkMethod, seed: SeedSpec) -> Part:
    """Return the walk of a method."""
    fixed = walk.model.fixed_batch is not None
    return Part(walk.canonical, walk.plan, seed, readout_of(walk), fixed=fixed, baseline=walk.spec.baseline)


def seed_spec(model: Model, seed: str | None, default: str) -> SeedSpec:
    """Return how the seed follows from the scores. Raises UsageError for an array, which no formula gives."""
    spec = Objective(None, as_seed(seed, 1), default, independent=model.independent_scores).seed_spec
    if spec is None:
        raise UsageError("export takes a seed by name; an array cannot be written into the file")
    return spec


def whole(walk: WalkMethod, seed: str | None, request: Request | None = None) -> onnx.ModelProto:
    """Return the model with the walk of a method and, where it has one, the forward run of its baseline.

    request: to the method, for a batch of the shapes of its inputs and a baseline; by default of zeros, and that of the
    method.
    """
    batch, baseline = (
        (read_sample(walk.model, walk.feeds), None) if request is None else (request.batch, request.baseline)
    )
    joint = traced(part_of(walk, seed_spec(walk.model, seed, walk.spec.seed)), batch.feeds)
    proto = with_baseline(walk, joint, batch, baseline)
    file_format.keep_outputs(proto.graph, walk.canonical.scores)
    return proto


def with_baseline(
    walk: WalkMethod, joint: ForwardBackwardModel, batch: Batch, baseline: ArrayLike | None
) -> onnx.ModelProto:
    """Return a traced walk with its weights and, where it has one, the forward run of the method's baseline."""
    proto = attach_weights(joint.proto, joint.weights)
    if walk.spec.baseline:
        walk.feeds.baseline(batch, baseline)  # raises where it does not fit
        add_baseline(proto, walk.model.explained_input.name, joint.reads, walk.feeds.numbers(batch, baseline))
    return proto


def traced(part: Part, feeds: Mapping[str, Array]) -> ForwardBackwardModel:
    """Return the joint model for inputs of these shapes, with any number of rows unless the file states one."""
    canonical, symbolic = part.canonical, not part.fixed
    graph, scores = canonical.graph, canonical.scores
    file_format.check_names(graph.tensors().keys())
    try:
        plan = at_sizes(part.plan, canonical, feeds, symbolic=symbolic)
        names, detail = {scores, part.value or plan.root, *plan.values}, None
        if part.detail is not None:
            detail = at_sizes(part.detail[0], canonical, feeds, symbolic=symbolic), part.detail[1]
            names |= detail[0].values
        sizes = learn(canonical, feeds, names, symbolic=symbolic)
        spec = TraceSpec(graph, plan, scores, part.seed, sizes, baseline=part.baseline, readout=part.readout)
        return join(replace(spec, value=part.value, kept=part.kept, detail=detail))
    except BatchSizeNeededError as problem:
        raise UnsupportedModelError(
            "this model or method needs the number of rows: fix the batch size of the model's input to export it"
        ) from problem


def rows_at_once(model: Model) -> int:
    """Return how many rows go through a model together, where points of rows are run in turn."""
    return model.fixed_batch or min(rows_that_fit(row_bytes(model.canonical.graph)), BUSY_ROWS)


def readout_of(walk: WalkMethod) -> Readout:
    """Return the method's read-out; of an embedding, one attribution a token."""
    rank = len(walk.model.input_shape)

    def readout(x: Traced, x0: Traced | None, arrived: Traced) -> Traced:
        attribution: Traced = walk.spec.readout(x, x0, arrived)
        xp = TracedNamespace(attribution.emitter)
        axes, norm = range(rank, attribution.ndim), walk.folds_by_norm and attribution.ndim > rank
        summed = xp.sqrt(xp.sum(attribution * attribution, axes)) if norm else xp.sum(attribution, axes)
        return xp.reshape(summed, summed.shape[:rank])

    return readout


def read_sample(model: Model, feeds: Feeds) -> Batch:
    """Return a batch of zeros for each input, one row where the batch is free."""
    return feeds.read(model.canonical.rows.given(sample(model)))


def sample(model: Model) -> dict[str, Array]:
    """Return zeros for each input, one row where the batch is free. Raises UsageError for an input of unknown size."""
    return {
        value.name: np.zeros(_size(model, value), value.dtype or np.float32) for value in model.canonical.graph.inputs
    }


def _size(model: Model, value: gs.Variable) -> list[int]:
    size = [n if isinstance(n, int) and n > 0 else None for n in value.shape or ()]
    if size and size[0] is None:
        size[0] = 1
    pre = model.preprocess
    if pre is not None and pre.size is not None and value.name == model.explained_input.name:
        height = 1 if pre.layout == "NHWC" else 2
        size[height : height + 2] = pre.size
    if None in size:
        raise UsageError(
            f"the input {value.name!r} has the shape {value.shape}: export needs its size: that of a picture from "
            "preprocess=, and any other from the file, where all axes but that of the rows need a stated length"
        )
    return [n for n in size if n is not None]
