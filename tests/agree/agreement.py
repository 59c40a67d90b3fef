"""The engine onnxruntime agrees with the float64 reference, or the test says at which node and why it cannot."""

from __future__ import annotations

import numpy as np
from agree.blame import culprits
from agree.ways import apart, walking

from onnxplain.engines.eager import EagerEngine
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.method.registry import METHODS

CLOSE = 1e-5
"""In units of the largest |value|."""

STABILISED = 1e-4
"""The same for methods with a stabiliser, which divide by numbers near 0."""

ROUNDING = 2.0**-14
"""What float32 may do to a value of a forward, in units of its largest |element|: deep networks reach half of it."""

FEW = {"steps": 4, "samples": 4}
"""Parameters that say how often a method walks."""


def parameters(method):
    """Those that every network can bear: wide bounds of the input, gates also on smooth activations, few samples."""
    offered = {"low": -300.0, "high": 300.0, "force": True} | FEW
    return {name: value for name, value in offered.items() if name in METHODS[method].parameters}


def check(ways, method, names=None):
    """Compare the three ways; `names`: node -> kind of decision, the nodes that may make an outlier.

    Over the same float32 forward the compiled walk and the exact one agree. Over the float64 forward they agree as
    well, or each node that parts them decides otherwise, and nothing but those decisions differs.
    """
    given = parameters(method)
    compiled = ways.compiled(method, **given).attribution
    walked = apart(compiled, ways.over("float32", method, **given).attribution)
    assert walked < CLOSE or walked < 10 * stored(ways, method, given), f"the walks differ by {walked:.1e}"
    differs = apart(compiled, ways.over("float64", method, **given).attribution)
    if differs < (STABILISED if "eps" in given or "eps" in METHODS[method].parameters else CLOSE):
        return
    found = culprits(ways, method, CLOSE, **given)
    assert found or walked >= CLOSE, f"the forwards are explained {differs:.1e} apart, and no node parts them"
    for each in found:
        # a rule that decides nothing moves by no more than what it reads
        assert each.units or each.moved < each.rounding, each
        assert each.rest < 2 * CLOSE and each.rounding < ROUNDING, each
    if found:
        worst = max(found, key=lambda each: each.moved)
        assert (names or {}).get(worst.node) in worst.units, f"an outlier of {differs:.1e} that is not named: {worst}"


class Stored(NumpyNamespace):
    """Float64 arithmetic, but every message is kept in float32."""

    def unbroadcast(self, g, like):
        return super().unbroadcast(g, like).astype(np.float32).astype(np.float64)


def stored(ways, method, given):
    """How far float32 messages alone move the result: what cancels on the way is lost, whatever the engine."""
    explainer = ways.explainer("float32", method, **given)
    procedure = walking(explainer)
    if procedure is None:
        return 0.0
    procedure.engine.inner = EagerEngine(procedure.canonical, Stored("float64"), procedure.engine.inner.forward)
    rounded = explainer(ways.x, ways.target).attribution
    return apart(rounded, ways.over("float32", method, **given).attribution)
