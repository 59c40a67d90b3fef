"""Initialisers: data cut short, wrong sizes, other types, odd numbers, external data, declared in odd places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from changes import REALS, STRANGE, kind, pick

if TYPE_CHECKING:
    from typing import Any

LOCATIONS = ("missing.bin", "../../../etc/passwd", "/dev/zero", "/etc/hostname", "", ".", "model.onnx", "a\nb")


def _weight(model: onnx.ModelProto, rng: np.random.Generator) -> TensorProto | None:
    """Return an initialiser; None where there is none."""
    return pick(rng, model.graph.initializer) if model.graph.initializer else None


def _array(weight: TensorProto) -> Any:
    """Return the values of an initialiser; None where an earlier mutation left none that can be read."""
    try:
        return numpy_helper.to_array(weight)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return None


@kind
def truncated(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Cut the data of an initialiser short, or append to it."""
    if (weight := _weight(model, rng)) is None or not weight.raw_data:
        return False
    data = weight.raw_data
    weight.raw_data = pick(rng, (data[:-1], data[: len(data) // 2], b"", data + b"\0" * 4, data + b"\0"))
    return True


@kind
def dims(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State other sizes of an initialiser: wrong, negative, huge, or in another order."""
    if (weight := _weight(model, rng)) is None:
        return False
    old = list(weight.dims)
    choices = [[*old, 1], old[::-1], [int(np.prod(old))], [], [1, *old], [*old[:-1], -1], [*old[:-1], 0]]
    choices += [[*old[:-1], 2**40], [2**32, 2**32], [1] * 70]
    del weight.dims[:]
    weight.dims.extend(pick(rng, choices))
    return list(weight.dims) != old


@kind
def numbers(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Change numbers of an initialiser: one to an extreme, all to zero or by a factor."""
    if (weight := _weight(model, rng)) is None or (array := _array(weight)) is None or not array.size:
        return False
    array = np.array(array)
    if array.dtype.kind not in "fiub":
        return False
    where = np.unravel_index(int(rng.integers(array.size)), array.shape)
    with np.errstate(all="ignore"):
        if array.dtype.kind == "f":
            how = rng.integers(5)
            if how == 0:
                array[where] = np.array(pick(rng, REALS)).astype(array.dtype)
            else:
                array = (
                    (array * np.array((0, 1, -1, 1e4, 1e-6))[how]).astype(array.dtype) if how != 1 else np.round(array)
                )
        elif array.dtype.kind == "b":
            array[where] = not array[where]
        else:
            info = np.iinfo(array.dtype)
            far = (info.min, info.max, 0, max(-1, info.min), 1000 if info.max > 1000 else 100)
            near = int(array[where]) + pick(rng, (-1, 1))
            array[where] = near if rng.random() < 0.6 and info.min <= near <= info.max else pick(rng, far)
    weight.CopyFrom(numpy_helper.from_array(np.asarray(array), weight.name))
    return True


@kind
def dtype(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Write an initialiser in another type, or only say so."""
    if (weight := _weight(model, rng)) is None:
        return False
    wanted = pick(rng, (1, 2, 3, 6, 7, 9, 10, 11, 16, 17, 21, 22))
    array = _array(weight)
    if rng.random() < 0.4 or array is None or array.dtype.kind not in "fiub":
        weight.data_type = wanted
        return True
    with np.errstate(all="ignore"):
        made = helper.make_tensor(weight.name, wanted, array.shape, array.astype(np.float32).ravel().clip(-7, 7))
    weight.CopyFrom(made)
    return True


@kind
def external(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Say that an initialiser lies in another file: missing, elsewhere, endless, or the model itself."""
    if (weight := _weight(model, rng)) is None:
        return False
    length = len(weight.raw_data)
    weight.data_location = TensorProto.EXTERNAL
    weight.ClearField("raw_data")
    entries = {"location": pick(rng, LOCATIONS)}
    if rng.random() < 0.5:
        entries |= {
            "offset": str(pick(rng, (0, 4, -4, 2**62, "x"))),
            "length": str(pick(rng, (length, -1, 2**62, "y"))),
        }
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    return True


@kind
def twice(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Name an initialiser twice, the second time with other numbers."""
    if (weight := _weight(model, rng)) is None or (array := _array(weight)) is None or array.dtype.kind not in "fi":
        return False
    with np.errstate(all="ignore"):
        model.graph.initializer.append(numpy_helper.from_array((array * 2).astype(array.dtype), weight.name))
    return True


@kind
def declared(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Declare an initialiser as an input, or as an output of the graph as well."""
    if (weight := _weight(model, rng)) is None:
        return False
    value = helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims))
    where = model.graph.output if rng.random() < 0.4 else model.graph.input
    where.insert(0 if rng.random() < 0.3 else len(where), value)
    return True


@kind
def as_input(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Make an input of an initialiser."""
    if (weight := _weight(model, rng)) is None:
        return False
    model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
    model.graph.initializer.remove(weight)
    return True


@kind
def as_constant(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Make a Constant node of an initialiser."""
    if (weight := _weight(model, rng)) is None:
        return False
    model.graph.node.insert(0, helper.make_node("Constant", [], [weight.name], value=weight))
    model.graph.initializer.remove(weight)
    return True


@kind
def sparse(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Write an initialiser as a sparse one."""
    weight = _weight(model, rng)
    if weight is None or (array := _array(weight)) is None or weight.data_type != TensorProto.FLOAT or not array.size:
        return False
    made = onnx.SparseTensorProto()
    places = np.flatnonzero(array)
    made.values.CopyFrom(numpy_helper.from_array(array.ravel()[places], weight.name))
    made.indices.CopyFrom(numpy_helper.from_array(places.astype(np.int64)))
    made.dims.extend(array.shape)
    model.graph.sparse_initializer.append(made)
    model.graph.initializer.remove(weight)
    return True


@kind
def both(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give an initialiser data in two fields, segments, or a strange name beside the one that is read."""
    if (weight := _weight(model, rng)) is None:
        return False
    how = rng.integers(3)
    if how == 0:
        weight.float_data.extend([1.0, 2.0])
    elif how == 1:
        weight.segment.begin, weight.segment.end = 0, 1
    else:
        weight.doc_string = pick(rng, STRANGE)
        weight.name = pick(rng, STRANGE)
    return True
