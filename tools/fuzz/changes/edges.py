"""What nodes read: inputs dropped, swapped, doubled, taken from elsewhere; values renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changes import STRANGE, kind, pick

if TYPE_CHECKING:
    import numpy as np
    import onnx


def _reader(model: onnx.ModelProto, rng: np.random.Generator, least: int = 1) -> onnx.NodeProto | None:
    """Return a node with so many inputs; None where there is none."""
    found = [node for node in model.graph.node if len(node.input) >= least]
    return pick(rng, found) if found else None


def _values(model: onnx.ModelProto) -> list[str]:
    """Return the names of all values of the graph, and one that there is not."""
    graph = model.graph
    made = [name for node in graph.node for name in node.output if name]
    return [*(each.name for each in graph.input), *(each.name for each in graph.initializer), *made, "nowhere"]


@kind
def missing(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop an input of a node, or leave it empty."""
    if (node := _reader(model, rng)) is None:
        return False
    i = int(rng.integers(len(node.input)))
    if rng.random() < 0.5:
        node.input[i] = ""
    else:
        del node.input[i]
    return True


@kind
def swapped(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Swap two inputs of a node."""
    if (node := _reader(model, rng, 2)) is None:
        return False
    i, j = rng.permutation(len(node.input))[:2]
    node.input[i], node.input[j] = node.input[j], node.input[i]
    return True


@kind
def doubled(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give a node an input once more, behind the others or in another's place."""
    if (node := _reader(model, rng)) is None:
        return False
    again = pick(rng, node.input)
    if rng.random() < 0.5 and len(node.input) > 1:
        node.input[int(rng.integers(len(node.input)))] = again
    else:
        node.input.append(again)
    return True


@kind
def elsewhere(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Let a node read another value of the graph."""
    if (node := _reader(model, rng)) is None:
        return False
    node.input[int(rng.integers(len(node.input)))] = pick(rng, _values(model))
    return True


@kind
def same_name(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give one value the name of another one, where it is made or wherever it stands."""
    a, b = pick(rng, _values(model)), pick(rng, _values(model))
    if rng.random() < 0.5:
        _renamed(model, a, b)
    else:
        for node in model.graph.node:
            for i, name in enumerate(node.output):
                if name == a:
                    node.output[i] = b
    return a != b


@kind
def strange_name(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give a value a strange name wherever it stands."""
    _renamed(model, pick(rng, _values(model)), pick(rng, STRANGE))
    return True


def _renamed(model: onnx.ModelProto, old: str, new: str) -> None:
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        if value.name == old:
            value.name = new
