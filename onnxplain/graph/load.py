"""Reading a model: from a file or a proto to a copy that holds its external data. The source is never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from onnxplain.errors import BadInputError
from onnxplain.files import read_bytes
from onnxplain.graph.check import check_model, nodes_of
from onnxplain.graph.crashing import without_trailing_gaps
from onnxplain.graph.external import external_tensors, load_external
from onnxplain.graph.stored import check_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

ModelSource: TypeAlias = "str | Path | bytes | onnx.ModelProto"
"""Where a model is read from: the path of a file, the file's bytes, or a proto."""


class Identity(NamedTuple):
    """What a model is known by. It is taken of the bytes that the model was made of, as they were read.

    file_sha256: the SHA-256 of the file, or of the serialised proto, as hexadecimal digits.
    sha256: the same where there is no external data. Else the SHA-256 of a text of lines that end in a line feed: the
    file_sha256, and below it the SHA-256 of the bytes of each external tensor in the order of the file. So a file with
    other weights in its data file has another one.
    """

    sha256: str
    file_sha256: str


def read(source: ModelSource) -> tuple[onnx.ModelProto, Identity]:
    """Read an ONNX file with its external data, or its bytes, or copy a proto. Returns the model and its identity.

    Raises `BadInputError` for a file that is missing, no regular file, too large, truncated or not ONNX, for a model
    that breaks a rule of ONNX, such as an empty graph, and where external data is missing.
    """
    if isinstance(source, onnx.ModelProto):
        model, name = onnx.ModelProto(), name_of(source)
        model.CopyFrom(source)
        file = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    else:
        name = name_of(source)
        data = source if isinstance(source, bytes) else read_bytes(source, "an ONNX file")
        model, file = _decode(data, name), hashlib.sha256(data).hexdigest()
        del data  # the model has a copy of it, and what follows copies weights
    if not model.graph.node or not model.graph.output:  # many files that are no ONNX decode to this
        raise BadInputError(f"{name} holds no graph: expected an ONNX model with at least one node and one output")
    check_model(model, name)
    without_trailing_gaps(nodes_of((*model.graph.node, *(node for each in model.functions for node in each.node))))
    external = load_external(model, Path(source)) if isinstance(source, (str, Path)) else []
    if loose := external_tensors(model):
        raise BadInputError(
            f"{name} refers to external data that is not loaded, first for {loose[0][1]}: "
            "give the path of the .onnx file instead, beside its data file"
        )
    check_tensors(model, name)
    return model, Identity(_sha256_of([file, *external]) if external else file, file)


def name_of(source: ModelSource) -> str:
    """Return what messages call a model."""
    if isinstance(source, (str, Path)):
        return repr(str(source))
    return "the given bytes" if isinstance(source, bytes) else "the given ModelProto"


def read_again(source: ModelSource, identity: Identity) -> onnx.ModelProto:
    """Read a model that was read before. Raises `BadInputError` where it is another one by now, by its identity."""
    model, now = read(source)
    if now != identity:
        hashes = f"sha256 {identity.sha256[:12]} then, {now.sha256[:12]} now"
        raise BadInputError(f"{name_of(source)} has changed since it was loaded ({hashes}): load it anew")
    return model


def input_names(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the names of the inputs, without the initialisers, which old files list among the inputs too."""
    weights = {each.name for each in model.graph.initializer}
    return tuple(each.name for each in model.graph.input if each.name not in weights)


def _sha256_of(digests: Sequence[str]) -> str:
    """Return the SHA-256 of a text with one digest a line."""
    return hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()


def _decode(data: bytes, name: str) -> onnx.ModelProto:
    """Return the model of the bytes of a file, without its external data."""
    try:
        return onnx.load_model_from_string(data, format="protobuf")
    except (DecodeError, ValueError) as error:
        raise BadInputError(
            f"{name} cannot be read as ONNX ({error}): it is another format, or the file is truncated"
        ) from error
