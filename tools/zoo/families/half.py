"""Files in half precision: float16 throughout or but for some operators, and weights in bfloat16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

BASES = {
    "resnet18": "trained/resnet18",
    "mobilenet_v2": "trained/mobilenet_v2",
    "vit": "trained/vit",
    "cnn": "trained/cnn",
    "attention": "trained/attention",
    "bert": "text/bert.ts",
    "lstm": "recurrent/lstm.ts",
}
WAYS = ("float16", "float16_inside", "mixed", "bfloat16_weights")
"""float16: inputs and scores too. float16_inside: not these. mixed: dense layers in float32. bfloat16_weights: the
weights are stored so, and cast where they are used."""


def _halved(model: Any, how: str) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    blocked = ["MatMul", "Gemm"] if how == "mixed" else []
    return convert_float_to_float16(model, keep_io_types=how != "float16", op_block_list=blocked or None)


def _stored(model: Any) -> Any:
    """Store all weights of more than one axis in bfloat16, and cast each where the graph begins."""
    import ml_dtypes
    import onnx
    from onnx import helper, numpy_helper

    graph, casts = model.graph, []
    for weight in graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) > 1:
            name = weight.name
            values = numpy_helper.to_array(weight).astype(ml_dtypes.bfloat16)
            stored = numpy_helper.from_array(values, f"{name}_stored")
            weight.CopyFrom(stored)
            casts.append(helper.make_node("Cast", [stored.name], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    return model


def _make(name: str, folder: Path) -> Any:
    import numpy as np
    import onnx
    from derived import derived, runs, twin

    member, how = name.rsplit("/", 1)[-1].rsplit(".", 1)
    path, of, truth = twin(BASES[member], folder)
    made = derived(name, of, how, "onnxruntime")
    made.path(folder).parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(path)
    onnx.save(_stored(model) if how == "bfloat16_weights" else _halved(model, how), made.path(folder))
    if how == "float16":
        truth.feeds = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in truth.feeds.items()}
    runs(made.path(folder), truth)
    return made, truth


MEMBERS = [f"{name}.{how}" for name in BASES for how in WAYS]
FAMILY = Family("half", "half", ("onnxruntime", "ml_dtypes"), MEMBERS, _make, after=True)
