"""Types and shapes that the file states: of inputs, outputs and values between, wrong, missing, huge or symbolic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper, shape_inference

from changes import FLOATS, STRANGE, kind, pick

if TYPE_CHECKING:
    import onnx

SIZES = (0, -1, 1, 2, 3, 5, 8, 64, 1000, 2**31, 2**62)


def _values(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    graph = model.graph
    return [*graph.input, *graph.input, *graph.output, *graph.value_info]


@kind
def dtype(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State another element type of a value."""
    value = pick(rng, _values(model))
    value.type.tensor_type.elem_type = pick(rng, (*FLOATS, *range(24), 99))
    return True


@kind
def size(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State another size of an axis: a number, 0, -1, huge, a name, or none."""
    dims = [dim for value in _values(model) for dim in value.type.tensor_type.shape.dim]
    if not dims:
        return False
    dim, how = pick(rng, dims), rng.random()
    dim.Clear()
    if how < 0.5:
        dim.dim_value = pick(rng, SIZES)
    elif how < 0.85:
        dim.dim_param = pick(rng, ("N", "batch", "height", "N", "-1", "N*2", *STRANGE))
    return True


@kind
def rank(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State one axis more or less, none, or no shape at all."""
    value = pick(rng, _values(model))
    shape = value.type.tensor_type.shape
    how = rng.integers(5)
    if how == 0:
        shape.dim.add().dim_value = pick(rng, (1, 2, 3))
    elif how == 1 and shape.dim:
        del shape.dim[int(rng.integers(len(shape.dim)))]
    elif how == 2:
        del shape.dim[:]
    elif how == 3:
        value.type.tensor_type.ClearField("shape")
    else:
        value.ClearField("type")
    return True


@kind
def dynamic(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Leave the sizes of the first input open: all of them, or those behind the batch."""
    if not model.graph.input:
        return False
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for axis in range(int(rng.integers(2)), len(dims)):
        dims[axis].Clear()
        if rng.random() < 0.5:
            dims[axis].dim_param = f"axis_{axis}"
    return bool(dims)


@kind
def inner(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State the types of the values between as inference finds them, and one of them wrongly."""
    try:
        found = list(shape_inference.infer_shapes(model).graph.value_info)
    except Exception:  # noqa: BLE001 - what inference raises on an earlier mutation
        return False
    if not found:
        return False
    del model.graph.value_info[:]
    model.graph.value_info.extend(found)
    value = pick(rng, model.graph.value_info)
    how = rng.integers(3)
    if how == 0:
        value.type.tensor_type.elem_type = pick(rng, (1, 6, 7, 9, 10, 11))
    elif how == 1 and value.type.tensor_type.shape.dim:
        pick(rng, value.type.tensor_type.shape.dim).dim_value = pick(rng, SIZES)
    else:
        value.name = pick(rng, model.graph.value_info).name
    return True


@kind
def precision(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Write the whole model in another float type."""
    wanted = int(pick(rng, FLOATS[1:]))
    to = helper.tensor_dtype_to_np_dtype(wanted)
    for each in model.graph.initializer:
        if each.data_type == TensorProto.FLOAT:
            with np.errstate(all="ignore"):
                each.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(each).astype(to), each.name))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = wanted
    for node in model.graph.node:
        for each in node.attribute:
            if node.op_type == "Cast" and each.name == "to" and each.i == TensorProto.FLOAT:
                each.i = wanted
    return True
