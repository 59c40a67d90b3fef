"""Compare a canonical graph with the model that it was made from, by running both on the same inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import helper

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.runtime import onnxruntime
from onnxplain.graph.upgrade import upgrade
from onnxplain.passes.export import export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.passes import Canonical

SINGLE, HALF = 1e-4, 1e-3
"""A difference counts as rounding up to this share of the largest score. HALF is for files with float16 or bfloat16
weights, SINGLE for all others.
"""

_BATCH = 2
_SIZE = 32  # of an axis of unknown size that is not the first one, the batch


class Difference(NamedTuple):
    """How far a canonical graph is from its model.

    largest: the largest absolute difference between their outputs; scores: the largest absolute value of a score;
    tolerance: a difference counts as rounding up to this share of `scores`.
    """

    largest: float
    scores: float
    tolerance: float = SINGLE

    @property
    def small(self) -> bool:
        """Whether the difference may be rounding; NaN is never small."""
        return self.largest <= self.tolerance * self.scores


def verify(
    proto: onnx.ModelProto, canonical: Canonical, seed: int = 0, feeds: Mapping[str, Any] | None = None
) -> Difference:
    """Run a model and its canonical graph, and return how far their outputs differ.

    feeds: arrays by name of input; without them, both run on random inputs of this seed.
    What the head makes of the canonical scores is compared with the model's output. The scores are compared as well if
    the model has a tensor of that name. Numbers, labels included, differ by their distance, texts by 0 or 1.
    Raises `UnsupportedModelError` where the model does not run on these inputs.
    """
    model = upgrade(proto)
    given = (random_inputs(model, seed) if feeds is None else dict(feeds)) | dict(canonical.fixed)
    ours = _run(export(canonical.graph), canonical.rows.first(given))
    for head in canonical.heads:
        ours |= _run(head, given | ours)
    wanted = dict.fromkeys([canonical.output])
    if any(canonical.scores in node.output for node in model.graph.node):
        wanted[canonical.scores] = None
    theirs = _run(_with_outputs(model, list(wanted)), given)
    largest = np.max([_difference(ours[name], theirs[name]) for name in wanted])
    return Difference(float(largest), float(np.abs(ours[canonical.scores]).max(initial=0.0)), _tolerance(proto))


def _tolerance(proto: onnx.ModelProto) -> float:
    """Return HALF or SINGLE, as the dtypes of the initialisers say."""
    kinds = {each.data_type for each in proto.graph.initializer}
    return HALF if kinds & {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16} else SINGLE


def random_inputs(model: onnx.ModelProto, seed: int = 0) -> dict[str, Array]:
    """Return a random array for each input of a model, by name: standard normal floats, or integers from 0 to 9.

    An axis of unknown size gets size 2 if it is the first one, the batch, and 32 otherwise; axes that have the same
    name get the same size.
    """
    rng = np.random.default_rng(seed)
    sizes: dict[str, int] = {}
    return {value.name: _random(rng, value.type.tensor_type, sizes) for value in model.graph.input}


def _random(rng: np.random.Generator, kind: onnx.TypeProto.Tensor, sizes: dict[str, int]) -> Array:
    shape = []
    for axis, dim in enumerate(kind.shape.dim):
        guess = _SIZE if axis else _BATCH
        shape.append(dim.dim_value or (sizes.setdefault(dim.dim_param, guess) if dim.dim_param else guess))
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if dtype.kind in "iu":
        return rng.integers(0, 10, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _run(model: onnx.ModelProto, given: dict[str, Any]) -> dict[str, Any]:
    """Return all outputs by name. Inputs are cast to the dtypes of the model, which the passes may have changed."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    # fusions would round differently in the two models, and quantised models amplify such differences
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    feeds = {
        name: np.asarray(given[name]).astype(helper.tensor_dtype_to_np_dtype(kind)) for name, kind in kinds.items()
    }
    names = [value.name for value in model.graph.output]
    try:
        return dict(zip(names, session.run(names, feeds), strict=True))
    except Exception as error:  # onnxruntime's own share no base
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in feeds.items())
        raise UnsupportedModelError(f"the model does not run on random inputs of shapes {shapes}: {error}") from error


def _with_outputs(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """Make these tensors the outputs of a model, which is changed and returned."""
    for node in model.graph.node:
        node.name = ""  # onnxruntime refuses two nodes of the same name
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return model


def _difference(a: Any, b: Any) -> float:
    """Return the largest absolute difference of two outputs; for texts 1 where any of them differ."""
    if isinstance(a, list):  # a ZipMap gives one map per row
        a, b = ([[row[key] for key in sorted(row)] for row in each] for each in (a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == object:
        return float((a != b).any())
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0))
