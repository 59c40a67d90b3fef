"""FullGrad: the gradient times the input, and what the bias of each node adds, laid out on the input.

The score of a network is the sum of both. With the gradient g of the score at each value,

    f(x) = Σ g x + Σ over all nodes (g y - Σ g x over the operands of the node),

where y is the output of the node: at a convolution the bracket is g b with its bias b, at a ReLU it is 0, at an
activation of slope f' it is g (y - f'(x) x), the implicit bias. Where a node's value lies on a grid, its share lies
there, enlarged to the input; what has no place, such as the bias of a dense layer, is spread over all positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.method import backward
from onnxplain.method.layout import laid
from onnxplain.method.readout import times_input
from onnxplain.method.request import Result, joined
from onnxplain.method.spec import MethodSpec
from onnxplain.method.walk_method import WalkMethod, WalkSpec
from onnxplain.ops import Family
from onnxplain.ops.channels import channel_axes
from onnxplain.progress import progress
from onnxplain.resample import along, interpolation
from onnxplain.walk.book import Book
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.method.request import Request
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan
    from onnxplain.rules.rule import Rule
    from onnxplain.walk.site import Site


LOCAL = (Family.ELEMENTWISE, Family.NORMALISE, Family.SELECT)
"""Families whose nodes, where they have one operand like their output, keep each element at its place."""


@dataclass(frozen=True)
class FullGrad:
    """The gradient times the input and what biases add, which sum to the score. Source: Srinivas & Fleuret 2019."""


@dataclass(frozen=True)
class FullGradSpec(MethodSpec):
    """The method that shares out a score with all biases; `make` builds a `FullGrad`."""


class FullGradMethod:
    """A `FullGradSpec` on a model. It walks one row after another, in NumPy, where each node can be seen."""

    def __init__(
        self, model: Model, spec: FullGradSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError(f"method {spec.name!r} attributes to the input; layer= belongs to a method that walks")
        spec.build(**parameters)
        self.spec, self.parameters = spec, dict(parameters)
        self.model = replace(model, engine="numpy")
        self.walk = WalkMethod(self.model, WalkSpec(spec.name, backward.gradient, readout=times_input), {}, feeds)
        rows = model.canonical.rows.axes
        axes = channel_axes(model.canonical.graph)
        self._channels = {name: axis for name, axis in axes.items() if rows.get(name, 0) == 0}

    @property
    def plan(self) -> Plan:
        """The plan of the gradient."""
        return self.walk.plan

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.walk.engine

    def run(self, request: Request) -> Result:
        """Walk each row, and add what its biases give."""
        objective = request.objective
        plain = isinstance(objective.seed, str | None) and objective.seed in (None, "logit")
        start = "one" if plain else objective.seed
        request = replace(request, objective=replace(objective, seed=start, default="one"))
        count = len(request.batch.x)
        with progress(self.spec.name, count, "row") as bar:
            rows = []
            for i in range(count):
                rows.append(self._row(request, slice(i, i + 1)))
                bar.update(1)
        return joined(rows)

    def _row(self, request: Request, row: slice) -> Result:
        """Return the result of one row: the only one, so that all that a node adds is of that row."""
        batch, book = request.batch.rows(row), Biases(channels=self._channels)
        one = replace(request, batch=batch, objective=request.objective.rows(row), book=book)
        found = self.walk.run(one)
        copies = self.model.fixed_batch or 1  # a file of a fixed batch gets as many copies of the row
        sizes = found.attribution.shape[1:]
        places = [axis for axis in range(len(sizes)) if axis + 1 != batch.channel_axis]
        added = book.laid_out([sizes[axis] for axis in places]) / copies
        shared = added.reshape([n if axis in places else 1 for axis, n in enumerate(sizes)])
        attribution = found.attribution + (shared * (added.size / np.prod(sizes))).astype(found.attribution.dtype)
        delta = attribution.reshape(1, -1).sum(1, dtype=np.float64) - self._due(one, found)
        return replace(found, attribution=attribution, delta=delta)

    @staticmethod
    def _due(request: Request, found: Result) -> Array:
        """Return the number that is shared out. Raises UsageError for a probability, which is no sum of scores."""
        if isinstance(request.objective.target, Neuron):
            return found.score
        scores = found.scores.astype(np.float64)
        return np.asarray((request.objective.weights(scores, found.chosen) * scores).sum(1))


@dataclass
class Biases(Book):
    """A book of what each node of a gradient walk adds to the score: where it has a place, and in all.

    channels: the channel axis by name, of the values whose other axes are positions and whose rows come first.
    """

    channels: Mapping[str, int] = field(default_factory=dict)
    placed: list[tuple[Array, int]] = field(default_factory=list)
    total: float = 0.0

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:  # noqa: ARG002
        """Enter one node, where the gradient `message` arrived and `answers` left for the operands."""
        own = _product(message, site.y)
        left = [_product(*pair) for pair in zip(answers, site.active_xs, strict=True)]
        total = own.sum(dtype=np.float64) - sum(each.sum(dtype=np.float64) for each in left)
        self.total += float(total)
        axis, added = self.channels.get(site.node.output), _added(site, message, own, left)
        if axis is not None and added is not None and site.node.loop is None:
            self.placed.append((added, axis))

    def laid_out(self, sizes: Sequence[int]) -> Array:
        """Return what all nodes add as a map of these sizes, summed over the rows of the walk."""
        found, known = np.zeros(sizes), 0.0
        for added, axis in self.placed:
            try:
                grid = laid(added, axis, sizes, "").sum((0, 1), dtype=np.float64)
            except UsageError:  # its positions are not those of the input
                continue
            found += _enlarged(grid, sizes)
            known += grid.sum()
        return found + (self.total - known) / found.size


def _added(site: Site, message: Any, own: Array, left: Sequence[Array]) -> Array | None:
    """Return what a node adds at each element of its output; None where no element can be told."""
    if site.node.family is Family.AFFINE:
        return None if site.b is None else _product(message, site.b)
    if site.node.family is Family.BILINEAR and len(left) > 1:
        return -own
    if site.node.family in LOCAL and len(left) == 1 and left[0].shape == own.shape:
        return own - left[0]
    return None


def _product(g: Any, value: Any) -> Array:
    """Return g times a value, 0 where g is 0: a score that a mask has set to -∞ counts for nothing."""
    zeros = np.zeros(np.broadcast_shapes(g.shape, value.shape), g.dtype)
    return np.asarray(np.multiply(g, value, out=zeros, where=g != 0))


def _enlarged(grid: Array, sizes: Sequence[int]) -> Array:
    """Return a map resized so that its sum stays: each position's value is shared out by linear interpolation."""
    for axis, (source, size) in enumerate(zip(grid.shape, sizes, strict=True)):
        wide = interpolation(source, size) if source <= size else interpolation(size, source).T
        grid = along(wide / wide.sum(0), grid, axis)
    return grid
