"""External data: the tensors whose values a model keeps in files beside its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_tensor, uses_external_data

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.files import regular
from onnxplain.graph.stored import tensors_of


def load_external(model: onnx.ModelProto, path: Path) -> list[str]:
    """Load the external data of `model`, whose file is `path`, into it.

    Returns the SHA-256 of each tensor that was loaded, of its bytes as they were read, in the order of the file.
    Raises BadInputError, which names the tensor, where its data is missing or too short, is no regular file or lies
    outside the folder of the model, and where all data together is beyond the limit of `file_bytes`.
    """
    digests, total = [], 0
    for tensor, what in external_tensors(model):
        try:
            total += _declared_bytes(tensor, path.parent)
            if total <= limits.held().file_bytes:
                load_external_data_for_tensor(tensor, str(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise BadInputError(
                f"{str(path)!r} keeps weights in external data that cannot be read, first for {what} ({error}): "
                "the data file belongs in the same folder"
            ) from error
        limits.check("file_bytes", total, f"{str(path)!r} refers to {total} bytes of external data")
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
        digests.append(hashlib.sha256(tensor.raw_data).hexdigest())
    return digests


def external_files(path: str | Path) -> dict[str, Path]:
    """Return the files that hold the external data of a model, by their names relative to its folder."""
    model = onnx.load_model(str(path), format="protobuf", load_external_data=False)
    names = {ExternalDataInfo(tensor).location for tensor, _ in external_tensors(model)}
    return {name: Path(path).parent / name for name in sorted(names)}


def external_tensors(model: onnx.ModelProto) -> list[tuple[onnx.TensorProto, str]]:
    """Return the tensors of a model that refer to external data, each with what messages call it."""
    return [(each, what) for each, what in tensors_of(model) if uses_external_data(each)]


def _declared_bytes(tensor: onnx.TensorProto, folder: Path) -> int:
    """Return how many bytes of its file a tensor asks for: all from its offset on where it states no length.

    Raises BadInputError where the file is missing or no regular file, ValueError for an offset that is no number.
    """
    info = ExternalDataInfo(tensor)
    size = regular(folder / info.location, "the external data of a model").stat().st_size
    return size - (info.offset or 0) if info.length is None else int(info.length)
