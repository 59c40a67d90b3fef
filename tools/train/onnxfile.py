"""Write an exported model to models/, after checking it and removing from it what tells of the exporting machine."""

from pathlib import Path

import onnx

MODELS = Path(__file__).resolve().parents[2] / "models"
"""The folder of all models."""

SIZE_LIMIT = 200_000
"""The largest size of a model in bytes, since every clone of the repository contains the models."""


def forget_origins(model: onnx.ModelProto) -> None:
    """Drop what some exporters note of where each node and value comes from; it names files of the exporting machine.

    The shapes of inner values go too, since they follow. No number depends on any of it.
    """
    graph = model.graph
    for each in (*graph.node, *graph.initializer, *graph.input, *graph.output, graph):
        each.doc_string = ""
        del each.metadata_props[:]
    del graph.value_info[:]


def save(model: onnx.ModelProto, name: str, made_with: str) -> Path:
    """Check a model, note in its metadata what made it, and write it as models/<name>.onnx; return the path.

    Raise ValueError where it is larger than `SIZE_LIMIT`.
    """
    forget_origins(model)
    onnx.helper.set_model_props(model, {"made_with": made_with})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"{name} takes {len(content)} bytes, more than {SIZE_LIMIT}")
    MODELS.mkdir(exist_ok=True)
    path = MODELS / f"{name}.onnx"
    path.write_bytes(content)
    return path
