"""Where models to serve come from: files, and folders in which a model lies beside what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.api import load
from onnxplain.errors import BadInputError
from onnxplain.serve.remote import remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.model import Model

COMPANIONS = {
    "preprocess": ("preprocess.json", "preprocessor_config.json"),
    "labels": ("labels.txt",),
    "features": ("features.txt",),
    "vocabulary": ("tokenizer.json",),
}
"""By the option of `onnxplain.load`, the names of its file in a folder; the first that is there counts."""


@dataclass(frozen=True)
class Source:
    """A model to load. path: of its file. options: of `onnxplain.load`. found: the options that its folder gave."""

    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    found: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str, options: Mapping[str, Any]) -> Source:
        """Return the source at a path, which is a file, or a folder with one model in it.

        What lies beside the model in a folder, under the names of `COMPANIONS`, is used where `options` does not say
        otherwise. Raises BadInputError for a folder in which it is not clear which file is the model.
        """
        if not Path(path).is_dir():
            return cls(path, options)
        given = {name: value for name, value in options.items() if value is not None}
        there = {name: str(file) for name, names in COMPANIONS.items() if (file := _first(path, names))}
        used = tuple(sorted(there.keys() - given.keys()))
        return cls(_model_in(Path(path)), {**options, **{name: there[name] for name in used}}, used)

    def load(self) -> Model:
        """Load it, and open a session of the file. Raises the errors of `onnxplain.load`, and those of onnxruntime."""
        model = load(self.path, **self.options)
        model.stated()
        return model

    def describe(self) -> str:
        """Return what was found beside the model, in words; empty where nothing was."""
        return ", ".join(f"{name} from {Path(self.options[name]).name}" for name in self.found)


@dataclass(frozen=True)
class RemoteSource:
    """A model that another server runs. host, name, options: see `onnxplain.serve.remote.remote`."""

    host: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Model:
        """Return it as a model that is asked for its answers. Raises the errors of `remote`."""
        return remote(self.host, self.name, **self.options)


def name_of(path: str) -> str:
    """Return the name that a model has where it is given none: that of its file without its ending, or its folder."""
    found = Path(path).absolute()
    return found.name if found.is_dir() else found.stem


def _first(folder: str, names: tuple[str, ...]) -> Path | None:
    return next((file for name in names if (file := Path(folder) / name).is_file()), None)


def _model_in(folder: Path) -> str:
    """Return the path of the model in a folder: model.onnx, or the only file that ends in .onnx."""
    known = sorted(file for file in folder.glob("*.onnx") if file.is_file())
    named = [file for file in known if file.name == "model.onnx"]
    found = named or known
    if len(found) != 1:
        listed = ", ".join(file.name for file in known[:10]) or "none"
        raise BadInputError(
            f"{str(folder)!r}: expected model.onnx, or one file that ends in .onnx; there are: {listed}"
        )
    return str(found[0])
