"""Write one exported model into models/, checked, small and free of the paths of the machine it came from."""

from pathlib import Path

import onnx

MODELS = Path(__file__).resolve().parents[2] / "models"
"""The folder all the models live in."""

SIZE_LIMIT = 200_000
"""Bytes one model may take: these files are kept in the repository and travel with every clone."""


def _forget_stack_traces(model: onnx.ModelProto) -> None:
    """Drop the stack traces some exporters attach to each node; they name files of the exporting machine."""
    for node in model.graph.node:
        node.doc_string = ""
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


def save(model: onnx.ModelProto, name: str, made_with: str) -> Path:
    """Check the model, note in its metadata what made it, and write it as models/<name>.onnx."""
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
