"""Compare a canonical graph with the file that it was made from, by running both on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

from onnxplain.errors import RuntimeRefusalError, UnsupportedModelError
from onnxplain.graph.deployed import Deployed
from onnxplain.passes.difference import SINGLE, Difference, differ, resolves, run, tolerance, with_head
from onnxplain.passes.export import export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.passes import Canonical

NOISE = 8
"""A difference counts as rounding, too, up to this many times that between two runs of the file itself: as onnxruntime
optimises it, and as it is written. Quantised files, and scores in which large numbers cancel, amplify rounding so."""

LARGEST_NOISE = 0.05
"""The largest share of the scores that this may excuse."""

_BATCH = 2
_SIZE = 32  # of an axis of unknown size that is not the first one, the batch


@dataclass(frozen=True)
class Proof:
    """Some rows, and the scores that an engine gives for them, to be compared with the untouched file.

    canonical: the graph that the scores are of. feeds: the rows of all inputs,
    as the file takes them. scores: in the shape in which the graph has them.
    """

    file: Deployed
    canonical: Canonical
    feeds: Mapping[str, Array]
    scores: Array

    def difference(self) -> Difference:
        """Return how far the scores are from what the file says of the rows; small where that is rounding.

        What the head makes of the scores is compared with the output of the file. Where that does not tell the scores,
        such as a label, they are compared with the value of their name in the file, if it has one.
        Raises RuntimeRefusalError where onnxruntime does not run the file or, with `opened` false, not the head.
        """
        return self._difference()._replace(widened=self.file.refused)

    def _difference(self) -> Difference:
        theirs = self._of_file()
        found = self._apart(theirs, SINGLE)
        if found.small:
            return found
        found = self._apart(theirs, SINGLE if self.file.refused else tolerance(self.file.proto()))
        if found.small:
            return found
        name = next(iter(theirs))
        written = self.file.run(self.feeds, [name], optimised=False)
        noise = differ(self.canonical, self.scores, written[name], theirs[name]).share
        excused = min(NOISE * noise, LARGEST_NOISE)
        return found._replace(tolerance=excused) if found.share <= excused else found

    def _of_file(self) -> dict[str, Any]:
        """Return the file's output or, where that does not tell the scores, its value of their name."""
        theirs = self._deployed()
        if resolves(self.canonical, theirs[self.canonical.output]):
            return theirs
        try:
            return self.file.run(self.feeds, [self.canonical.scores])
        except RuntimeRefusalError as problem:  # no value of the file has that name
            if _is_of_scores(self.canonical):
                return theirs
            raise RuntimeRefusalError("the output is a label that does not tell the scores", opened=False) from problem

    def _deployed(self) -> dict[str, Any]:
        """Return the output of the file as onnxruntime runs it by default or, where it fails so, as it is written."""
        names = [self.canonical.output]
        try:
            return self.file.run(self.feeds, names)
        except RuntimeRefusalError:
            return self.file.run(self.feeds, names, optimised=False)

    def _apart(self, theirs: Mapping[str, Any], allowed: float) -> Difference:
        ((name, value),) = theirs.items()
        ours = self.scores
        if name == self.canonical.output:
            try:
                ours = with_head(self.canonical, ours, self.feeds)
            except RuntimeRefusalError as problem:
                raise RuntimeRefusalError(f"the head of the model, cut off: {problem}", opened=False) from problem
        return differ(self.canonical, self.scores, ours, value, allowed)


def _is_of_scores(canonical: Canonical) -> bool:
    """Whether the heads make the output of the scores; a label that a classifier gives beside its scores is not."""
    known = {canonical.scores}
    for head in canonical.heads:
        if not known & {value.name for value in head.graph.input}:
            return False
        known |= {value.name for value in head.graph.output}
    return True


def verify(
    proto: onnx.ModelProto, canonical: Canonical, seed: int = 0, feeds: Mapping[str, Any] | None = None
) -> Difference:
    """Run a model as it is and its canonical graph, and return how far they are apart (see `Proof.difference`).

    feeds: arrays by name of input; without them, both run on random inputs of this seed.
    Raises `UnsupportedModelError` where the model does not run on these inputs.
    """
    given = (random_inputs(proto, seed) if feeds is None else dict(feeds)) | dict(canonical.fixed)
    try:
        scores = run(export(canonical.graph), canonical.rows.first(given), optimised=True)[canonical.scores]
        return Proof(
            Deployed(proto, canonical.fixed, lambda: proto, canonical.halves), canonical, given, scores
        ).difference()
    except RuntimeRefusalError as problem:
        shapes = ", ".join(f"{name} {list(np.shape(value))}" for name, value in given.items())
        raise UnsupportedModelError(
            f"the model does not run on random inputs of shapes {shapes}: {problem}"
        ) from problem


def random_inputs(model: onnx.ModelProto, seed: int = 0) -> dict[str, Array]:
    """Return a random array for each input of a model, by name: standard normal floats, or integers from 0 to 9.

    An axis of unknown size gets size 2 if it is the first one, the batch, and 32 otherwise; axes that have the same
    name get the same size.
    """
    rng = np.random.default_rng(seed)
    sizes: dict[str, int] = {}
    weights = {each.name for each in model.graph.initializer}
    return {v.name: _random(rng, v.type.tensor_type, sizes) for v in model.graph.input if v.name not in weights}


def _random(rng: np.random.Generator, kind: onnx.TypeProto.Tensor, sizes: dict[str, int]) -> Array:
    shape = []
    for axis, dim in enumerate(kind.shape.dim):
        guess = _SIZE if axis else _BATCH
        shape.append(max(dim.dim_value, 0) or (sizes.setdefault(dim.dim_param, guess) if dim.dim_param else guess))
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if dtype.kind in "iu":
        return rng.integers(0, 10, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)
