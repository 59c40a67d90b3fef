"""The equations of one step of RNN, GRU and LSTM, as nodes.

With x the input of the step, h the last output, c the last state, W_k, R_k and b_k = Wb_k + Rb_k the weights and the
bias of a gate k, f, g and h the activations of the node, and ⊙ the product of elements, they compute:

    RNN   h' = f(W x + R h + b)
    GRU   z, r = f(W_k x + R_k h + b_k)
          n  = g(W_n x + R_n (r ⊙ h) + b_n), or with linear_before_reset g(W_n x + Wb_n + r ⊙ (R_n h + Rb_n))
          h' = (1 - z) ⊙ n + z ⊙ h
    LSTM  i, f = f(W_k x + R_k h + b_k + P_k ⊙ c), or with input_forget f = 1 - i
          c' = f ⊙ c + i ⊙ g(W_c x + R_c h + b_c)
          h' = f(W_o x + R_o h + b_o + P_o ⊙ c') ⊙ h(c')

Each gate is one Gemm of x and h side by side, so that a rule of relevance sees all that adds up in it at once. With a
`clip`, what f and g read is limited to it, and what h reads is not; parameters of activations that a node leaves out
have the defaults below. Both are as onnxruntime has them, where ONNX leaves it open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from onnxplain.arrays import Array
    from onnxplain.passes.edit import Editor

_PLAIN = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softsign": "Softsign", "softplus": "Softplus"}
"""Activations without parameters: the operator of each."""

_ONE = {"leakyrelu": ("LeakyRelu", 0.01), "thresholdedrelu": ("ThresholdedRelu", 0.0), "elu": ("Elu", 1.0)}
"""Activations with the parameter alpha: the operator, and the default."""

_TWO = {"hardsigmoid": (0.2, 0.5), "affine": (0.0, 0.0), "scaledtanh": (0.0, 0.0)}
"""Activations with alpha and beta: the defaults."""

ACTIVATIONS = frozenset({*_PLAIN, *_ONE, *_TWO})
"""The activations that ONNX allows, in small letters: their case does not count."""

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""How many gates a step of each operator has; their weights lie behind one another in W and R."""

DEFAULTS = {"RNN": ("tanh",), "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}
"""The activations of one direction."""

STATES = {"RNN": 1, "GRU": 1, "LSTM": 2}
"""How many states pass from step to step: the output, and the cell of an LSTM."""


class Body:
    """The nodes of the body of a Scan, with names that nothing else in the graph has."""

    def __init__(self, edit: Editor, stem: str) -> None:
        self.nodes: list[gs.Node] = []
        self._edit, self._stem = edit, stem

    def value(self, stem: str, dtype: Any = np.float32) -> gs.Variable:
        """Return a new value."""
        return gs.Variable(self._edit.fresh(f"{self._stem}/{stem}"), np.dtype(dtype))

    def constant(self, values: Any, stem: str) -> gs.Constant:
        """Return a new constant in float32."""
        return self._edit.constant(np.asarray(values, np.float32), f"{self._stem}/{stem}")

    def add(self, op: str, stem: str, *inputs: gs.Tensor, **attrs: Any) -> gs.Variable:
        """Add a node of one output, and return that."""
        output = self.value(stem)
        self.nodes.append(gs.Node(op, self._edit.fresh(f"{self._stem}/{stem}/{op}"), attrs, list(inputs), [output]))
        return output


@dataclass(frozen=True)
class Cell:
    """One direction of a node.

    w [gates H, I], r [gates H, H], b [2 gates H] or None, p [3 H] or None: its weights. activations: functions that add
    the nodes of each. clip: the limit, or None. before: whether `linear_before_reset` holds. coupled: whether
    `input_forget` does.
    """

    op: str
    w: Array
    r: Array
    b: Array | None
    p: Array | None
    activations: tuple[Callable[[Body, gs.Tensor, str], gs.Variable], ...]
    clip: float | None = None
    before: bool = False
    coupled: bool = False

    @property
    def hidden(self) -> int:
        """The number of elements of a state."""
        return int(self.r.shape[-1])

    def step(self, body: Body, x: gs.Variable, states: Sequence[gs.Variable]) -> list[gs.Variable]:
        """Add the nodes of one step, and return the new states."""
        if self.op == "LSTM":
            return self._lstm(body, x, *states)
        return self._gru(body, x, *states) if self.op == "GRU" else self._rnn(body, x, *states)

    def _rnn(self, body: Body, x: gs.Variable, h: gs.Variable) -> list[gs.Variable]:
        both = body.add("Concat", "x and h", x, h, axis=-1)
        return [self._activated(body, 0, self._gate(body, 0, both, "z"), "h'")]

    def _gru(self, body: Body, x: gs.Variable, h: gs.Variable) -> list[gs.Variable]:
        both = body.add("Concat", "x and h", x, h, axis=-1)
        z, r = (self._activated(body, 0, self._gate(body, k, both, name), name) for k, name in enumerate("zr"))
        if self.before:
            w, own, bias, other = self._parts(2)
            inner = body.add("Mul", "r h", r, self._linear(body, h, own, other, "R h"))
            n = body.add("Add", "n", self._linear(body, x, w, bias, "W x"), inner)
        else:
            reset = body.add("Concat", "x and r h", x, body.add("Mul", "r h", r, h), axis=-1)
            n = self._gate(body, 2, reset, "n")
        n = self._activated(body, 1, n, "n'")
        kept = body.add("Mul", "z h", z, h)
        return [body.add("Add", "h'", body.add("Mul", "(1 - z) n", self._rest(body, z), n), kept)]

    def _lstm(self, body: Body, x: gs.Variable, h: gs.Variable, c: gs.Variable) -> list[gs.Variable]:
        both = body.add("Concat", "x and h", x, h, axis=-1)
        i = self._activated(body, 0, self._peep(body, 0, self._gate(body, 0, both, "i"), c), "i'")
        forget = self._peep(body, 2, self._gate(body, 2, both, "f"), c) if not self.coupled else None
        f = self._rest(body, i) if forget is None else self._activated(body, 0, forget, "f'")
        g = self._activated(body, 1, self._gate(body, 3, both, "g"), "g'")
        new = body.add("Add", "c'", body.add("Mul", "f c", f, c), body.add("Mul", "i g", i, g))
        o = self._activated(body, 0, self._peep(body, 1, self._gate(body, 1, both, "o"), new), "o'")
        return [body.add("Mul", "h'", o, self.activations[2](body, new, "h(c')")), new]

    # --- parts --------------------------------------------------------------------------------------------------------

    def _parts(self, k: int) -> tuple[Array, Array, Array | None, Array | None]:
        """Return W, R, Wb and Rb of gate k."""
        n, gates = self.hidden, GATES[self.op]
        rows = slice(k * n, (k + 1) * n)
        biases = (None, None) if self.b is None else (self.b[rows], self.b[gates * n :][rows])
        return self.w[rows], self.r[rows], *biases

    def _gate(self, body: Body, k: int, both: gs.Variable, stem: str) -> gs.Variable:
        """Add what gate k makes of x and h side by side."""
        w, r, wb, rb = self._parts(k)
        return self._linear(body, both, np.concatenate([w, r], 1), None if wb is None or rb is None else wb + rb, stem)

    def _linear(self, body: Body, x: gs.Variable, w: Array, b: Array | None, stem: str) -> gs.Variable:
        given = [body.constant(np.ascontiguousarray(w.T), f"{stem}/weight")]
        given += [] if b is None else [body.constant(b, f"{stem}/bias")]
        return body.add("Gemm", stem, x, *given)

    def _peep(self, body: Body, k: int, z: gs.Variable, c: gs.Variable) -> gs.Variable:
        """Add P_k ⊙ c to z."""
        if self.p is None:
            return z
        p = body.constant(self.p[k * self.hidden : (k + 1) * self.hidden], "peephole")
        return body.add("Add", "with peephole", z, body.add("Mul", "peephole", c, p))

    def _rest(self, body: Body, gate: gs.Variable) -> gs.Variable:
        """Add 1 - gate."""
        return body.add(
            "Add", "rest", body.add("Mul", "negative", gate, body.constant(-1, "-1")), body.constant(1, "1")
        )

    def _activated(self, body: Body, which: int, z: gs.Variable, stem: str) -> gs.Variable:
        if self.clip is not None:
            limits = (body.constant(limit, f"limit of {stem}") for limit in (-self.clip, self.clip))
            z = body.add("Clip", f"{stem}/clipped", z, *limits)
        return self.activations[which](body, z, stem)


def activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float]
) -> list[Callable[[Body, gs.Tensor, str], gs.Variable]]:
    """Return functions that add the nodes of these activations; each takes the next alpha and beta that it needs."""
    first, second = iter(alphas), iter(betas)
    return [_activation(name, first, second) for name in names]


def _activation(
    name: str, alphas: Iterator[float], betas: Iterator[float]
) -> Callable[[Body, gs.Tensor, str], gs.Variable]:
    if name in _PLAIN:
        return lambda body, x, stem: body.add(_PLAIN[name], stem, x)
    if name in _ONE:
        op, default = _ONE[name]
        alone = next(alphas, default)
        return lambda body, x, stem: body.add(op, stem, x, alpha=alone)
    alpha, beta = (next(given, default) for given, default in zip((alphas, betas), _TWO[name], strict=True))
    if name == "hardsigmoid":
        return lambda body, x, stem: body.add("HardSigmoid", stem, x, alpha=alpha, beta=beta)

    def scaled(body: Body, x: gs.Tensor, factor: float, stem: str) -> gs.Variable:
        return body.add("Mul", stem, x, body.constant(factor, f"{stem}/factor"))

    if name == "affine":
        return lambda body, x, stem: body.add(
            "Add", stem, scaled(body, x, alpha, "scaled"), body.constant(beta, "beta")
        )
    return lambda body, x, stem: scaled(body, body.add("Tanh", "tanh", scaled(body, x, beta, "scaled")), alpha, stem)
