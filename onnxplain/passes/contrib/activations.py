"""Standard forms of activations, and of those that onnxruntime has fused into the operator before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.contrib.form import CannotError, Fused, number, standard

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARAMETERS = {
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "HardSwish": (),
    "Softplus": (),
    "Softsign": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Selu": ("alpha", "gamma"),
}
"""By activation that may be fused, the attributes of ONNX's operator, in the order in which parameters are given."""


def activated(n: Fused, x: str, y: str) -> str:
    """Return lines for y = f(x), where the attribute `activation` names f; without it, f is the identity."""
    op = n["activation"]
    if not op:
        return f"""
        {y} = Identity ({x})"""
    numbers = list(n["activation_params"] or ())
    if op == "Clip" and len(numbers) == 2:
        return f"""{number("Low", numbers[0], x)}{number("High", numbers[1], x)}
        {y} = Clip ({x}, Low, High)"""
    names = _PARAMETERS.get(op)
    if names is None:
        raise CannotError(f"its activation {op!r} is not known")
    return f"""
        {y} = {op} {_stated(names, numbers or [n[f"activation_{name}"] for name in names])} ({x})"""


def _stated(names: Sequence[str], numbers: Sequence[float | None]) -> str:
    """Return attributes as they are written in a body; those without a number keep ONNX's default."""
    given = [f"{name}: float = {float(x)!r}" for name, x in zip(names, numbers, strict=False) if x is not None]
    return f"<{', '.join(given)}>" if given else ""


@standard("Gelu", "X -> Y")
def _gelu(_n: Fused) -> str:
    return "Y = Gelu (X)"


@standard("QuickGelu", "X -> Y", alpha=1.702)
def _quick(n: Fused) -> str:
    return f"Y = Swish <alpha: float = {float(n['alpha'])!r}> (X)"


@standard("BiasGelu", "A B -> C")
def _bias_gelu(_n: Fused) -> str:
    return """
        X = Add (A, B)
        C = Gelu (X)"""


@standard("FastGelu", "X bias -> Y")
def _fast_gelu(n: Fused) -> str:
    return f"""
        Biased = {"Add (X, bias)" if "bias" in n else "Identity (X)"}
        Y = Gelu <approximate = "tanh"> (Biased)"""
