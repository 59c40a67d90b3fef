"""Normalisations that an exporter wrote as several nodes become LayerNormalization or RMSNormalization.

    LayerNormalization  d / √(mean(d²) + ε) · scale + bias  with d = x - mean(x),
                        x·s + (bias - mean(x)·s)            with s = scale / √(mean(d²) + ε)
    RMSNormalization    x / √(mean(x²) + ε) · scale

The mean is over the last axes. Scale and bias may be missing. The factor 1/√v may be written as 1/√v, as √(1/v) or as
the power v^(-1/2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.pattern import Number, Pattern, Product, Sum, Value, Weight, call, fuse, match

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.passes.edit import Editor


def _mean(value: Pattern) -> Pattern:
    return call("ReduceMean", value, Weight("axes"), keepdims=1)


def _inverse_root(mean_square: Pattern) -> Pattern:
    v = Number("epsilon") + mean_square
    root = call("Sqrt", v) | call("Pow", v, 0.5)
    return call("Reciprocal", root) | call("Sqrt", call("Reciprocal", v)) | call("Pow", v, -0.5)


_x, _scale, _bias = Value("x"), Weight("scale"), Weight("bias")
_deviation = _x - _mean(_x)
_inverse_deviation = _inverse_root(_mean(_deviation * _deviation))
_standard = _deviation * _inverse_deviation
_step = _inverse_deviation * _scale
_rms = _x * _inverse_root(_mean(_x * _x))

FORMULAS: tuple[tuple[str, Pattern], ...] = (
    ("LayerNormalization", _standard * _scale + _bias),
    # two nodes read the value `_step`, so it counts as one factor: see `pattern`
    ("LayerNormalization", Sum(0.0, (Product(1.0, (_step, _x)), Product(-1.0, (_mean(_x), _step)), _bias))),
    ("LayerNormalization", _standard * _scale),
    ("LayerNormalization", _standard),
    ("RMSNormalization", _rms * _scale),
    ("RMSNormalization", _rms),
)


def fuse_layernorm(graph: gs.Graph) -> int:
    """Replace each normalisation that is written out by one node; return how many were replaced."""
    return fuse(graph, _fuse)


def _fuse(edit: Editor, node: gs.Node) -> bool:
    if node.op not in ("Mul", "Add"):
        return False
    (output,) = node.outputs
    for op, formula in FORMULAS:
        for found in match(formula, output):
            over = _normalised(found["x"], found["axes"].values)
            weights = [_fit(found[name].values, over) for name in ("scale", "bias") if over and name in found]
            if not over or any(each is None for each in weights):
                continue
            stem = node.name or op
            constants = [edit.constant(each, f"{stem}_weight") for each in weights or [np.ones(over, np.float32)]]
            inputs = [found["x"], *constants]
            edit.add(op, inputs, stem, output=output, axis=-len(over), epsilon=found["epsilon"])
            return True
    return False


def _normalised(x: gs.Tensor, axes: Array) -> tuple[int, ...] | None:
    """Return the sizes of the axes over which x is normalised; None unless they are its last axes and of known size."""
    if x.shape is None:
        return None
    rank = len(x.shape)
    over = sorted(int(axis) % rank for axis in axes.ravel())
    sizes = tuple(size for size in (x.shape[axis] for axis in over) if isinstance(size, int))
    last = over == list(range(rank - len(over), rank))
    return sizes if over and last and len(sizes) == len(over) else None


def _fit(values: Array, over: tuple[int, ...]) -> Array | None:
    """Return a scale or bias as a float32 array of shape `over`; None where it varies along other axes than these."""
    lead = values.ndim - len(over)
    if lead > 0 and any(size != 1 for size in values.shape[:lead]):
        return None
    inner = values.reshape(values.shape[max(lead, 0) :])
    fits = all(size in (1, n) for size, n in zip(inner.shape[::-1], over[::-1], strict=False))
    return np.broadcast_to(inner, over).astype(np.float32) if fits else None
