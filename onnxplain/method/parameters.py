"""What each parameter of a method means, its unit and its range: the one place that the command line and docs read."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import Parameter as Signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxplain.method.spec import MethodSpec

PIXELS = "pixels"
SCORE = "that of the score"
INPUT = "that of the model's input"
NONE = "none"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method.

    meaning: what it decides. unit: of its value, "none" for a count, a share or a switch. range: the values that
    it takes, in words. default: its value where it is not given; `required` says that it has to be.
    """

    meaning: str
    unit: str
    range: str
    default: Any = None
    required: bool = False

    def lines(self, name: str) -> tuple[str, str, str]:
        """Return what is known of it for people: its name and default, its meaning, its range and unit."""
        head = f"{name}, required" if self.required else f"{name} = {self.default!r}"
        unit = "" if self.unit == NONE else f"; unit: {self.unit}"
        return head, f"    {self.meaning}", f"    {self.range}{unit}"


class Parameters(dict[str, Parameter]):
    """The parameters of a method by name; it prints as a list for people."""

    def __str__(self) -> str:
        return "\n".join(line for name, each in self.items() for line in each.lines(name)) or "no parameters"


def _whole(meaning: str, low: int = 1, unit: str = NONE) -> Parameter:
    return Parameter(meaning, unit, f"whole numbers, {low} or more")


def _real(meaning: str, unit: str = NONE, low: float = 0.0, high: float | None = None) -> Parameter:
    return Parameter(meaning, unit, f"numbers, {low:g} or more" if high is None else f"numbers, {low:g} to {high:g}")


def _size(meaning: str, papers: float) -> Parameter:
    """A length; None is that of the paper, in proportion to the picture."""
    told = f"None: {papers:g} at 224 pixels a side, in proportion at other sizes"
    return Parameter(meaning, PIXELS, f"numbers, 0 or more, or one for each axis; {told}")


def _switch(meaning: str) -> Parameter:
    return Parameter(meaning, NONE, "True or False")


HIDDEN = '"baseline", "mean" of each channel, "blur", or a number'
COMMON: dict[str, Parameter] = {
    "force": _switch("take the gradient at activations that are no rectifiers, instead of refusing them"),
    "eps": _real("what is added to a denominator, with its sign, to keep it from 0", SCORE),
    "gamma": _real("how much more positive weights count"),
    "alpha": _real("what positive contributions get", low=1.0),
    "beta": _real("what negative contributions take; alpha - beta has to be 1"),
    "low": Parameter("the least value of the input", INPUT, "a number or one per channel, at most high"),
    "high": Parameter("the largest value of the input", INPUT, "a number or one per channel, at least low"),
    "everywhere": _switch("keep raising and lowering apart behind convolutions and sums too"),
    "fraction": _real("the share of all elements that move at a time", high=1.0),
    "distance": _real("how far an element may be from the straight line, as a share of its way", high=1.0),
    "random_seed": _whole("what the random numbers of each row start from", 0),
    "of": Parameter(
        "the method that walks, which is averaged", NONE, "the name of a method that walks once, a composite"
    ),
    "relu": _switch("drop what speaks against the target"),
    "window": Parameter(
        "the sides of what is hidden at a time",
        PIXELS,
        "whole numbers, 1 or more, or one for each axis; None: 15 at 224 pixels a side, in proportion at other sizes",
    ),
    "stride": Parameter(
        "the distance between windows, or between cells of the mask",
        PIXELS,
        "whole numbers, 1 or more, or one for each axis; None: 8 at 224 pixels a side, in proportion at other sizes",
    ),
    "value": Parameter("what is shown in place of what is hidden", INPUT, HIDDEN),
    "grid": _whole("cells of a mask along each axis"),
    "p": Parameter("the probability that a cell is shown", NONE, "numbers between 0 and 1, both excluded"),
    "superpixels": Parameter(
        "what is hidden together", NONE, '"slic", "quickshift", or an array of whole numbers, one for each pixel'
    ),
    "segments": _whole("about how many superpixels slic makes"),
    "width": _real("the width of the kernel: up to which cosine distance samples count", low=1e-6),
    "ridge": _real("the weight of the squares of the coefficients"),
    "preset": Parameter("settings by name; a parameter that is given beside it wins", NONE, '"ribeiro", or None'),
    "rate": _real("the learning rate"),
    "l1": _real("the weight of the mask's size", f"{SCORE}, per cell"),
    "tv": _real("the weight of the mask's roughness", f"{SCORE}, per cell"),
    "blur": _size("the sigma of the strongest blur", 10),
    "spread": _size("the sigma of the Gaussian that enlarges the mask", 5),
    "jitter": _size("twice the largest shift of the picture", 4),
    "areas": Parameter("the sizes of the regions, one mask for each", "shares of the picture", "numbers, 0 to 1"),
    "weight": _real("the weight of the term that holds the area", SCORE),
    "growth": _real("by which factor that weight grows in each step"),
    "step": _size("the distance between cells of the mask", 7),
    "sigma": _size("the radius of the soft disc around a cell", 21),
    "levels": _whole("in how many steps the blur grows", 2),
    "flip": _switch("show the picture mirrored in every other step"),
    "centre": _switch("subtract the mean score over the masks"),
}
"""By name, as most methods have it."""

_NOISE = _real("the standard deviation of the noise", "the range of the row's own values")
OWN: dict[tuple[str, str], Parameter] = {
    ("integrated_gradients", "steps"): _whole("points of the quadrature on the line from the baseline"),
    ("guided_ig", "steps"): _whole("steps of the path, with one gradient each"),
    ("blur_ig", "steps"): _whole("steps of the path, with one gradient each"),
    ("blur_ig", "sigma"): _size("the sigma of the blur from which the path starts", 50),
    ("smoothgrad", "sigma"): _NOISE,
    ("vargrad", "sigma"): _NOISE,
    ("smoothgrad", "samples"): _whole("noisy copies of the input"),
    ("vargrad", "samples"): _whole("noisy copies of the input"),
    ("expected_gradients", "samples"): _whole("random points, each on the line from a random baseline"),
    ("kernel_shap", "samples"): _whole("coalitions besides the empty and the whole one; few features need no more"),
    ("shapley_sampling", "samples"): _whole("random orders, each with a run for every feature but one"),
    ("lime", "samples"): _whole("samples, each of which shows every feature with probability 1/2"),
    ("rise", "samples"): _whole("random masks"),
    ("eigen_cam", "centre"): _switch("subtract the mean of each channel first"),
    ("meaningful_perturbation", "steps"): _whole("steps of Adam"),
    ("meaningful_perturbation", "beta"): _real("the power of the mask's roughness", low=1.0),
    ("extremal_perturbation", "steps"): _whole("steps of the ascent, for each area"),
    ("extremal_perturbation", "blur"): _size("the sigma of the strongest blur", 20),
    **{
        (name, "value"): Parameter(
            "what is shown of a hidden feature",
            INPUT,
            f"{HIDDEN}; None: the mean of a superpixel, the baseline of a column",
        )
        for name in ("lime", "kernel_shap", "shapley_sampling")
    },
}
"""By method and name, where it means more there."""


UNKNOWN = Parameter("not described", "not described", "what its method takes")
"""What is said of a parameter that a method of one's own has, and no other."""


def described(method: MethodSpec) -> Parameters:
    """Return what is known of each parameter of a method, in the order in which it takes them."""
    found = Parameters()
    for name, default in method.parameters.items():
        about = OWN.get((method.name, name)) or COMMON.get(name, UNKNOWN)
        needed = default is Signature.empty
        found[name] = Parameter(about.meaning, about.unit, about.range, None if needed else default, needed)
    return found
