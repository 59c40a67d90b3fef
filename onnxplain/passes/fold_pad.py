"""A Pad that adds constant zeros along spatial axes is folded into the Conv or AveragePool that reads its output.

    Pad -> Conv          folded into the attribute pads
    Pad -> AveragePool   folded into pads, with count_include_pad = 1. This is done only if the pool does not pad by
                         itself, has no ceil_mode (which counts the elements of the last windows differently), and if
                         the padding is smaller than the kernel, as runtimes require

MaxPool pads with -inf, so a Pad with zeros before a MaxPool has to stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def fold_pad(graph: gs.Graph) -> int:
    """Fold each Pad that a Conv or AveragePool can express; return how many were folded."""
    return rewrite(graph, _fold)


def _fold(_: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Conv", "AveragePool") or not node.inputs[0].inputs:
        return False
    pad = node.inputs[0].inputs[0]
    spatial = _spatial_rank(node)
    if spatial is None or not is_onnx(pad, "Pad") or node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return False
    extra = _zeros(pad, spatial + 2)
    own = node.attrs.get("pads") or [0] * 2 * spatial
    if extra is None or (node.op == "AveragePool" and not _counts_zeros(node, own, extra)):
        return False
    node.attrs.pop("auto_pad", None)
    node.attrs["pads"] = [x + y for x, y in zip(own, extra, strict=True)]
    if node.op == "AveragePool":
        node.attrs["count_include_pad"] = 1
    node.inputs[0] = pad.inputs[0]
    return True


def _spatial_rank(node: gs.Node) -> int | None:
    if node.op == "AveragePool":
        return len(node.attrs["kernel_shape"])
    return None if node.inputs[1].shape is None else len(node.inputs[1].shape) - 2


def _zeros(pad: gs.Node, rank: int) -> list[int] | None:
    """Return how many zeros a Pad adds before, then after each spatial axis, as the attribute `pads` lists them.

    None where the Pad does anything else. rank: number of axes of its input, batch and channels included.
    """
    inputs = zip(("pads", "value", "axes"), pad.inputs[1:], strict=False)
    given = {name: values_of(value) for name, value in inputs if not value.is_empty()}
    named = {name: values for name, values in given.items() if values is not None}
    if pad.attrs.get("mode", "constant") != "constant" or named.keys() < given.keys():
        return None
    if "value" in named and named["value"].any():
        return None
    amounts = named["pads"].tolist()
    axes = named["axes"].tolist() if "axes" in named else range(len(amounts) // 2)
    sides = [[0] * rank, [0] * rank]
    for i, axis in enumerate(axes):
        sides[0][axis], sides[1][axis] = amounts[i], amounts[i + len(axes)]
    if any(amount < 0 for amount in amounts) or any(each for side in sides for each in side[:2]):
        return None
    return sides[0][2:] + sides[1][2:]


def _counts_zeros(pool: gs.Node, own: list[int], extra: list[int]) -> bool:
    """Whether an AveragePool that itself pads by `own` can pad by `extra` in place of a Pad, and compute the same."""
    kernel = list(pool.attrs["kernel_shape"])
    small = all(amount < size for amount, size in zip(extra, kernel * 2, strict=True))
    return small and not any(own) and not pool.attrs.get("ceil_mode")
