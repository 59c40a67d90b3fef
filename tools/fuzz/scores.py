"""Scores: those of an explanation beside those of the untouched file, at other inputs and through the head as well."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from truth import File

SINGLE, HALF = 2e-4, 2e-2
"""Scores are the same up to this share of the largest, in float32 and where the file holds shorter floats."""


class Scores:
    """The scores of a file, as plain onnxruntime computes them. canonical: what onnxplain made of the file."""

    def __init__(self, file: File, canonical: Any, given: Mapping[str, Any]) -> None:
        self.file, self.canonical, self.given = file, canonical, given
        self._heads: list[ort.InferenceSession] = []
        self._apart = 0  # beside how many rows, itself included, each row is scored, where not beside the others

    @property
    def tolerance(self) -> float:
        """Up to which share of the largest score two computations are the same."""
        return HALF if self.file.half() else SINGLE

    @cached_property
    def name(self) -> str | None:
        """The name of the scores in the file, also where their rows were moved; None where no node of it makes them."""
        names = (self.canonical.scores, *self.canonical.rows.moved)
        return next((name for name in names if self.file.has(name)), None)

    @cached_property
    def exact(self) -> np.ndarray:
        """The file's scores, where it names them."""
        return self.file.run(self.given, [self.name or ""])[0]

    def random(self) -> bool:
        """Whether two runs of the file differ in the output that is explained."""
        return far(*(self.file.outputs(self.given)[self.canonical.output] for _ in range(2)))

    def faults(self, prediction: np.ndarray) -> Iterator[tuple[str, str]]:
        """Compare a prediction [N, C] with the file's scores, and what the head makes of these with its output."""
        theirs, scores = self.file.outputs(self.given)[self.canonical.output], prediction
        if self.name is not None:
            scores = self.exact
            if not np.isfinite(scores).all():
                yield "scores that are not finite are explained", str(scores.ravel()[:4])
            elif not self._agree(prediction):
                yield "the scores are not the file's", f"{prediction.ravel()[:4]} for {scores.ravel()[:4]}"
        if self._apart or self.name not in (None, self.canonical.scores):
            return  # the head reads scores whose rows were moved
        ours = self.headed(scores)
        if far(ours, theirs, self.tolerance):
            yield "the outputs are not the file's", f"{_shown(ours)} for {_shown(theirs)}"

    def _agree(self, prediction: np.ndarray) -> bool:
        """Whether a prediction is what the file computes of all rows, with optimisations or without, or of each alone.

        The scale of a dynamic quantisation is of all rows that run together, and what is hidden runs with other rows.
        """
        if self._axis(self.exact, prediction) is not None:
            return True
        (plain,) = self.file.run(self.given, [self.name or ""], plain=False)
        if self._axis(plain, prediction) is not None:
            return True
        for rows in (1, len(prediction)):
            alone = self._alone(self.given, rows)
            if alone is not None and self._axis(alone, prediction) is not None:
                self._apart = rows
                return True
        return False

    def _alone(self, feeds: Mapping[str, Any], count: int) -> np.ndarray | None:
        """Return the file's scores of each row beside `count` - 1 of its copies; None where it does not run so."""
        lengths = {len(value) for value in feeds.values() if np.ndim(value)}
        try:
            batches = [
                {name: np.repeat(value[i : i + 1], count, 0) for name, value in feeds.items()}
                for i in range(lengths.pop() if len(lengths) == 1 else 0)
            ]
            return np.concatenate([self.file.run(batch, [self.name or ""])[0][:1] for batch in batches])
        except Exception:  # noqa: BLE001 - the errors of onnxruntime share no base of their own
            return None

    def _axis(self, exact: np.ndarray, prediction: np.ndarray) -> int | None:
        """Return the axis of the file's scores on which the rows lie, None where they are others than predicted."""
        if exact.size != prediction.size:
            return None
        bound = self.tolerance * max(1e-3, float(np.abs(exact).max(initial=0.0)))
        for axis in range(max(1, exact.ndim)):
            laid = _laid_out(exact, axis, prediction.shape)
            if np.abs(laid.astype(np.float64) - prediction).max(initial=0.0) <= bound:
                return axis
        return None

    def target(self, e: Any, feeds: Mapping[str, Any], fed: str = "") -> np.ndarray:
        """Return the file's score of the explained class in each row [N], in float64, at other inputs.

        fed: name of a value between that is fed too.
        """
        prediction = np.asarray(e.prediction)
        axis = self._axis(self.exact, prediction) or 0
        found = self._alone(feeds, self._apart) if self._apart and not fed else None
        found = self.file.run(feeds, [self.name or ""], fed=fed)[0] if found is None else found
        laid = _laid_out(found, axis, prediction.shape)
        return laid[np.arange(len(laid)), np.asarray(e.target)].astype(np.float64)

    def headed(self, scores: np.ndarray) -> Any:
        """Return what the head makes of scores."""
        given: dict[str, Any] = dict(self.given) | {self.canonical.scores: scores}
        for session in self._sessions():
            fed = {value.name: _cast(given[value.name], value.type) for value in session.get_inputs()}
            given |= dict(zip([o.name for o in session.get_outputs()], session.run(None, fed), strict=True))
        return given[self.canonical.output]

    def _sessions(self) -> list[ort.InferenceSession]:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        if not self._heads:
            models = [head.SerializeToString() for head in self.canonical.heads]
            self._heads = [ort.InferenceSession(m, options, providers=["CPUExecutionProvider"]) for m in models]
        return self._heads


def _laid_out(exact: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return scores whose rows lie on an axis in the layout [N, C]."""
    return (np.moveaxis(exact, axis, 0) if exact.ndim else exact).reshape(shape)


def _cast(value: Any, kind: str) -> Any:
    """Return an array in the type that a session names."""
    names = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
    return np.asarray(value, names[kind]) if kind in names else value


def numbers(value: Any) -> np.ndarray:
    """Return an output as an array: that of a ZipMap, a map for each row, by the order of the classes."""
    if isinstance(value, list):
        value = [[row[key] for key in sorted(row)] if isinstance(row, dict) else row for row in value]
    return np.asarray(value)


def far(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Whether two outputs differ by more than a share of the largest number, or in anything that is no number."""
    a, b = numbers(a), numbers(b)
    if a.size != b.size:
        return True
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return bool((a.ravel() != b.ravel()).any())
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        gap = np.where(same, 0, np.abs(a - b))
    return bool(np.any(~(gap <= tolerance * max(1e-3, float(np.abs(b[np.isfinite(b)]).max(initial=0.0))))))


def _shown(value: Any) -> str:
    return str(value if isinstance(value, list) else np.asarray(value).ravel()[:4])[:100]
