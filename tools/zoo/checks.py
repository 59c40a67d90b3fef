"""Measuring one file: what onnxplain says of it, beside what is known."""

from __future__ import annotations

import warnings
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from near import moves, relative, slope
from verdict import BALANCE, DOUBLE, ROUNDING, SINGLE

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kept import Made, Truth

Found = dict[str, Any]


class Checks:
    """The measurements of one file, in order; each is a number, and a refusal of one does not stop the others.

    parity: largest difference from the untouched file, as a share of the largest score. gradient, gradient64: largest
    difference from the truth, as a share of its largest value, in float32 and in double. deeplift: what is missing of
    |f(x) - f(x0)|. deeplift_gap: the same as a share of the largest score. book: the largest gap of LRP's book, as a
    share of what arrived there. alone: how far a row's gradient is from the same row's in a batch. slope64, moves64:
    see near.py.
    """

    def __init__(self, made: Made, folder: Path, phase: Callable[[str], None]) -> None:
        self.made, self.path, self.phase = made, made.path(folder), phase
        self.truth: Truth = made.truth(folder)
        self.found: Found = {"ill": self.truth.ill, "refused": {}}

    def run(self, kind: str) -> Found:
        """Return all measurements for a file of this kind of family."""
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            start = perf_counter()
            model = self._tried("load", lambda: ox.load(self.path, **self.made.load))
            if model is not None:
                self._single(model, kind)
                if kind == "float" and self.truth.gradient is not None:
                    self._double()
            self.found["seconds"] = round(perf_counter() - start, 1)
        return self.found

    def _tried(self, what: str, call: Callable[[], Any]) -> Any:
        """Return what a call returns; None where onnxplain refuses it, which is then kept."""
        self.phase(what)
        try:
            return call()
        except ox.errors.OnnxplainError as problem:
            self.found["refused"][what] = f"{type(problem).__name__}: {problem}"
        return None

    def _explained(self, model: Any, what: str, method: str, feeds: Found | None = None, **options: Any) -> Any:
        feeds, target = feeds or self.truth.feeds, self.truth.target
        if target is not None and target.ndim == 2:
            target = tuple(target[0].tolist())
        elif target is not None:
            target = target[: len(next(iter(feeds.values())))].tolist()
        given = feeds if len(feeds) > 1 else next(iter(feeds.values()))
        return self._tried(what, lambda: ox.explain(model, given, method, target, **options))

    def _single(self, model: Any, kind: str) -> None:
        """Measure in float32 with the default engine."""
        e = self._explained(model, "gradient", "gradient")
        if e is not None:
            self._parity(e)
            self._gradient(e, kind)
            self._alone(model, e)
        self._sums(model, "")

    def _sums(self, model: Any, precision: str) -> None:
        """Measure what adds up, in float32 or, for the reason of what does not, in double."""
        found, much = self.found, 0.0 if not precision else BALANCE
        e = self._explained(model, "deeplift", "deeplift") if found.get("deeplift", 1.0) > much else None
        if e is not None:
            due = np.abs(e.attribution.reshape(len(e.delta), -1).sum(1, dtype="float64") - e.delta)
            found[f"deeplift{precision}"] = float((np.abs(e.delta) / np.maximum(due, 1e-30)).max())
            found[f"deeplift_gap{precision}"] = float(np.abs(e.delta).max() / np.abs(e.prediction).max())
        e = self._explained(model, "lrp", "lrp.epsilon", book=True) if found.get("book", 1.0) > much else None
        if e is not None and (worst := e.book.worst()) is not None:
            found[f"book{precision}"] = abs(worst.gap) / (worst.scale or 1.0)

    def _parity(self, e: Any) -> None:
        parity = e.parity
        self.found["parity"] = parity.share if parity is not None and not parity.unproven else None
        if self.truth.scores is not None and self.truth.scores.size == e.prediction.size:
            self.found["scores"] = relative(e.prediction, self.truth.scores)

    def _gradient(self, e: Any, kind: str) -> None:
        truth = self.truth.gradient
        if truth is None:
            return
        if truth.shape != e.attribution.shape:
            self.found["shape"] = f"{e.attribution.shape} instead of {truth.shape}"
        elif kind in ("quantised", "half"):
            self.found["correlation"] = correlation(e.attribution, truth)
        else:
            self.found["gradient"] = relative(e.attribution, truth)

    def _alone(self, model: Any, whole: Any) -> None:
        feeds = {name: value[:1] for name, value in self.truth.feeds.items()}
        e = self._explained(model, "alone", "gradient", feeds)
        if e is not None:
            self.found["alone"] = relative(e.attribution, whole.attribution[:1])

    def _double(self) -> None:
        """Measure the gradient in double precision."""
        call = {"precision": "float64"} | self.made.load
        model = self._tried("load64", lambda: ox.load(self.path, **call))
        e = None if model is None else self._explained(model, "gradient64", "gradient")
        if e is not None and e.attribution.shape == self.truth.gradient.shape:
            self.found["gradient64"] = relative(e.attribution, self.truth.gradient)
            if self.truth.scores.size == e.prediction.size:
                self.found["scores64"] = relative(e.prediction, self.truth.scores)
            if len(self.truth.feeds) == 1 and e.inputs.dtype.kind == "f":
                self._near(model, e)
            self._sums(model, "64")

    def _near(self, model: Any, e: Any) -> None:
        """Measure what gives a reason why the gradient is not the framework's, in double or in float32."""
        (name, x), found, target = next(iter(self.truth.feeds.items())), self.found, self.truth.target
        if found["gradient64"] > DOUBLE and target is not None and target.ndim == 1:
            self.phase("slope64")
            found["slope64"] = slope(model, e, name, x, target)
        if max(found.get("gradient", 0.0), found.get("alone", 0.0)) > SINGLE:
            near = partial(self._explained, model, "moves64", "gradient")
            found["moves64"] = moves(lambda x: near({name: x}), e, x, max(found.get("scores", 0.0), ROUNDING))


def correlation(found: Any, true: Any) -> float:
    """Return the correlation of two maps, of the row where it is least."""
    rows = zip(np.asarray(found, "float64"), np.asarray(true, "float64"), strict=True)
    return float(min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in rows))
