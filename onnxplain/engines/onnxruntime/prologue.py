"""What an exported model computes first: the preprocessing of images, and the forward run on the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from onnxplain.engines.onnxruntime.joint import BASELINE
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.check import nodes_of
from onnxplain.passes.scans import read_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import onnx

    from onnxplain.inputs import Preprocess

IMAGE = "image"
"""The name of the input that takes images as they are decoded, uint8 [N, H, W, C]."""


def add_preprocessing(graph: onnx.GraphProto, pre: Preprocess, name: str) -> None:
    """Replace the input `name` by the input IMAGE, and compute the former from it as `pre` says.

    The steps are the order of the colours, (pixel · scale - mean) / std, and the layout. `pre` has to state the size of
    the images.
    """
    height, width = pre.size or (0, 0)
    steps = list(_steps(pre))
    names = [IMAGE, *(f"preprocess/{op}" for op, *_ in steps)]
    for node in nodes_of(graph.node):
        node.input[:] = [names[-1] if each == name else each for each in node.input]
    nodes = []
    for i, (op, constant, attrs) in enumerate(steps):
        inputs = [names[i]]
        if constant is not None:
            inputs.append(f"{names[i + 1]}.by")
            graph.initializer.append(numpy_helper.from_array(constant, inputs[1]))
        nodes.append(helper.make_node(op, inputs, [names[i + 1]], name=names[i + 1], **attrs))
    _put_first(graph, nodes)
    place = next(i for i, value in enumerate(graph.input) if value.name == name)
    batch = graph.input[place].type.tensor_type.shape.dim[0]
    rows = batch.dim_param or batch.dim_value
    graph.input[place].CopyFrom(
        helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [rows, height, width, pre.channels])
    )


def _steps(pre: Preprocess) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield operator, constant operand or None, and attributes of each node; steps that change nothing are left out."""
    if pre.colour == "bgr":
        yield "Gather", np.array([2, 1, 0]), {"axis": 3}
    yield "Cast", None, {"to": TensorProto.FLOAT}
    if not pre.raw:
        yield "Mul", np.float32(pre.scale), {}
        yield "Sub", np.array(pre.mean, np.float32), {}
        yield "Div", np.array(pre.std, np.float32), {}
    if pre.layout == "NCHW":
        yield "Transpose", None, {"perm": [0, 3, 1, 2]}
    yield "CastLike", np.zeros((), pre.dtype), {}


def add_baseline(proto: onnx.ModelProto, name: str, reads: Iterable[str], baseline: Any) -> None:
    """Add a second forward run, which computes the values `reads` of the baseline within the file.

    baseline: a number, or an array that broadcasts to the input `name`, which it replaces in that run.
    """
    graph = add_twins(proto, name, reads).graph
    graph.input.remove(_input(graph, BASELINE + name))
    value = np.asarray(baseline, helper.tensor_dtype_to_np_dtype(_input(graph, name).type.tensor_type.elem_type))
    graph.initializer.append(numpy_helper.from_array(value, "explain/baseline"))
    _put_first(
        graph,
        [
            helper.make_node("Shape", [name], ["explain/baseline.shape"], name="explain/baseline/Shape"),
            helper.make_node(
                "Expand",
                ["explain/baseline", "explain/baseline.shape"],
                [BASELINE + name],
                name="explain/baseline/Expand",
            ),
        ],
    )


def add_twins(proto: onnx.ModelProto, name: str, reads: Iterable[str]) -> onnx.ModelProto:
    """Add the forward run on a baseline, which is then an input in the place of its values `reads`; return the model.

    The input is called as the input `name`, with BASELINE before it.
    """
    graph = proto.graph
    wanted = {BASELINE + each for each in reads}
    own = [value for value in graph.input if value.name not in wanted]
    given = graph.input.add()
    given.CopyFrom(_input(graph, name))
    given.name = BASELINE + name
    del graph.input[:]
    graph.input.extend([*own, given])
    twins = []
    for node in reversed(_twins(graph, name, reads)):
        if wanted & set(node.output):
            wanted.update(node.input)
            twins.append(node)
    _put_first(graph, twins[::-1])
    return proto


def _twins(graph: onnx.GraphProto, name: str, reads: Iterable[str]) -> list[NodeProto]:
    """Return a copy, over the baseline, of each node of the forward run that depends on the input `name`.

    A value of `reads` that does not depend on it is the same for the baseline, and gets an Identity.
    Raises UnsupportedModelError for a node whose body reads such a value from outside.
    """
    moved, twins = {name}, []
    for node in graph.node:
        if node.name.startswith("explain/") or not moved & set(node.input):
            continue
        if not moved.isdisjoint(read_inside(node)):
            raise UnsupportedModelError(
                f"{node.op_type} (node {node.name!r}): export with a baseline cannot copy its body"
            )
        twin = NodeProto()
        twin.CopyFrom(node)
        twin.name = BASELINE + node.name
        twin.input[:] = [BASELINE + each if each in moved else each for each in node.input]
        twin.output[:] = [each and BASELINE + each for each in node.output]
        moved.update(node.output)
        twins.append(twin)
    unmoved = [each for each in reads if each not in moved]
    return [
        *twins,
        *(helper.make_node("Identity", [each], [BASELINE + each], name=BASELINE + each) for each in unmoved),
    ]


def _input(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    return next(value for value in graph.input if value.name == name)


def _put_first(graph: onnx.GraphProto, nodes: list[NodeProto]) -> None:
    """Put `nodes` before all others but those of constants alone, which they may read."""
    known = {each.name for each in graph.initializer} | {""}
    fixed: list[NodeProto] = []
    for node in graph.node:
        if known.issuperset(node.input) and not any(each.HasField("g") for each in node.attribute):
            fixed.append(node)
            known.update(node.output)
    made = {each.output[0] for each in fixed}
    rest = [node for node in graph.node if node.output[0] not in made]
    del graph.node[:]
    graph.node.extend([*fixed, *nodes, *rest])
