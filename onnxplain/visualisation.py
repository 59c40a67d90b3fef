"""Feature visualisation: an input that a class or a neuron responds to most, found by gradient ascent.

It starts from weak noise. In each step the input is rolled by a random shift, so that nothing hangs by the grid of the
strides, and goes along the gradient, scaled to a mean magnitude of 1, of

    F(x) - tv · mean (∇x)²

where F is the explained number, and the second term, a total variation, keeps neighbours alike. Source: Olah et al.
2017.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.errors import NumericalError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.feeds import Feeds
from onnxplain.inputs.shape import static
from onnxplain.progress import progress
from onnxplain.record import array_record
from onnxplain.resample import in_proportion
from onnxplain.show.ascent import ascent
from onnxplain.show.atomic import keep_apart, save_atomic
from onnxplain.show.save import write_page
from onnxplain.show.style import Style
from onnxplain.strict_json import dumps, strict

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.model import Model
    from onnxplain.show.page import Page
    from onnxplain.walk.objective import Target

JITTER = 8
"""The largest shift in pixels, for pictures of 224 pixels a side."""
ENDINGS = (".png", ".pdf", ".svg", ".npz", ".json")
"""The endings of files that a visualisation is saved as."""
STATED = ("model", "cut", "passes", "walked", "engine", "parity", "versions", "target")
"""What the record of a visualisation has of that of an explanation."""
START = 0.01
"""The standard deviation of the first noise, as a share of the range of the input."""


@dataclass(frozen=True, eq=False)
class Visualisation:
    """What was found.

    picture: the input [*in] in the model's own range. scores: F of it before each step and after the last [steps + 1].
    label: the name of the target. pixels: the picture as people see it, uint8 RGB [H, W, 3]; None for an input that is
    no picture. record: what it was made from and how, in plain JSON types.
    """

    picture: Array = field(repr=False)
    scores: Array = field(repr=False)
    label: str = ""
    pixels: Array | None = field(default=None, repr=False)
    record: dict[str, Any] = field(default_factory=dict, repr=False)

    def image(self, *, size: int | None = None, font: str | Path | None = None) -> Image.Image:
        """Return the picture beside the curve of its score.

        size: the pixels of the longer side of the picture; None takes its own, but at least 320 and at most 1280.
        font: the path of a font. Raises UsageError where the input is no picture.
        """
        return self._page(Style(size=size, font=font)).image()

    def save(self, path: str | Path, *, size: int | None = None, font: str | Path | None = None) -> None:
        """Write a picture (.png, .pdf, .svg; see `image`), an .npz with picture, scores and record, or a .json record.

        The file is written whole or not at all. Raises UsageError for another ending, and for an input that is none.
        """
        ending = Path(path).suffix.lower()
        if ending not in ENDINGS:
            raise UsageError(f"{path}: cannot save as {ending or 'a file without an ending'}; use {', '.join(ENDINGS)}")
        if ending in (".npz", ".json") and (size, font) != (None, None):
            raise UsageError(f"size, font: how a picture is drawn, and a {ending} file holds none")
        keep_apart([path], [self.record.get("model", {}).get("path")])

        def write(file: BinaryIO) -> None:
            if ending == ".npz":
                record = np.array(dumps(self.record))
                np.savez_compressed(file, picture=self.picture, scores=self.scores, record=record)
            elif ending == ".json":
                file.write(dumps(self.record).encode())
            else:
                write_page(self._page(Style(size=size, font=font)), file, ending, self.record)

        save_atomic(path, write)

    def _page(self, style: Style) -> Page:
        if self.pixels is None:
            raise UsageError(f"the input of shape {list(self.picture.shape)} is no picture; save what is found as .npz")
        asked = self.record["visualisation"]
        how = ", ".join(f"{name} {asked[name]:g}" for name in ("steps", "step_size", "tv"))
        title = f"{self.label}: score {self.scores[0]:.4g}, raised to {self.scores[-1]:.4g}"
        return ascent(self.pixels, self.scores, title, f"visualise; {how}, random_seed {asked['random_seed']}", style)


def visualise(
    model: Model,
    target: Target,
    *,
    steps: int = 128,
    step_size: float = 0.02,
    tv: float = 0.0,
    jitter: int | None = None,
    random_seed: int = 0,
) -> Visualisation:
    """Return an input for which the score of a class, or the value of a `Neuron`, is high, and how it rose.

    target: a class index, a label, or a Neuron. steps: of the ascent. step_size: the mean step of an element, in
    parts of the range that the input may have: that of the preprocessing where there is one, which is kept to, else 1.
    tv: the weight of the total variation, in units of the score. jitter: the largest shift along each axis of
    positions, by default 8 at 224 pixels, in proportion at other sizes. random_seed: of the noise and the shifts; the
    same seed gives the same picture.

    Raises UsageError for an input whose size the file leaves open or that holds no floats, and for no single target.
    """
    model.check_one("visualise finds one input")
    checks.whole(steps=steps)
    checks.whole(0, jitter=0 if jitter is None else jitter)
    checks.real(step_size=step_size, tv=tv)
    checks.seed(random_seed=random_seed)
    if target is None or isinstance(target, (list, tuple)):
        raise UsageError(f"target={target!r}: expected one class, by its index or label, or a Neuron")
    shape, channel_axis = _shape(model), _channel_axis(model)
    places = [axis for axis in range(1, len(shape)) if axis != channel_axis] if len(shape) > 2 else []
    climb = _Ascent(model, target, places, step_size, tv)
    rng, reach = np.random.default_rng(random_seed), _reach(shape, places, jitter)
    x, scores = climb.start(shape, rng), []
    with progress("visualise", steps + 1, "step") as bar:
        for _ in range(steps):
            x, score = climb.step(x, [int(rng.integers(-each, each + 1)) for each in reach])
            scores.append(score)
            bar.update(1)
        scores.append(climb.step(x, [0] * len(reach))[1])
    asked = {"steps": steps, "step_size": step_size, "tv": tv, "jitter": reach, "random_seed": random_seed}
    return _found(model, x[0].astype(np.float32), np.array(scores), climb.last, asked)


def _found(model: Model, picture: Array, scores: Array, last: Explanation, asked: dict[str, Any]) -> Visualisation:
    """Return what was found, with its record. last: the explanation of the last step. asked: the parameters."""
    record = {
        **{name: value for name, value in last.record.items() if name in STATED},
        "label": last.labels[0],
        "preprocess": None if model.preprocess is None else model.preprocess.to_dict(),
        "visualisation": asked,
        "picture": array_record(picture),
        "scores": [float(scores[0]), float(scores[-1])],
    }
    return Visualisation(picture, scores, last.labels[0], _pixels(model, picture), dict(strict(record)))


def check_picture(model: Model) -> None:
    """Raise UsageError where the input of a model is no picture, or where a visualisation of it is refused."""
    shape = _shape(model)
    if _pixels(model, np.zeros(shape[1:], np.float32)) is None:
        raise UsageError(f"the input of shape {list(shape[1:])} is no picture; save what is found as .npz")


def _pixels(model: Model, picture: Array) -> Array | None:
    """Return an input as people see it, with its preprocessing undone; None for one that is no picture.

    Without a preprocessing its least value is black, and its largest white.
    """
    if model.preprocess is not None:
        return model.preprocess.undo(picture[None])
    channel_axis = _channel_axis(model)
    plane = picture if channel_axis is None else np.moveaxis(picture, channel_axis - 1, -1)
    colours = plane[..., None] if channel_axis is None else plane
    if colours.ndim != 3 or colours.shape[-1] not in (1, 3) or min(colours.shape[:2]) < 2:
        return None
    part = (colours - colours.min()) / ((colours.max() - colours.min()) or 1.0)
    return np.broadcast_to(np.rint(255 * part).astype(np.uint8), (*colours.shape[:2], 3))


class _Ascent:
    """Steps along the gradient of the explained number, within the bounds of the input where these are known."""

    def __init__(self, model: Model, target: Target, places: list[int], step_size: float, tv: float) -> None:
        self._explain = Explainer(replace(model, preprocess=None), "gradient")  # it is asked about no user's picture
        self._target, self._places, self._step_size, self._tv = target, places, step_size, tv
        self._low, self._high = _bounds(model)
        self._bounded = model.preprocess is not None
        self.last: Explanation

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return weak noise around the middle of the range."""
        low, high = self._low, self._high
        return np.asarray((low + high) / 2 + START * (high - low) * rng.standard_normal(shape))

    def step(self, x: Array, shifts: list[int]) -> tuple[Array, float]:
        """Return x one step further, and the explained number of x as it was shifted.

        Raises NumericalError where the gradient is NaN or infinite.
        """
        moved = np.roll(x, shifts, self._places)
        found = self._explain(moved.astype(np.float32), self._target)
        self.last = found
        slope = found.attribution.astype(np.float64) - self._tv * _roughness(moved, self._places)
        size = np.abs(slope).mean()
        if not np.isfinite(size):
            raise NumericalError(
                "the gradient is NaN or Inf; a smaller step_size= stays within what the model can bear"
            )
        moved = moved + self._step_size * (self._high - self._low) * slope / (size or 1.0)
        x = np.roll(moved, [-each for each in shifts], self._places)
        return (np.clip(x, self._low, self._high) if self._bounded else x), float(found.score[0])


def _channel_axis(model: Model) -> int | None:
    return Feeds(model, None).channel_axis(model.input_shape)[0]


def _roughness(x: Array, places: list[int]) -> Array:
    """Return the gradient of the mean of squared differences between neighbours, along all axes of positions."""
    found = np.zeros_like(x)
    for axis in places:
        apart = np.diff(x, axis=axis)
        before, behind = ([slice(None)] * x.ndim for _ in range(2))
        before[axis], behind[axis] = slice(None, -1), slice(1, None)
        found[tuple(behind)] += 2 * apart / x.size
        found[tuple(before)] -= 2 * apart / x.size
    return found


def _reach(shape: tuple[int, ...], places: list[int], jitter: int | None) -> list[int]:
    """Return the largest shift along each axis of positions."""
    return [round(in_proportion(JITTER, shape[axis])) if jitter is None else jitter for axis in places]


def _bounds(model: Model) -> tuple[Array, Array]:
    """Return the least and the largest value that the input may have, to broadcast on it; -1/2 and 1/2 if unknown."""
    if model.preprocess is None:
        return np.array(-0.5), np.array(0.5)
    low, high = model.preprocess.bounds()
    return np.minimum(low, high).astype(np.float64), np.maximum(low, high).astype(np.float64)


def _shape(model: Model) -> tuple[int, ...]:
    """Return the shape of one row, with an axis for it. Raises UsageError where the file leaves a size open."""
    model.check_has_file("visualise")
    if model.root != model.explained_input.name:
        raise UsageError(f"the input {model.explained_input.name!r} holds no floats, which alone have a slope to climb")
    pre, sizes = model.preprocess, [static(each) for each in model.input_shape]
    if pre is not None and pre.size is not None:
        height = 1 if pre.layout == "NHWC" else 2
        sizes[height : height + 2] = pre.size
    known = [each for each in sizes[1:] if each is not None]
    if len(known) < len(sizes) - 1:
        raise UsageError(f"the input has the shape {list(model.input_shape)}: a picture needs its size, by preprocess=")
    return (1, *known)
