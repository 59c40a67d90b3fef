"""The parts of the benchmark that are lines: a contender, what it is measured over, and the bound of the ratio."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from alternating import HERE, Case
from libraries import module_of
from zoo import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alternating import Took

DIGITS = str(HERE.parents[1] / "models" / "digits_cnn_torch.onnx")
"""A network so small that nearly all of the time is Python's."""
PLAIN = ("forward", "plain")
"""The contenders that run a file in onnxruntime, and explain nothing."""
RESNETS = ("resnet18", "resnet50")


class Line(NamedTuple):
    """A figure of a contender over that of another one, or by itself where there is none, and its bounds, if any."""

    own: Case
    other: Case | None
    figure: str
    bound: float | None
    least: float = 0.0


def _ours(method: str, network: str, batch: int = 1) -> Case:
    return Case(f"ours:onnxruntime:{method}", network, batch)


def _over(method: str, peer: str, bound: float | None = None) -> list[Line]:
    """Return the lines of a method on one picture over a contender of another library, on the ResNets."""
    return [Line(_ours(method, each), Case(peer, each), "seconds", bound) for each in RESNETS]


REPEATED = [
    *_over("integrated_gradients", "captum:integrated_gradients", 0.55),
    *_over("smoothgrad", "captum:smoothgrad", 0.55),
    *_over("occlusion", "captum:occlusion", 0.5),
    *_over("lime", "captum:lime", 0.5),
    *_over("lime", "lime", 0.5),
    *_over("kernel_shap", "captum:kernel_shap", 0.5),
    *_over("kernel_shap", "shap", 0.5),
    *_over("rise", "torch:rise", 0.5),
    *_over("grad_cam", "captum:grad_cam"),
    *_over("grad_cam", "pytorch-grad-cam"),
    *_over("guided_backprop", "captum:guided_backprop"),
]
"""Methods that run often, with the parameters in settings.py, and what comes with them in other libraries."""

BATCHES = [
    Line(_ours("gradient", network, batch), Case("torch:gradient", network, batch), "seconds", None)
    for network in RESNETS
    for batch in (8, 16)
]
"""Batches of the size in which methods that run often score or walk."""

STARTUP = [
    Line(Case(f"command:{method}", "resnet50"), Case("plain", "resnet50"), figure, 4.0)
    for method in ("gradient", "lrp.epsilon_plus_flat")
    for figure in ("seconds", "cpu")
]
"""`onnxplain explain` of one picture, from the start of the process to its end, over a program that runs the file."""

OVERHEAD = [Line(_ours("gradient", DIGITS), None, "seconds", 0.002)]
"""A whole call on a small network, in seconds: what Python does in it takes less than that."""

LOAD = [
    Line(Case("load", f"chain-{2 * count}"), Case("load", f"chain-{count}"), "cpu", 2.4) for count in (5_000, 10_000)
]
"""A file of twice as many nodes takes about twice as long to load."""

MEMORY = [
    *(Line(_ours("gradient", "vgg16"), Case("torch:gradient", "vgg16"), figure, 1.0) for figure in ("peak", "steady")),
    *(
        Line(Case(f"memory:{method}", network), None, "estimated", 1.2, 0.8)
        for network in NETWORKS
        if network != "bert_base"
        for method in ("gradient", "lrp.epsilon_plus_flat")
    ),
]
"""The most memory, and the memory behind the runs, over those of PyTorch; what is estimated over what is measured."""

PARTS: dict[str, list[Line]] = {
    "repeated": REPEATED,
    "batches": BATCHES,
    "startup": STARTUP,
    "overhead": OVERHEAD,
    "load": LOAD,
    "memory": MEMORY,
}
"""The lines by the name of their part."""


def cases_of(lines: list[Line]) -> tuple[list[Case], list[str]]:
    """Return the cases of lines, each once, and the modules that are missing; what needs them is left out."""
    cases = dict.fromkeys(case for line in lines for case in (line.own, line.other) if case)
    needed = {case: module_of(case.contender) for case in cases if not _needs_nothing(case)}
    missing = {module for module in needed.values() if find_spec(module) is None}
    return [case for case in cases if needed.get(case) not in missing], sorted(missing)


def _needs_nothing(case: Case) -> bool:
    """Whether a contender needs no other library than onnxplain and onnxruntime."""
    return is_ours(case) or case.contender in PLAIN or case.contender.startswith("memory:")


def is_ours(case: Case) -> bool:
    """Whether a contender runs onnxplain."""
    return case.contender.partition(":")[0] in ("ours", "command", "load")


def values(lines: list[Line], typical: Mapping[Case, Took]) -> list[tuple[Line, float]]:
    """Return the lines that were measured, each with its ratio, or with its figure where it is over nothing."""
    found = []
    for line in lines:
        own, other = typical.get(line.own), typical.get(line.other) if line.other else {line.figure: 1.0}
        if own and other and other[line.figure]:
            found.append((line, own[line.figure] / other[line.figure]))
    return found


def text(found: list[tuple[Line, float]]) -> str:
    """Return what was measured as a Markdown table."""
    rows = ["| case | over | figure | value | bound |", "| --- | --- | --- | --- | --- |"]
    for line, value in found:
        over = _over_text(line)
        rows.append(f"| {line.own} | {over} | {line.figure} | {value:.3g} | {line.bound or ''} |")
    return "\n".join(rows)


def _over_text(line: Line) -> str:
    """Return what a line is measured over: its contender and, where it differs, its network."""
    if line.other is None:
        return ""
    same = line.other.network == line.own.network
    return line.other.contender if same else str(line.other)


def late(found: list[tuple[Line, float]]) -> list[str]:
    """Return the lines whose value is beyond a bound, in words."""
    return [
        f"{line.own}, {line.figure}{f' over {_over_text(line)}' if line.other else ''}: {value:.3g}, {_bounds(line)}"
        for line, value in found
        if line.bound is not None and not line.least <= value <= line.bound
    ]


def _bounds(line: Line) -> str:
    """Return the bounds of a line in words."""
    return f"bounds {line.least} to {line.bound}" if line.least else f"bound {line.bound}"
