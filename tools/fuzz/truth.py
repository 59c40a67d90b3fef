"""The truth: what plain onnxruntime computes of the untouched file, also of values between, and from other inputs."""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST = 200_000
"""Elements of the largest input that is fed."""

ROWS, OTHER = 2, 4
"""Sizes of axes that the file leaves open: the first one, and the others."""


class UnfedError(Exception):
    """No input of the file can be made."""


class File:
    """A file as plain onnxruntime sees it. folder: where external data lies."""

    def __init__(self, data: bytes, folder: str) -> None:
        self.data, self.folder = data, folder
        self._sessions: dict[tuple[str, ...], ort.InferenceSession] = {}

    @cached_property
    def model(self) -> onnx.ModelProto:
        """The file, parsed. Raises what protobuf raises."""
        return onnx.load_from_string(self.data)

    def session(self, kept: Sequence[str] = (), *, plain: bool = True, fed: str = "") -> ort.InferenceSession:
        """Return a session of the file, of which nothing is changed but that `kept` values are outputs too.

        plain: with the optimisations that are the default. fed: name of a value between that becomes an input.
        """
        key = (str(plain), fed, *kept)
        if key not in self._sessions:
            options = ort.SessionOptions()
            options.log_severity_level = 4
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            if not plain:
                options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            data = self._changed(kept, fed)
            if self.folder and data is self.data:
                data = f"{self.folder}/model.onnx"
            self._sessions[key] = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        return self._sessions[key]

    def _changed(self, kept: Sequence[str], fed: str) -> bytes:
        have = {value.name for value in self.model.graph.output} if kept or fed else set()
        if not fed and not [name for name in kept if name not in have]:
            return self.data
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in kept if name not in have)
        if fed:
            for node in model.graph.node:
                for i, name in enumerate(node.output):
                    if name == fed:
                        node.output[i] = f"{fed}_made"
            model.graph.input.append(helper.make_tensor_value_info(fed, TensorProto.FLOAT, None))
        data: bytes = model.SerializeToString()
        return data

    def run(
        self, feeds: Mapping[str, Any], names: Sequence[str], *, plain: bool = True, fed: str = ""
    ) -> list[np.ndarray]:
        """Return the values of these names, of whatever type they are."""
        session = self.session(names, plain=plain, fed=fed)
        takes = {value.name for value in session.get_inputs()}
        found = session.run(list(names), {name: value for name, value in feeds.items() if name in takes})
        return list(found)

    def outputs(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Return all outputs by name."""
        session = self.session()
        names = [value.name for value in session.get_outputs()]
        takes = {value.name for value in session.get_inputs()}
        given = {name: value for name, value in feeds.items() if name in takes}
        return dict(zip(names, session.run(names, given), strict=True))

    def has(self, name: str) -> bool:
        """Whether a node of the graph makes this value."""
        return any(name in node.output for node in self.model.graph.node)

    def half(self) -> bool:
        """Whether a type of less than 32 bits may stand anywhere in it: what it computes is coarse."""
        small = {TensorProto.FLOAT16, TensorProto.BFLOAT16, *range(17, 24)}
        graph = self.model.graph
        kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output, *graph.value_info)}
        kinds |= {each.data_type for each in graph.initializer}
        kinds |= {each.i for node in graph.node for each in node.attribute if each.name == "to"}
        return bool(kinds & small)


def feeds(model: onnx.ModelProto, rng: np.random.Generator, *, positive: bool = False) -> dict[str, Any]:
    """Return random values of the inputs of a model. Raises UnfedError where the file does not say what they are."""
    weights = {each.name for each in (*model.graph.initializer, *(s.values for s in model.graph.sparse_initializer))}
    sizes: dict[str, int] = {}
    made = {}
    for value in model.graph.input:
        if value.name not in weights:
            made[value.name] = _random(value, rng, sizes, positive=positive)
    if not made:
        raise UnfedError("no inputs")
    return made


def _random(value: onnx.ValueInfoProto, rng: np.random.Generator, sizes: dict[str, int], *, positive: bool) -> Any:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise UnfedError(f"no shape of {value.name!r}")
    shape = []
    for axis, dim in enumerate(kind.shape.dim):
        open_ = OTHER if axis else ROWS
        size = dim.dim_value if dim.dim_value > 0 else sizes.setdefault(dim.dim_param or f"{axis}", open_)
        shape.append(size)
    if prod(shape) > LARGEST:
        raise UnfedError(f"{value.name!r} of {prod(shape)} elements")
    try:
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    except (KeyError, ValueError, TypeError) as problem:
        raise UnfedError(f"type {kind.elem_type} of {value.name!r}") from problem
    if dtype.kind == "f":
        drawn = rng.uniform(0.2, 1.2, shape) if positive else rng.normal(size=shape)
        return np.asarray(drawn, dtype)
    if dtype.kind in "iub":
        return rng.integers(0, 2 if dtype.kind == "b" else 3, shape).astype(dtype)
    raise UnfedError(f"values of type {dtype} for {value.name!r}")
