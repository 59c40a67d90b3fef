"""Files that are made of another family's file: its truth is theirs, too."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kept import Made

if TYPE_CHECKING:
    from pathlib import Path

    from kept import Truth


class NotYetError(Exception):
    """The file that another one is made of has not been made."""


def twin(name: str, folder: Path) -> tuple[Path, Made, Truth]:
    """Return the path of the file of this name, what is kept of it, and its truth. Raises where it is missing."""
    made = Made.read(folder, name)
    if made is None:
        raise NotYetError(f"it is made of {name}, which has not been made yet")
    if made.problem:
        raise ValueError(f"it is made of {name}, which could not be made")
    return made.path(folder), made, made.truth(folder)


def derived(name: str, of: Made, exporter: str, *libraries: str) -> Made:
    """Return what is to be kept of a file that is made of another one."""
    made = Made(name, exporter, explained=of.explained, twin=of.name, load=dict(of.load), notes=list(of.notes))
    made.libraries = {**of.libraries, **{each: version(each) for each in libraries}}
    return made


def runs(path: Path, truth: Truth) -> None:
    """Run a file as onnxruntime runs any; what it cannot run, or dies of, is no file of a classifier."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = [each.name for each in session.get_inputs()]
    session.run(None, {name: truth.feeds[name] for name in taken})


def reader(truth: Truth, rows: int = 8) -> Any:
    """Return inputs to calibrate a quantiser by, one row at a time: the two that are known, and mixtures of them."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            own = [{name: _wider(x[i : i + 1]) for name, x in truth.feeds.items()} for i in range(2)]
            self._rows = iter([*own, *(_mixed(truth.feeds, rng) for _ in range(rows))])

        def get_next(self) -> Any:
            return next(self._rows, None)

    return Reader()


def _wider(x: Any) -> Any:
    """Return floats with a quarter more contrast, so that the range of no value ends where a known row has it."""
    return (1.25 * x).astype(x.dtype) if x.dtype.kind == "f" else x


def _mixed(feeds: dict[str, Any], rng: Any) -> dict[str, Any]:
    a = float(rng.uniform(-1, 1))
    return {
        name: (a * x[:1] + (1 - a * a) ** 0.5 * x[1:2]).astype(x.dtype) if x.dtype.kind == "f" else x[:1]
        for name, x in feeds.items()
    }
