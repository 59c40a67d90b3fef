"""Class activation maps whose weights are scores, as a Loop of ONNX: one point of the Loop for each channel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto

from onnxplain.engines.onnxruntime.joint import ATTRIBUTION
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.nodes import DOUBLE, FLOAT, Nodes, integers
from onnxplain.engines.onnxruntime.repeated import Repeated, repeat, row_of
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.exported_cam import Map, enlarged, map_of
from onnxplain.exported_root import before_value
from onnxplain.exported_walk import Part, read_sample, rows_at_once, seed_spec, traced
from onnxplain.method.channels import AblatedChannels
from onnxplain.passes import attach_weights
from onnxplain.plan.plan import Plan
from onnxplain.walk.seed import own_probability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.repeated import Shape
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.cam import CamMethod
    from onnxplain.model import Model


@dataclass(frozen=True)
class _Scored(ABC):
    """The scores of points of which each belongs to a channel, by which the channels are weighed into a map.

    layer: the name of the value whose channels are weighed.
    """

    layer: str
    laid: Map

    @property
    def count(self) -> int:
        return int(self.laid.grid[self.laid.channels])

    @property
    def totals(self) -> Sequence[Shape]:
        return [(self.count,)]

    def add(self, n: Nodes, index: str, found: str, given: Mapping[str, str]) -> Sequence[str]:  # noqa: ARG002
        """Put each score [P, N, 1] in its place among the channels [N, K]."""
        places = n("Unsqueeze", n("Cast", self._chosen(n, index, 0.0, 1.0), to=DOUBLE), integers(1))
        return [n("ReduceSum", n("Mul", found, places), integers(0), keepdims=0)]

    def result(self, n: Nodes, totals: Sequence[str], given: Mapping[str, str]) -> str:
        laid, weights = self.laid, self._weights(n, totals[0], given)
        sizes = [1 if axis != laid.channels else self.count for axis in range(1, len(laid.grid))]
        placed = n("Reshape", n("Cast", weights, to=FLOAT), integers(-1, *sizes))

        def attribution(xp: TracedNamespace, A: Traced, w: Traced) -> Traced:
            return laid.spread(xp, laid.weighed(xp, A, w))

        grid = (Rows(), *laid.grid[1:])
        return n.trace(attribution, (given[self.layer], grid), (placed, (Rows(), *sizes)))

    @abstractmethod
    def _weights(self, n: Nodes, scores: str, given: Mapping[str, str]) -> str:
        """Emit the weights of the channels [N, K], from the scores of the points [N, K]."""

    def _chosen(self, n: Nodes, index: str, off: float, on: float) -> str:
        """Emit a number for each point and channel [P, K]: `on` where it is the channel of the point, else `off`."""
        ends, depth = np.array([off, on], np.float32), np.array([self.count + 1])
        return n("Slice", n("OneHot", index, depth, ends), integers(1), integers(self.count + 1), integers(1))


@dataclass(frozen=True)
class _Masked(_Scored):
    """The input seen through each channel; see `MaskedChannels`. name: of the input. baseline: of what is hidden."""

    name: str
    baseline: Array = field(repr=False)

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        laid = self.laid
        channels = n("Gather", given[self.layer], n("Sub", index, np.array(1)), axis=laid.channels)
        order = [laid.channels, 0, *laid.positions]
        sizes = [int(laid.grid[axis]) for axis in laid.positions]
        maps = n("Reshape", n("Transpose", channels, perm=order), integers(-1, *sizes))
        mask = n.trace(self._mask, (maps, (Rows(), *sizes)))
        row = [size if axis in laid.places else 1 for axis, size in enumerate(laid.shape)][1:]
        mask = n("Reshape", mask, n("Concat", n("Shape", index), integers(-1, *row), axis=0))
        seen = n("Mul", given[self.name], mask)
        if not self.baseline.any():
            return {self.name: seen}
        return {self.name: n("Add", n("Mul", self.baseline, n("Sub", np.ones(1, np.float32), mask)), seen)}

    def _weights(self, n: Nodes, scores: str, given: Mapping[str, str]) -> str:  # noqa: ARG002
        return n("Softmax", scores, axis=1)

    def _mask(self, xp: TracedNamespace, maps: Traced) -> Traced:
        """Return maps enlarged to the input, each scaled to 0..1; a constant one becomes 0, as in `masks`."""
        maps = enlarged(xp, maps, self.laid.sizes)
        axes, shape = xp.const(np.arange(1, maps.ndim)), (maps.shape[0], *[1] * (maps.ndim - 1))
        high, low = (maps.emitter.emit(op, maps, axes, shape=shape, keepdims=1) for op in ("ReduceMax", "ReduceMin"))
        return xp.ratio(maps - low, high - low, 0.0)


@dataclass(frozen=True)
class _Ablated(_Scored):
    """The layer without each of its channels; see `AblatedChannels`."""

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        sizes = [self.count if axis == self.laid.channels else 1 for axis in range(1, len(self.laid.grid))]
        gates = n("Reshape", self._chosen(n, index, 1.0, 0.0), integers(-1, 1, *sizes))
        return {self.layer: n("Mul", given[self.layer], gates)}

    def _weights(self, n: Nodes, scores: str, given: Mapping[str, str]) -> str:
        own, size = given[ATTRIBUTION], n("Abs", given[ATTRIBUTION])
        whole = n("Where", n("Equal", size, np.zeros(1)), np.ones(1), size)
        return n("Div", n("Sub", own, scores), whole)


def scored(method: CamMethod, seed: str | None) -> onnx.ModelProto:
    """Return the model with a map whose channels are weighed by scores."""
    whole, batch, channels = method.model, read_sample(method.model, method.feeds), method.channels
    layer, graph = method.layout.layer, whole.canonical.graph
    laid = map_of(method, batch, tuple(graph.tensors()[layer].shape or ()))
    points: _Ablated | _Masked
    if isinstance(channels, AblatedChannels):
        model, given = channels.behind, channels.at_layer(batch)
        points, before = _Ablated(layer, laid), before_value(whole, layer)
        moved, kept = layer, {ATTRIBUTION}
    else:
        model, given, before = whole, batch, GraphProto()
        baseline = method.feeds.baseline(batch, None).x[:1]
        moved, kept = whole.explained_input.name, {layer}
        points = _Masked(layer, laid, moved, np.asarray(baseline, np.float32))
    proto = _scoring(model, given, seed, () if before.node else (layer,))
    rows = {each.name: row_of(each) for each in proto.graph.output}
    kept.add(model.canonical.scores)
    spec = Repeated(
        model=proto,
        x=moved,
        moved={moved: given.x.shape[1:]},
        by_row=given.by_row,
        kept={each: rows[each] if each in rows else laid.grid[1:] for each in sorted(kept)},
        found=(1,),
        row=batch.x.shape[1:],
        rows=rows_at_once(model),
        wide=True,
        exact=bool(before.node),
        before=before,
    )
    return repeat(spec, points, model.canonical.scores)


def _scoring(model: Model, batch: Batch, seed: str | None, kept: tuple[str, ...]) -> onnx.ModelProto:
    """Return a model whose ATTRIBUTION is the explained number of each row, [N, 1]."""
    canonical = model.canonical
    scores = canonical.scores
    asked = seed_spec(model, seed, "one")
    likely = asked.kind in ("probability", "softmax")
    start = asked._replace(kind="contrast" if asked.kind == "contrast" else "one")
    if likely:
        own_probability(asked.independent)  # raises where there is none

    def number(value: Traced, _: None, weights: Traced) -> Traced:
        """Σ w y in float64 for scores or probabilities y; what is subtracted of it is almost as large."""
        emit, xp = value.emitter.emit, TracedNamespace(value.emitter)
        y, w = (xp.reshape(each, (each.shape[0], -1)) for each in (value, weights))
        y, w = (emit("Cast", each, shape=each.shape, to=DOUBLE) for each in (y, w))
        if likely:
            alone = y.shape[1] == 1 or asked.independent
            y = xp.sigmoid(y) if alone else emit("Softmax", y, shape=y.shape, axis=1)
        return xp.sum(w * y, (1,))

    part = Part(canonical, Plan(scores, scores, ()), start, number, fixed=model.fixed_batch is not None, kept=kept)
    joint = traced(part, batch.feeds)
    return attach_weights(joint.proto, joint.weights)
