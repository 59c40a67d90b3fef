"""Operators that onnxruntime knows in the domain of ONNX itself, although ONNX does not, or did not yet.

Where onnxruntime optimises a file, it writes them into it whatever the opset of the file is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EARLY: Mapping[str, int] = {"LayerNormalization": 17}
"""By operator, the opset in which ONNX took it up, in the form that it had in onnxruntime before."""

OWN = frozenset({"SimplifiedLayerNormalization"})
"""Operators that ONNX never took up under this name."""
