"""Comparing an explanation with the untouched file: its scores, differences of them, and what they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scores import Scores, numbers
from slopes import compare

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mutant import Mutant
    from truth import File

POINTS = 3
"""At how many more points a gradient is judged that seems wrong at the first one."""

ROUNDING = {False: 1.2e-7, True: 1e-3}
"""The share up to which a file rounds, by whether it holds floats shorter than float32."""

EVERY = 3
"""Of so many mutants one is explained by LRP with the other engine too."""

CLASSES = 12
"""Of so many scores at most all gradients are taken, where only the outputs behind the head can be compared."""


class Compared:
    """What the explanations of one mutant are compared with."""

    def __init__(self, file: File, model: Any, given: dict[str, Any], mutant: Mutant) -> None:
        self.file, self.model, self.given, self.mutant = file, model, given, mutant
        self.scores = Scores(file, model.canonical, given)
        self.main = model.explained_input.name
        self.x = np.asarray(given[self.main])

    def faults(self, method: str, e: Any, said: list[str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with an explanation, and what could not be checked, each with its numbers."""
        for name, array in (("attribution", e.attribution), ("score", e.score), ("prediction", e.prediction)):
            if not np.isfinite(np.asarray(array, np.float64)).all():
                yield f"{name} is not finite", str(np.asarray(array).ravel()[:4])
                return
        if self.scores.random():
            yield "the file draws random numbers", ""
        elif len(e.prediction) != len(e.attribution):
            yield "rows are not rows", f"{e.prediction.shape} for {e.attribution.shape}"
        else:
            if e.parity is None or not e.parity.rows:
                yield "unchecked", f"parity is {e.parity}"
            yield from self.scores.faults(np.asarray(e.prediction))
            if method == "gradient":
                yield from self._derivative(e) if self.scores.name else self._derivative_behind(e)
            elif method in ("deeplift", "occlusion"):
                yield from self._sum(e, said)
            elif self.mutant.index % EVERY == 0:
                yield from self._engines(method)

    def _derivative(self, e: Any) -> Iterator[tuple[str, str]]:
        """Compare a gradient with central differences, at other points too where it seems wrong or meets a kink."""
        root, kinds, rng, feeds = self.model.root, [], self.mutant.rng, self.given
        if root != self.main and not self.file.has(root):
            yield "unchecked", "the value that is attributed to has another name in the file"
            return
        if root != self.main and self.x.dtype.kind == "f":
            yield from self._bypass(e, root)
        for i in range(1 + POINTS):
            if i:
                feeds = self._moved(rng)
                again = self._again(feeds, [int(each) for each in np.asarray(e.target)])
                if again is None:
                    continue
                e = again
            x = feeds[self.main] if root == self.main else self.file.run(feeds, [root])[0]
            own, e = e, self._whole(e, feeds, root, x.size)
            if e is None:
                yield "the attribution has another shape", f"{own.attribution.shape} for {x.shape}"
                return
            axis = max(0, self.model.canonical.rows.moved.get(self.main, 0)) if root == self.main else 0
            first = np.moveaxis(x, axis, 0) if x.ndim else x  # the rows, as the attribution has them
            f, x = self._at(e, feeds, root, first.shape, axis), first.reshape(e.attribution.shape)
            found = compare(f, x, e.attribution, rng, ROUNDING[self.file.half()])
            kinds.append(found)
            if not i and found.kind == "right":
                return
        wrong = [each for each in kinds if each.kind == "wrong"]
        if len(wrong) > 1:
            yield "no derivative", "; ".join(map(str, wrong))
        elif wrong or "right" not in {each.kind for each in kinds}:
            yield "unchecked", f"differences tell too little: {', '.join(sorted(each.kind for each in kinds))}"

    def _whole(self, e: Any, feeds: dict[str, Any], root: str, size: int) -> Any:
        """Return the gradient with a number for each of `size` elements; None where it is another explanation.

        Of token ids each has the norm of what its embedding gets, so the embedding itself is explained.
        """
        if e.attribution.size == size:
            return e
        try:
            whole = ox.explain(self.model, dict(feeds), "gradient", target=np.asarray(e.target).tolist(), layer=root)
        except ox.errors.OnnxplainError:
            return None
        same = whole.attribution.size == size and _folds(e.attribution, whole.attribution)
        return whole if same else None

    def _at(
        self, e: Any, feeds: dict[str, Any], root: str, shape: tuple[int, ...], axis: int
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Return the explained score of each row, as a function of the value that is attributed to, rows first.

        shape: of that value, rows first; axis: on which the file has them.
        """
        fed = "" if root == self.main else root
        back = lambda point: np.moveaxis(point.reshape(shape), 0, axis) if shape else point.reshape(shape)  # noqa: E731
        return lambda point: self.scores.target(e, feeds | {root: np.ascontiguousarray(back(point))}, fed)

    def _bypass(self, e: Any, root: str) -> Iterator[tuple[str, str]]:
        """Find scores that depend on an input of floats past the value behind it that is attributed to."""
        held = {root: self.file.run(self.given, [root])[0]}
        here = self.scores.target(e, self.given | held, root)
        there = self.scores.target(e, self._moved(self.mutant.rng, 1.0) | held, root)
        if (np.abs(here - there) > self.scores.tolerance * (np.abs(here) + 1e-3)).any():
            yield "the input reaches the scores past what is attributed to", f"{here[:3]} and {there[:3]}"

    def _moved(self, rng: np.random.Generator, step: float = 0.1) -> dict[str, Any]:
        """Return the inputs, of which the explained one is a little further, where it holds floats."""
        if self.x.dtype.kind != "f":
            return self.given
        return self.given | {self.main: (self.x + rng.normal(size=self.x.shape) * step).astype(self.x.dtype)}

    def _again(self, feeds: dict[str, Any], target: list[int]) -> Any:
        """Return the gradient of other classes or at other inputs; None where the package refuses."""
        try:
            return ox.explain(self.model, dict(feeds), "gradient", target=target)
        except ox.errors.OnnxplainError:
            return None

    def _derivative_behind(self, e: Any) -> Iterator[tuple[str, str]]:
        """Compare gradients, through the head, with differences of the output of a file that does not name its scores.

        The scores move by the gradients of all classes along a direction, and the head tells what that does to them.
        """
        classes = e.prediction.shape[1]
        if self.model.root != self.main or self.x.dtype.kind != "f" or classes > CLASSES:
            yield "unchecked", "the scores have no name in the file"
            return
        direction = self.mutant.rng.normal(size=self.x.shape)
        each = [self._again(self.given, [c] * len(e.attribution)) for c in range(classes)]
        if None in each:
            return
        along = [(a.attribution.reshape(self.x.shape) * direction).reshape(len(e.attribution), -1).sum(1) for a in each]
        moved = np.stack(along, 1)
        gaps = []
        for step in (1e-2, 1e-3, 1e-4):
            ours = [self.scores.headed((e.prediction + way * step * moved).astype("f")) for way in (1, -1)]
            theirs = [
                self.file.outputs(self.given | {self.main: (self.x + way * step * direction).astype(self.x.dtype)})
                for way in (1, -1)
            ]
            a = np.subtract(*(numbers(each).astype(np.float64) for each in ours))
            b = np.subtract(*(numbers(each[self.scores.canonical.output]).astype(np.float64) for each in theirs))
            gaps.append(float(np.abs(a - b).max() / (np.abs(b).max() + 1e-4)))
        if min(gaps) > 0.05:
            yield "no derivative of the outputs", f"off by {min(gaps):.3g} of the largest"

    def _engines(self, method: str) -> Iterator[tuple[str, str]]:
        """Compare LRP, which no runtime knows, on both engines; where a denominator is all but 0, they may differ."""
        other = {"numpy": "onnxruntime", "onnxruntime": "numpy"}[self.model.engine]
        gaps: list[float] = []
        try:
            models = self.model, ox.load(f"{self.file.folder}/model.onnx", engine=other)
            for feeds in (self.given, *(self._moved(self.mutant.rng, step) for step in (0.1, 0.2))):
                a, b = (np.asarray(ox.explain(each, dict(feeds), method).attribution, np.float64) for each in models)
                gaps.append(float(np.abs(a - b).max(initial=0.0) / (np.abs(a).max(initial=0.0) + 1e-6)))
        except ox.errors.OnnxplainError:
            return
        if min(gaps) > 0.05:
            yield "the engines differ", f"by {min(gaps):.3g} of the largest, whatever the point"

    def _sum(self, e: Any, said: list[str]) -> Iterator[tuple[str, str]]:
        """Compare the sum of attributions with f(x) - f(0), by the file."""
        if self.x.dtype.kind != "f" or not self.scores.name:
            yield "unchecked", "a baseline of integers" if self.scores.name else "the scores have no name in the file"
            return
        attribution = np.asarray(e.attribution, np.float64).reshape(len(e.attribution), -1)
        here, there = (self.scores.target(e, self.given | {self.main: at}) for at in (self.x, np.zeros_like(self.x)))
        total = attribution.sum(1)
        scale = np.abs(here) + np.abs(there) + np.abs(attribution).sum(1) * 1e-2
        gap = np.abs(total - (here - there)) - np.maximum(5 * self.scores.tolerance, 1e-3) * scale
        if np.isfinite(there).all() and (gap > 1e-6).any():
            row = int(np.argmax(gap))
            told = any("miss" in each for each in said)
            yield "said" if told else "does not add up", f"{total[row]:.6g} for {here[row]:.6g} - {there[row]:.6g}"


def _folds(folded: np.ndarray, whole: np.ndarray) -> bool:
    """Whether numbers are the norms of what is there over the axes that they lack."""
    norms = np.sqrt((whole.astype(np.float64) ** 2).sum(tuple(range(folded.ndim, whole.ndim))))
    return norms.shape == folded.shape and np.allclose(norms, folded, rtol=1e-4, atol=1e-6 * norms.max(initial=0.0))
