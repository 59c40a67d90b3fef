"""Samples: small files of a folder that whoever serves offers to those who have no input at hand.

FOLDER/cat.png          for every model
FOLDER/MODEL/cat.png    for the model of this name alone, which then has no others
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError, OnnxplainError, UsageError
from onnxplain.inputs.decode import decode
from onnxplain.serve.refusal import Refusal
from onnxplain.serve.uploads import Upload
from onnxplain.show.html import image_uri

if TYPE_CHECKING:
    from collections.abc import Collection

MOST = 48
"""So many of a model are offered, the first by their names."""
_SIDE, _QUALITY = 112, 85
"""The longer side of a small picture of a sample in pixels, and the quality of its JPEG."""
_LETTERS = 2000
"""So many letters of a text are shown."""
_ARRAYS = (".npy", ".npz")
ENDINGS = {
    "picture": (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".dcm", ".dicom", *_ARRAYS),
    "table": (".csv", ".parquet", *_ARRAYS),
    "text": (".txt", *_ARRAYS),
    "sound": (".wav", *_ARRAYS),
    "array": _ARRAYS,
}
"""By the kind of a model's input: the endings of the files that may be samples of it."""


class Samples:
    """The samples of each model. folder: see the module; None for none. models: their names.

    Raises UsageError for a folder that does not exist. What is asked for is looked up by name among the files that were
    there at the start, so that no name leads anywhere else.
    """

    def __init__(self, folder: str | Path | None, models: Collection[str]) -> None:
        self._files: dict[str, dict[str, Path]] = {name: {} for name in models}
        if folder is None:
            return
        root = Path(folder)
        if not root.is_dir():
            raise UsageError(f"samples: {str(folder)!r} is no folder")
        for model in models:
            own = root / model
            self._files[model] = _files(own if own.is_dir() else root)

    def names(self, model: str, kind: str) -> list[str]:
        """Return the names of a model's samples. kind: that of its input, a key of ENDINGS."""
        return [name for name in self._files[model] if name.lower().endswith(ENDINGS[kind])][:MOST]

    def read(self, model: str, name: str) -> Upload:
        """Return a sample, open. Raises Refusal for one that there is not, or no longer."""
        path = self._files[model].get(name)
        if path is None:
            raise Refusal(404, "unknown_sample", f"no sample of {model} is called {name!r}")
        try:
            return Upload(path.read_bytes(), name)
        except OSError:
            raise Refusal(404, "unknown_sample", f"the sample {name!r} can no longer be read") from None

    def described(self, model: str, name: str) -> dict[str, str]:
        """Return the name of a sample with its `text`, if it is one, or a small picture of it, a `data:` URI.

        A sample that cannot be read has neither: whoever takes it is told why.
        """
        upload = self.read(model, name)
        try:
            if name.lower().endswith(".txt"):
                return {"name": name, "text": upload.getvalue().decode("utf-8-sig")[:_LETTERS]}
            picture = decode(upload).picture.convert("RGB")
        except (OnnxplainError, UnicodeDecodeError):
            return {"name": name}
        picture.thumbnail((_SIDE, _SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
        return {"name": name, "preview": image_uri(file.getvalue(), "jpeg")}


def _files(folder: Path) -> dict[str, Path]:
    try:
        found = sorted(each for each in folder.iterdir() if _is_sample(each))
    except OSError as problem:
        raise BadInputError(f"samples: the folder cannot be read ({problem.strerror})") from problem
    return {each.name: each for each in found}


def _is_sample(path: Path) -> bool:
    return (
        any(path.suffix.lower() in each for each in ENDINGS.values())
        and not path.name.startswith(".")
        and path.is_file()
    )
