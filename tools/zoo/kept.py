"""A made file: the ONNX file beside what is known of it, so that checking needs no framework.

FOLDER/FAMILY/NAME.onnx     the file
FOLDER/FAMILY/NAME.npz      inputs and truth
FOLDER/FAMILY/NAME.json     what made it, or why it could not be made
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

FEED, BY = "feed:", "by:"


@dataclass
class Truth:
    """What is known of a file that nobody here computed.

    feeds: name of an input -> two rows for it. target: the class that is explained, for each row, or [1, axes] its
    place among the scores of a row. scores: all scores [N, C] of the framework in double precision. gradient: of the
    target's score, in double precision, in the shape of the explained input; of token ids the norm of what each
    embedding gets.
    by: where a library has several scores, and the file may give any of them: `NAME:scores` [N, C] for each of them,
    `NAME:slopes` [N, C, features] by finite differences, `NAME:shapley` [N, C, features] by all coalitions against the
    rows of `background`.
    ill: how far the framework's own gradient in float32 is from that, at these inputs and at ones a rounding away.
    """

    feeds: dict[str, Any]
    target: Any = None
    scores: Any = None
    gradient: Any = None
    ill: float = 0.0
    background: Any = None
    by: dict[str, Any] = field(default_factory=dict)


@dataclass
class Made:
    """What is kept of one file.

    exporter: what wrote the file. problem: why there is no file. load: keywords of `onnxplain.load`. explained: name of
    the input that is explained. twin: the file that this one was made of. libraries: their versions. notes: in words.
    """

    name: str
    exporter: str = ""
    problem: str = ""
    explained: str = ""
    twin: str = ""
    load: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def path(self, folder: Path, ending: str = ".onnx") -> Path:
        """Return where a part of it lies."""
        return folder / f"{self.name}{ending}"

    def write(self, folder: Path, truth: Truth | None = None) -> None:
        """Write what is known; the file itself was written by its exporter."""
        path = self.path(folder, ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        if truth is not None:
            arrays = {
                name: each for name, each in vars(truth).items() if name not in ("feeds", "by") and each is not None
            }
            arrays |= {FEED + name: value for name, value in truth.feeds.items()}
            arrays |= {BY + name: value for name, value in truth.by.items()}
            np.savez_compressed(self.path(folder, ".npz"), **arrays)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, name: str) -> Made | None:
        """Return what was written under this name; None where nothing was."""
        path = folder / f"{name}.json"
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def truth(self, folder: Path) -> Truth:
        """Return the inputs and what is known."""
        with np.load(self.path(folder, ".npz"), allow_pickle=True) as found:
            arrays = {name: found[name] for name in found.files}
        feeds, by = (
            {name.removeprefix(mark): value for name, value in arrays.items() if name.startswith(mark)}
            for mark in (FEED, BY)
        )
        rest = {name: value for name, value in arrays.items() if not name.startswith((FEED, BY))}
        if "ill" in rest:
            rest["ill"] = float(rest["ill"])
        return Truth(feeds, by=by, **rest)
