"""What is at fault where a run fails or differs: an input, the file, or the graph that is made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.engines.forward import RuntimeForward
from onnxplain.errors import BadInputError, OnnxplainError, RuntimeRefusalError, UnsupportedModelError
from onnxplain.inputs.shape import static
from onnxplain.passes.difference import distance
from onnxplain.passes.edit import is_float
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.model import Model
    from onnxplain.passes.verify import Proof


def cause(model: Model, problem: RuntimeRefusalError, *feeds: Mapping[str, Array]) -> OnnxplainError:
    """Return the error to raise where a graph made of the file did not run on one of `feeds`.

    It is a BadInputError where the untouched file does not run on them either, and names the inputs that lead to the
    node that fails. Else the graph is at fault, which is an UnsupportedModelError.
    """
    for each in feeds:
        try:
            model.file.run(model.canonical.rows.of_file(each))
        except RuntimeRefusalError as plain:
            if plain.opened:
                return refused(model, model.canonical.rows.of_file(each), plain)
            return BadInputError(f"onnxruntime cannot run this model: {plain}")
    return UnsupportedModelError(
        f"onnxruntime runs the file on this input, but not the graph that explanations are made with: {problem}; "
        "please report it, with the file; another engine= may run it"
    )


def refused(model: Model, feeds: Mapping[str, Array], plain: RuntimeRefusalError) -> BadInputError:
    """Return the error for feeds that the file does not run on.

    Without its optimisations onnxruntime names the node as the file does.
    """
    try:
        model.file.run(feeds, optimised=False)
    except RuntimeRefusalError as exact:
        plain = exact
    names = _upstream(model.proto, str(plain)) & feeds.keys() or feeds.keys()
    given = ", ".join(f"{name!r} ({_about(value)})" for name, value in feeds.items() if name in names)
    said = f"the model does not run on its input {given}: onnxruntime says: {plain}"
    inputs = (value for value in model.canonical.graph.inputs if value.name in names)
    if any(static(size) is None for value in inputs for size in (value.shape or ())[1:]):
        said += "; the file leaves a length open there, which does not mean that it takes every length"
    return BadInputError(said)


def _about(value: Array) -> str:
    """Return type, shape and range of an array."""
    whole = value.dtype.kind in "iu" and value.size
    span = f", {value.min()} to {value.max()}" if whole else ""
    return f"{value.dtype} {list(value.shape)}{span}"


def _upstream(proto: onnx.ModelProto, said: str) -> set[str]:
    """Return the values that lead to the node which a message begins with, or to all nodes of its operator."""
    found = re.match(r"(\w+)(?: '(.*?)')?: ", said)
    if found is None:
        return set()
    op, name = found.groups()
    alike = [node for node in proto.graph.node if node.op_type == op]
    wanted = {each for node in alike if node.name == name or not name for each in node.input}
    for node in reversed(proto.graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
    return wanted


def first_difference(model: Model, proof: Proof, allowed: float) -> str:
    """Return where the canonical graph leaves the file: the first node whose value differs by more than rounding.

    Values that have the same name in both are compared, in the order of the graph, and nothing is optimised.
    allowed: the share of a value's largest element up to which a difference counts as rounding.
    """
    canonical, feeds = proof.canonical, proof.feeds
    made = {name for node in model.proto.graph.node for name in node.output}
    nodes = [(node, v) for node in canonical.graph.nodes for v in node.outputs if v.name in made and is_float(v)]
    names = sorted({value.name for _, value in nodes})
    try:
        ours = RuntimeForward(canonical.graph).run(canonical.rows.first(feeds), names)[0]
        theirs = model.file.run(feeds, names, optimised=False)
    except RuntimeRefusalError as problem:
        return f"the values within cannot be compared ({problem})"
    for node, value in nodes:
        if np.asarray(theirs[value.name]).dtype.kind in "iu":
            continue  # the integers that the file has for it
        a, b = (np.asarray(each[value.name]).astype(np.float64).ravel() for each in (ours, theirs))
        largest = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        apart = distance(a, b) if a.shape == b.shape else float("inf")
        if apart > allowed * largest:
            return (
                f"the first value that differs is {printable(value.name)!r}, of {node.op} (node "
                f"{printable(node.name)!r}), by {apart:.2g} of {largest:.3g}"
            )
    return "every value that both have is the same where onnxruntime optimises neither"
