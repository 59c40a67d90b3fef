"""Write an exported model to models/, after checking it and removing file paths of the exporting machine from it."""

from pathlib import Path

import onnx

MODELS = Path(__file__).resolve().parents[2] / "models"
"""The folder of all models."""

SIZE_LIMIT = 200_000
"""The largest size of a model in bytes, since every clone of the repository contains the models."""


def _forget_stack_traces(model: onnx.ModelProto) -> None:
    """Drop the stack traces that some exporters attach to each node; they name files of the exporting machine."""
    for node in model.graph.node:
        node.doc_string = ""
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


def save(model: onnx.ModelProto, name: str, made_with: str) -> Path:
    """Check a model, note in its metadata what made it, and write it as models/<name>.onnx; return the path.

    Raise ValueError where it is larger than `SIZE_LIMIT`.
    """
    _forget_stack_traces(model)
    onnx.helper.set_model_props(model, {"made_with": made_with})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"{name} takes {len(content)} bytes, more than {SIZE_LIMIT}")
    MODELS.mkdir(exist_ok=True)
    path = MODELS / f"{name}.onnx"
    path.write_bytes(content)
    return path
