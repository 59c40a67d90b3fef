"""Operators that ONNX has too, sometimes under another name or with inputs of another type, and the distances of CDist.

CDist    C[i, j] = Σ (A[i] - B[j])², or the root of it
"""

from __future__ import annotations

from onnxplain.passes.contrib.form import CannotError, Fused, integers, standard

_MODES = {"bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"}


@standard("Trilu", "X k -> Y", upper=1)
def _trilu(n: Fused) -> str:
    return f"Y = Trilu {n.passed('upper')} ({'X, k' if 'k' in n else 'X'})"


@standard("GridSample", "X Grid -> Y", mode="bilinear", padding_mode="zeros", align_corners=0)
def _grid_sample(n: Fused) -> str:
    mode = _MODES.get(n["mode"])
    if mode is None:
        raise CannotError(f"its mode {n['mode']!r} is not known")
    return f'Y = GridSample <mode = "{mode}", {n.passed("padding_mode", "align_corners")[1:]} (X, Grid)'


@standard("Pad", "data pads value -> output", mode="constant")
def _pad(n: Fused) -> str:
    """Return the form; the pads may be a matrix of one row."""
    return f"""{integers("Flat", -1)}
        Pads = Reshape (pads, Flat)
        output = Pad {n.passed("mode")} (data, Pads{", value" if "value" in n else ""})"""


@standard("GatherND", "data indices -> output")
def _gather(_n: Fused) -> str:
    return """
        Indices = Cast <to: int = 7> (indices)
        output = GatherND (data, Indices)"""


@standard("ExpandDims", "X axis -> Y")
def _expand_dims(_n: Fused) -> str:
    return f"""{integers("Flat", -1)}
        Axis = Cast <to: int = 7> (axis)
        Axes = Reshape (Axis, Flat)
        Y = Unsqueeze (X, Axes)"""


@standard("CDist", "A B -> C", metric="sqeuclidean")
def _distances(n: Fused) -> str:
    if n["metric"] not in ("sqeuclidean", "euclidean"):
        raise CannotError(f"its metric {n['metric']!r} is not known")
    return f"""{integers("One", 1)}{integers("None", 0)}{integers("Last", -1)}
        Rows = Unsqueeze (A, One)
        Columns = Unsqueeze (B, None)
        Apart = Sub (Rows, Columns)
        Squares = Mul (Apart, Apart)
        Distance = ReduceSum <keepdims: int = 0> (Squares, Last)
        C = {"Sqrt" if n["metric"] == "euclidean" else "Identity"} (Distance)"""
