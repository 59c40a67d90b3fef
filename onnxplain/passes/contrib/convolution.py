"""Standard forms of convolutions with a sum and an activation fused into them, and of one whose padding is an input."""

from __future__ import annotations

from onnxplain.passes.contrib.activations import activated
from onnxplain.passes.contrib.form import Fused, standard

WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")
_CONV = (*WINDOW, "group")


def convolved(n: Fused, x: str, y: str, added: str = "Z") -> str:
    """Return lines for y = f(conv(x) + Z), where Z may be absent and the attribute `activation` names f.

    added: the name of Z.
    """
    inputs = f"{x}, W, B" if "B" in n else f"{x}, W"
    return f"""
        Convolved = Conv {n.passed(*_CONV)} ({inputs})
        Summed = {f"Add (Convolved, {added})" if added in n else "Identity (Convolved)"}{activated(n, "Summed", y)}"""


@standard("FusedConv", "X W B Z -> Y", group=1)
def _fused(n: Fused) -> str:
    return convolved(n, "X", "Y")


@standard("ConvTransposeWithDynamicPads", "X W Pads B -> Y", group=1)
def _transposed(n: Fused) -> str:
    """Return the form where the padding is a constant after all."""
    pads = [int(each) for each in n.values("Pads")] if "Pads" in n else []
    inputs = "X, W, B" if "B" in n else "X, W"
    stated = n.passed("auto_pad", "dilations", "kernel_shape", "output_padding", "strides", "group")
    stated = f"{stated[:-1]}, pads = {pads}>" if pads else stated
    return f"""
        Y = ConvTranspose {stated} ({inputs})"""
