"""What is imputed where a function is NaN is walked without the slope that the function has there, which is NaN too.

    Where(IsNaN(f(x)), c, f(x))        Where(m, c, f(Where(m, s, x))), with m = IsNaN(f(x))

Both compute the same. Where f is NaN, Where sends back a message of 0, and 0 times NaN would be NaN. In the second form
f is computed there of a number s at which it is finite. f is any chain of nodes that work element by element on x and
constants, such as the power transform of scikit-learn, which is written as two functions, one for each sign of x.

In f, x / x becomes 1 and x - x becomes 0, where the output of Where is the same at 0, ±inf and NaN: at all other floats
they are 1 and 0 anyway. The power transform is written so, and f has the right slope at 0 then, where x / x has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.runtime import open_session
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.ops.elements import by_element
from onnxplain.passes.edit import Editor, is_onnx, producer, rewrite, values_of
from onnxplain.passes.export import detach_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.arrays import Array

_MOST = 64
"""Nodes that f has at most."""

_TRIED = (0.5, 1.0, -0.5, 2.0, 0.1, -2.0, 10.0)
"""Numbers of which the first at which f is finite is s."""

_EDGES = (0.0, -0.0, np.inf, -np.inf, np.nan)
"""All floats at which x / x is not 1, or x - x is not 0."""


def imputed(graph: gs.Graph) -> int:
    """Rewrite what is imputed where a function is NaN; return how many places were rewritten."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    missing = producer(node.inputs[0], "IsNaN") if is_onnx(node, "Where") else None
    if missing is None or values_of(node.inputs[1]) is None or missing.inputs[0] is not node.inputs[2]:
        return False
    value, (chain, source) = node.inputs[2], _function(node.inputs[2])
    if source is None or not chain or not _alike(source, value):
        return False
    simple = _without_selves(edit, chain, source, values_of(node.inputs[1]))
    run = _runner(edit, simple, source)
    safe = next((number for number in _TRIED if np.isfinite(run(number)).all()), None)
    if safe is None:
        return False
    mask = node.inputs[0]
    if simple is not chain:
        edit.new += simple
        mask = edit.add("IsNaN", [simple[-1].outputs[0]], f"{node.name}/missing")
        mask.dtype, mask.shape = np.dtype(bool), value.shape
    number = edit.constant(np.float32(safe), f"{node.name}/instead")
    known = edit.add("Where", [mask, number, source], f"{node.name}/known", like=source)
    known.shape = source.shape
    again = _copied(edit, simple, {id(source): known})
    edit.new += again
    node.inputs[0], node.inputs[2] = mask, again[-1].outputs[0]
    return True


def _function(value: gs.Tensor) -> tuple[list[gs.Node], gs.Tensor | None]:
    """Return the nodes that compute `value` of one other value, element by element and in order, and that value.

    It is None where there are several such values, or too many nodes. What is divided by itself, or subtracted from
    itself, is taken for that value.
    """
    chain: dict[int, gs.Node] = {}
    sources: dict[int, gs.Tensor] = {}

    def visit(each: gs.Tensor) -> None:
        maker = producer(each)
        if id(maker) in chain or isinstance(each, gs.Constant) or len(chain) > _MOST:
            return
        if maker is None or not is_onnx(maker, maker.op) or not by_element(maker) or any(map(_is_self, each.outputs)):
            sources[id(each)] = each
            return
        for given in maker.inputs:
            visit(given)
        chain[id(maker)] = maker

    visit(value)
    one = len(sources) == 1 and len(chain) <= _MOST
    return list(chain.values()), next(iter(sources.values())) if one else None


def _is_self(node: gs.Node) -> bool:
    return is_onnx(node, "Div", "Sub") and node.inputs[0] is node.inputs[1]


def _alike(source: gs.Tensor, value: gs.Tensor) -> bool:
    """Whether two values of floats have the same shape, apart from what is not known of it."""
    if numpy_dtype(source) != np.float32 or source.shape is None or value.shape is None:
        return False
    pairs = zip(source.shape, value.shape, strict=False)
    same = all(a == b or not (isinstance(a, int) or isinstance(b, int)) for a, b in pairs)
    return len(source.shape) == len(value.shape) and same


def _without_selves(edit: Editor, chain: list[gs.Node], source: gs.Tensor, given: Any) -> list[gs.Node]:
    """Return nodes that compute the same of `source` with 1 for x / x and 0 for x - x; the chain itself if they do not.

    given: what is imputed where the result is NaN.
    """
    selves = {id(n.outputs[0]): edit.constant(np.float32(n.op == "Div"), n.name) for n in chain if _is_self(n)}
    if not selves:
        return chain
    simple = _copied(edit, chain, selves)
    before, after = _runner(edit, chain, source), _runner(edit, simple, source)
    for edge in _EDGES:
        a, b = (np.where(np.isnan(y), given, y) for y in (before(edge), after(edge)))
        if not np.array_equal(a, b, equal_nan=True):
            return chain
    return simple


def _copied(edit: Editor, chain: Sequence[gs.Node], by: Mapping[int, gs.Tensor]) -> list[gs.Node]:
    """Return copies of nodes. `by` gives, by their ids, values in whose place others are read, or none are computed."""
    now, copies = dict(by), []
    for node in chain:
        old = node.outputs[0]
        if id(old) not in now:
            new = gs.Variable(edit.fresh(old.name), old.dtype, old.shape)
            inputs = [now.get(id(value), value) for value in node.inputs]
            copies.append(gs.Node(node.op, edit.fresh(node.name), dict(node.attrs), inputs, [new]))
            now[id(old)] = new
    return copies


def _runner(edit: Editor, chain: Sequence[gs.Node], source: gs.Tensor) -> Callable[[float], Array]:
    """Return what computes the last of the nodes, where all elements of `source` are one number."""
    x = gs.Variable(
        edit.fresh("x"), np.dtype(np.float32), [n if isinstance(n, int) and n > 0 else 1 for n in source.shape or ()]
    )
    nodes = _copied(edit, chain, {id(source): x})
    like = {name: getattr(edit.graph, name) for name in ("opset", "import_domains", "ir_version")}
    graph = gs.Graph(nodes, [x], nodes[-1].outputs, **like)
    session = open_session(*detach_weights(graph))

    def run(number: float) -> Array:
        return np.asarray(session.run(None, {x.name: np.full(x.shape, number, np.float32)})[0])

    return run
