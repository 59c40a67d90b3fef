"""Activations that an exporter wrote as several nodes become one node each. σ is the sigmoid.

Gelu       x/2 (1 + erf(x/√2))
Gelu tanh  x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
Swish      x σ(αx); SiLU has α = 1
HardSwish  x clip(x + 3, 0, 6) / 6 = x clip(x/6 + 1/2, 0, 1) = x HardSigmoid(x; 1/6, 1/2)
Mish       x tanh(softplus(x))
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from onnxplain.passes.pattern import Number, Pattern, Value, call, fuse, match

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.passes.edit import Editor

_x = Value("x")
_cubic = _x + 0.044715 * _x * _x * _x | _x * (1 + 0.044715 * _x * _x)
_slope = math.sqrt(2 / math.pi)
_inner = _slope * _cubic | _slope * _x * (1 + 0.044715 * _x * _x)
_gate = call("HardSigmoid", _x, alpha=1 / 6, beta=0.5) | call("Clip", _x * (1 / 6) + 0.5, 0, 1)

FORMULAS: tuple[tuple[str, dict[str, Any], Pattern], ...] = (
    ("Gelu", {}, 0.5 * _x * (1 + call("Erf", math.sqrt(0.5) * _x))),
    ("Gelu", {"approximate": "tanh"}, 0.5 * _x * (1 + call("Tanh", _inner))),
    ("Swish", {}, _x * call("Sigmoid", Number("alpha") * _x)),
    ("HardSwish", {}, _x * _gate | _x * call("Clip", _x + 3, 0, 6) * (1 / 6)),
    ("Mish", {}, _x * call("Tanh", call("Softplus", _x))),
)
"""Operator, attributes, and the formula that they replace. A named number of the formula is an attribute too."""


def fuse_activations(graph: gs.Graph) -> int:
    """Replace each activation that is written out by one node; return how many were replaced."""
    return fuse(graph, _fuse)


def _fuse(edit: Editor, node: gs.Node) -> bool:
    if node.op != "Mul":
        return False
    (output,) = node.outputs
    for op, attrs, formula in FORMULAS:
        for found in match(formula, output):
            numbers = {name: value for name, value in found.items() if name != "x"}
            edit.add(op, [found["x"]], node.name or op, output=output, **attrs, **numbers)
            return True
    return False
