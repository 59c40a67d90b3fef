"""A second graph beside that of the file: the one that is walked, on the floats that integers stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.ops.quantise import CLIP, DOMAIN, FILE, RECTIFIER
from onnxplain.ops.signs import Sign, output_sign
from onnxplain.passes.edit import Editor, is_float, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.passes.quantised.quanta import Quanta


class Walked:
    """The values that are walked, each in the place of one of the file, whose name it takes.

    quanta: what the integers of a value of the file stand for, by its id. scales: the values of the file by which its
    integers have to be multiplied for what is walked, where they are computed. exact: ids of the values of the file
    that have been replaced by their very floats, rather than by such that may differ in rounding.
    """

    def __init__(self, graph: gs.Graph) -> None:
        self.edit = Editor(graph)
        self.quanta: dict[int, Quanta] = {}
        self.scales: dict[int, tuple[gs.Tensor, ...]] = {}
        self.exact: set[int] = set()
        self._twins: dict[int, gs.Tensor] = {}
        self._named: set[int] = set()

    def __contains__(self, value: gs.Tensor) -> bool:
        return id(value) in self._twins

    def __getitem__(self, value: gs.Tensor) -> gs.Tensor:
        """Return what is walked in the place of a value of the file; the value itself where nothing is."""
        return self._twins.get(id(value), value)

    def twin(self, value: gs.Tensor) -> gs.Variable:
        """Return what is computed and walked in the place of a value of the file, for which something is."""
        twin = self._twins[id(value)]
        if isinstance(twin, gs.Constant):
            raise TypeError(f"{value.name!r} is a constant")
        return twin

    def take(
        self,
        value: gs.Tensor,
        twin: gs.Tensor,
        quanta: Quanta | None = None,
        *,
        scales: tuple[gs.Tensor, ...] = (),
        exact: bool = False,
    ) -> None:
        """Let `twin` be walked in the place of `value`."""
        self._twins[id(value)] = twin
        if scales:
            self.scales[id(value)] = scales
        if quanta is not None:
            self.quanta[id(value)] = quanta
        if exact:
            self.exact.add(id(value))

    def stand_in(self, value: gs.Tensor) -> gs.Variable:
        """Return a new float value that has the name and the shape of a value of the file, which gets another one."""
        name, shape = value.name, value.shape
        value.name = self.edit.fresh(name + FILE)
        return gs.Variable(name, np.dtype(np.float32), None if shape is None else list(shape))

    def call(self, integers: gs.Tensor, floats: gs.Variable) -> None:
        """Let what is walked in the place of integers have the name of the first floats that the file makes of them."""
        twin = self._twins[id(integers)]
        if id(twin) not in self._named:
            self._named.add(id(twin))
            integers.name, twin.name, floats.name = twin.name, floats.name, self.edit.fresh(floats.name + FILE)

    def node(
        self, op: str, inputs: Sequence[gs.Tensor], output: gs.Variable, name: str, domain: str = "", **attrs: Any
    ) -> gs.Variable:
        """Add a node of this name, or of one like it, and return its output."""
        self.edit.new.append(gs.Node(op, self.edit.fresh(name), attrs, list(inputs), [output], domain=domain or None))
        return output

    def like(self, value: gs.Tensor, stem: str) -> gs.Variable:
        """Return a new float value of the shape of another one."""
        shape = None if value.shape is None else list(value.shape)
        return gs.Variable(self.edit.fresh(stem), np.dtype(np.float32), shape)

    def again(self, node: gs.Node, inputs: Sequence[gs.Tensor], quanta: Quanta | None = None) -> None:
        """Add a node of the file once more, of floats. quanta: of its outputs, where they are integers in the file."""
        outputs = []
        for value in node.outputs:
            if value.name:
                twin = self.stand_in(value)
                if quanta is None and value.dtype is not None and not is_float(value):
                    twin.dtype = value.dtype
                self.take(value, twin, quanta, exact=quanta is not None)
                outputs.append(twin)
            else:
                outputs.append(value)
        name = self.rename(node)
        self.edit.new.append(gs.Node(node.op, name, dict(node.attrs), list(inputs), outputs, domain=node.domain))

    def rename(self, node: gs.Node) -> str:
        """Return the name of a node of the file, which is free from now on for the node that is walked."""
        name: str = node.name
        node.name = name + FILE  # the names of nodes differ, and so these do
        return name

    # --- what the file computes -----------------------------------------------------------------------------------

    def dequantised(self, value: gs.Tensor, scale: gs.Tensor, zero: gs.Tensor | None, axis: int) -> gs.Variable:
        """Return the floats that integers of the file stand for, as they are there."""
        inputs = [value, scale, *([] if zero is None else [zero])]
        output = self.like(value, f"{value.name}/dequantised")
        return self.node("DequantizeLinear", inputs, output, f"{value.name}/dequantised", axis=axis)

    def rounded(
        self, x: gs.Tensor, value: gs.Tensor, output: gs.Variable, name: str, quanta: Quanta | None = None
    ) -> gs.Variable:
        """Add the node by which the walk goes from `value`, which the file computes, to `x`.

        quanta: of the integers that `value` stands for; None where it was computed in floats, which have no bounds.
        """
        bounds: list[gs.Tensor] = [gs.Variable.empty(), gs.Variable.empty()]
        rectifies = False
        if quanta is not None:
            low, high = quanta.bounds(len(output.shape or ()))
            rectifies = quanta.starts_at_zero and not _is_nonnegative(x, {})
            ends = (np.zeros_like(low) if rectifies else low, high)
            bounds = [
                self.edit.constant(end, f"{name}/{side}") for end, side in zip(ends, ("low", "high"), strict=True)
            ]
        node = gs.Node(
            RECTIFIER if rectifies else CLIP, self.edit.fresh(name), {}, [x, value, *bounds], [output], domain=DOMAIN
        )
        self.edit.new.append(node)
        return output


def _is_nonnegative(value: gs.Tensor, known: dict[int, bool]) -> bool:
    """Whether no element of a value is known to be able to be negative, so that no ReLU was dropped behind it.

    An input of the graph counts as such: no exporter puts a ReLU there. known: the answers so far, by id, as residual
    branches lead to the same values in ever more ways.
    """
    if id(value) not in known:
        known[id(value)] = _from_its_node(value, known)
    return known[id(value)]


def _from_its_node(value: gs.Tensor, known: dict[int, bool]) -> bool:
    constant = values_of(value)
    if constant is not None:
        return bool((np.asarray(constant, np.float64) >= 0).all())
    if not value.inputs:
        return True
    node = value.inputs[0]
    if node.domain == DOMAIN:
        return node.op == RECTIFIER or _is_nonnegative(node.inputs[0], known)
    if node.op == "DequantizeLinear":  # of an input of the graph in integers, or of weights
        return not isinstance(node.inputs[0], gs.Constant)
    signs = [Sign(nonnegative=_is_nonnegative(each, known)) if each.name else None for each in node.inputs]
    return output_sign(node.op, signs).nonnegative
