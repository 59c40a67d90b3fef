"""Reading a model: from a file or a proto to a copy that holds its external data. The source is never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from onnxplain.errors import BadInputError


def read(source: str | Path | onnx.ModelProto) -> onnx.ModelProto:
    """Read an ONNX file with its external data, or copy a proto.

    Raises `BadInputError` for a file that is missing, truncated or not ONNX, for an empty graph, and where external
    data is missing.
    """
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        name = "the given ModelProto"
    else:
        path = Path(source)
        model, name = _decode(path), f"{str(path)!r}"
        _load_external(model, path)
    if not model.graph.node or not model.graph.output:
        raise BadInputError(f"{name} holds no graph: expected an ONNX model with at least one node and one output")
    loose = [each.name for each in model.graph.initializer if uses_external_data(each)]
    if loose:
        raise BadInputError(
            f"{name} refers to external data that is not loaded, first for {loose[0]!r}: "
            "give the path of the .onnx file instead, beside its data file"
        )
    return model


def input_names(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of the inputs, without the initialisers, which old files list among the inputs too."""
    weights = {each.name for each in model.graph.initializer}
    return tuple(each.name for each in model.graph.input if each.name not in weights)


def sha256(source: str | Path | onnx.ModelProto) -> str:
    """Return the SHA-256 of the file, or of the serialised proto, as hexadecimal digits.

    Raises `BadInputError` where there is no such file.
    """
    if isinstance(source, onnx.ModelProto):
        return hashlib.sha256(source.SerializeToString(deterministic=True)).hexdigest()
    with _open(Path(source)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: Path) -> Path:
    """Return the path. Raises `BadInputError` where it is not a file."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BadInputError(f"{str(path)!r} {what}: expected an ONNX file")
    return path


def _decode(path: Path) -> onnx.ModelProto:
    """Read a file without its external data."""
    file = _open(path)
    try:
        return onnx.load(file, format="protobuf", load_external_data=False)
    except (DecodeError, ValueError, OSError) as error:
        raise BadInputError(
            f"{str(path)!r} cannot be read as ONNX ({error}): it is another format, or the file is truncated"
        ) from error


def _load_external(model: onnx.ModelProto, path: Path) -> None:
    """Load the external data of `model`, whose file is `path`, into it."""
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise BadInputError(
            f"{str(path)!r} keeps weights in external data that cannot be read ({error}): "
            "the data file belongs in the same folder"
        ) from error
