"""Comparing an explanation with the untouched file: its scores, differences of them, and what they add up to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
from slopes import compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutant import Mutant
    from truth import File

SINGLE, HALF = 2e-4, 2e-2
"""Scores are the same up to this share of the largest, in float32 and where the file holds shorter floats."""

POINTS = 3
"""At how many more points a gradient is judged that seems wrong at the first one."""


class Compared:
    """What the explanations of one mutant are compared with."""

    def __init__(self, file: File, model: Any, given: dict[str, Any], mutant: Mutant) -> None:
        self.file, self.model, self.given, self.mutant = file, model, given, mutant
        self.canonical = model.canonical

    def faults(self, method: str, e: Any, said: list[str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with an explanation, and what could not be checked, each with its numbers."""
        for name, array in (("attribution", e.attribution), ("score", e.score), ("prediction", e.prediction)):
            if not np.isfinite(np.asarray(array, np.float64)).all():
                yield f"{name} is not finite", str(np.asarray(array).ravel()[:4])
                return
        if self._random():
            yield "the file draws random numbers", ""
            return
        if len(e.prediction) != len(e.attribution):
            yield "rows are not rows", f"{e.prediction.shape} for {e.attribution.shape}"
            return
        yield from self._scores(e)
        if self._named is None:
            yield "unchecked", "the scores have another name in the file"
            return
        if method == "gradient":
            yield from self._gradient(e)
        elif method in ("deeplift", "occlusion"):
            yield from self._completes(e, said)

    # scores ----------------------------------------------------------------------------------------------------------

    def _random(self) -> bool:
        """Whether two runs of the file differ."""
        first, second = (self.file.outputs(self.given) for _ in range(2))
        return any(_far(first[name], second[name]) for name in first)

    @cached_property
    def _named(self) -> str | None:
        """The name of the scores in the file; None where no node of the file makes them."""
        return self.canonical.scores if self.file.has(self.canonical.scores) else None

    @property
    def tolerance(self) -> float:
        """Up to which share of the largest score two computations are the same."""
        return HALF if self.file.half() else SINGLE

    def _scores(self, e: Any) -> Iterator[tuple[str, str]]:
        """Compare the prediction with the file's scores, and the head on them with the file's output."""
        theirs = self.file.outputs(self.given)[self.canonical.output]
        scores = np.asarray(e.prediction)
        if self._named is not None:
            (exact,) = self.file.run(self.given, [self._named])
            if not np.isfinite(exact).all():
                yield "scores that are not finite are explained", str(exact.ravel()[:4])
            elif (laid := self._laid_out(exact, scores)) is None:
                (plain,) = self.file.run(self.given, [self._named], plain=False)
                if self._laid_out(plain, scores) is None:
                    yield "the scores are not the file's", f"{scores.ravel()[:4]} for {exact.ravel()[:4]}"
            elif laid.shape != scores.shape:
                yield "the scores have another shape", f"{scores.shape} for {exact.shape}"
            scores = exact
        ours = self._headed(scores)
        if ours is None:
            return
        if _far(ours, theirs, self.tolerance):
            yield "the outputs are not the file's", f"{_shown(ours)} for {_shown(theirs)}"

    def _laid_out(self, exact: np.ndarray, scores: np.ndarray) -> np.ndarray | None:
        """Return the file's scores in the layout [N, C] of ours: the rows may lie on any axis; None where none fits."""
        if exact.size != scores.size:
            return None
        bound = self.tolerance * max(1e-3, float(np.abs(exact).max(initial=0.0)))
        for axis in range(max(1, exact.ndim)):
            laid = (np.moveaxis(exact, axis, 0) if exact.ndim else exact).reshape(scores.shape)
            if np.abs(laid.astype(np.float64) - scores).max(initial=0.0) <= bound:
                return laid
        return None

    def _headed(self, scores: np.ndarray) -> Any:
        """Return what the head makes of scores; None where their shape is not known."""
        given: dict[str, Any] = dict(self.given) | {self.canonical.scores: scores}
        if self._named is None:
            shape = self.canonical.graph.outputs[0].shape
            if shape is None or len(shape) != 2:
                return None
        for head in self.canonical.heads:
            options = ort.SessionOptions()
            options.log_severity_level = 4
            session = ort.InferenceSession(head.SerializeToString(), options, providers=["CPUExecutionProvider"])
            kinds = {value.name: value.type for value in session.get_inputs()}
            fed = {name: _cast(given[name], kind) for name, kind in kinds.items()}
            given |= dict(zip([o.name for o in session.get_outputs()], session.run(None, fed), strict=True))
        return given[self.canonical.output]

    # attributions ----------------------------------------------------------------------------------------------------

    def _target(self, e: Any, feeds: dict[str, Any], fed: str = "") -> np.ndarray:
        """Return the file's score of the explained class in each row, in float64."""
        (exact,) = self.file.run(feeds, [self._named or ""], fed=fed)
        shape = np.asarray(e.prediction).shape
        axis = self._axis(e)
        laid = (np.moveaxis(exact, axis, 0) if exact.ndim else exact).reshape(shape)
        return laid[np.arange(shape[0]), np.asarray(e.target)].astype(np.float64)

    def _axis(self, e: Any) -> int:
        """Return on which axis of the file's scores the rows lie."""
        (exact,) = self.file.run(self.given, [self._named or ""])
        scores = np.asarray(e.prediction)
        fits = [
            float(np.abs(np.moveaxis(exact, axis, 0).reshape(scores.shape) - scores.astype(np.float64)).max(initial=0))
            for axis in range(exact.ndim)
            if exact.size == scores.size
        ]
        return int(np.argmin(fits)) if fits else 0

    def _gradient(self, e: Any) -> Iterator[tuple[str, str]]:
        """Compare a gradient with central differences, at other points too where it seems wrong or meets a kink."""
        root, main = self.model.root, self.model.explained_input.name
        if root != main and not self.file.has(root):
            yield "unchecked", "the value that is attributed to has another name in the file"
            return
        rng = self.mutant.rng
        feeds, kinds = self.given, []
        for i in range(1 + POINTS):
            if i:
                feeds = self._moved(main, rng)
                e = self._again(feeds, e.target)
                if e is None:
                    continue
            x = feeds[main] if root == main else self.file.run(feeds, [root])[0]
            if x.dtype.kind != "f":
                yield "unchecked", f"differences along {x.dtype}"
                return
            if e.attribution.size != x.size:
                yield "the attribution has another shape", f"{e.attribution.shape} for {x.shape}"
                return
            fed = "" if root == main else root
            f = lambda point, feeds=feeds, e=e, fed=fed: self._target(e, feeds | {root: point}, fed)  # noqa: E731
            found = compare(f, x, np.asarray(e.attribution).reshape(x.shape), rng)
            if found.kind == "right":
                return
            kinds.append(found)
        wrong = [each for each in kinds if each.kind == "wrong"]
        if len(wrong) > 1:
            yield "no derivative", "; ".join(map(str, wrong))
        elif kinds:
            yield "unchecked", f"{kinds[0].kind} at every point"

    def _moved(self, main: str, rng: np.random.Generator) -> dict[str, Any]:
        x = self.given[main]
        if x.dtype.kind != "f":
            return self.given
        return self.given | {main: (x + rng.normal(size=x.shape) * 0.1).astype(x.dtype)}

    def _again(self, feeds: dict[str, Any], target: Any) -> Any:
        import onnxplain as ox

        try:
            return ox.explain(self.model, feeds, "gradient", target=[int(each) for each in np.asarray(target)])
        except ox.errors.OnnxplainError:
            return None

    def _completes(self, e: Any, said: list[str]) -> Iterator[tuple[str, str]]:
        """Compare the sum of attributions with f(x) - f(0), by the file."""
        main = self.model.explained_input.name
        x = self.given[main]
        if (
            x.dtype.kind != "f"
            or self.model.root != main
            or (e.method == "deeplift" and e.attribution.shape != x.shape)
        ):
            yield "unchecked", "the input is not attributed to"
            return
        here = self._target(e, self.given)
        there = self._target(e, self.given | {main: np.zeros_like(x)})
        total = np.asarray(e.attribution, np.float64).reshape(len(x), -1).sum(1)
        scale = np.abs(here) + np.abs(there) + np.abs(np.asarray(e.attribution)).reshape(len(x), -1).sum(1) * 1e-2
        gap = np.abs(total - (here - there))
        if not np.isfinite(there).all():
            return
        if (gap > np.maximum(5 * self.tolerance, 1e-3) * scale + 1e-6).any():
            row = int(np.argmax(gap - 1e-3 * scale))
            what = "does not add up, and says so" if said else "does not add up"
            yield what, f"{total[row]:.6g} for {here[row]:.6g} - {there[row]:.6g} {said[:1]}"


def _cast(value: Any, kind: str) -> Any:
    """Return an array in the type that a session names."""
    names = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
    return np.asarray(value, names[kind]) if kind in names else value


def _far(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Whether two outputs differ by more than a share of the largest number, or in anything that is no float."""
    if isinstance(a, list) or isinstance(b, list):
        a, b = ([[row[key] for key in sorted(row)] for row in each] for each in (a, b))
    a, b = np.asarray(a), np.asarray(b)
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
