"""Small networks that are grown at random from the pieces of pieces.txt, in any opset from 7 to 24."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from lower import lowered
from onnx import TensorProto, helper, numpy_helper, parser

if TYPE_CHECKING:
    from collections.abc import Iterator

OPSETS = range(7, 25)
SHAPES = {2: (6,), 3: (4, 3), 4: (2, 6, 5)}
"""Rank -> sizes of the input's axes behind the batch."""

LAST = {"Upsample": 9}
"""Operator -> the last opset that has it."""

_CALL = re.compile(r"\b([WPSIFiuBbJ])\(([^()]*)\)")


@cache
def pieces() -> list[tuple[str, str]]:
    """Return the rank or "any" and the text of each piece."""
    lines = (Path(__file__).parent / "pieces.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("  ", 1)) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


class Sprout:
    """A network that grows: its nodes and weights, and the value at its end."""

    def __init__(self, rng: np.random.Generator, batch: int | str, opset: int) -> None:
        self.rng, self.opset = rng, opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []
        rank = int(rng.choice([2, 3, 4, 4]))
        self.given = (batch, *SHAPES[rank])
        self.end, self.shape = "x", self.given

    def grow(self, text: str, *, same: bool = False) -> bool:
        """Add a piece; return whether its operators exist in this opset, and whether its shape is known.

        same: whether it has the shape of what it reads, which inference does not always tell.
        """
        kept = len(self.nodes), len(self.weights)
        number = len(self.nodes)
        try:
            nodes = list(self._nodes(text, number))
            exists = all(_first_versions()[node.op_type] <= self.opset <= LAST.get(node.op_type, 24) for node in nodes)
            self.nodes.extend(nodes)
            end = nodes[-1].output[-1 if nodes[-1].op_type == "RNN" else 0]
            shape = None if not exists else self.shape if same else self._shape_of(end)
        except (parser.ParseError, IndexError, onnx.shape_inference.InferenceError, onnx.checker.ValidationError):
            shape = None
        if shape is None:
            del self.nodes[kept[0] :], self.weights[kept[1] :]
            return False
        self.end, self.shape = end, shape
        return True

    def model(self) -> onnx.ModelProto:
        """Return the network as a model in its opset."""
        model = self._newest(self.end, self.shape)
        lowered(model, self.opset)
        return model

    def _newest(self, end: str, shape: tuple[Any, ...] | None) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.given)]
        outputs = [helper.make_tensor_value_info(end, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self.nodes, "grown", inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=8)

    def _shape_of(self, name: str) -> tuple[Any, ...] | None:
        """Return the inferred shape of a float value; None where one of its sizes but the first is unknown."""
        model = self._newest(name, None)
        if self.end != "x":
            known = helper.make_tensor_value_info(self.end, TensorProto.FLOAT, self.shape)
            model.graph.value_info.append(known)
        for each in model.opset_import:  # Upsample has no newest form
            each.version = 9 if any(node.op_type == "Upsample" for node in self.nodes) else 24
        kind = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output[0].type.tensor_type
        sizes = [dim.dim_value or dim.dim_param or None for dim in kind.shape.dim]
        if not sizes or not all(isinstance(size, int) and size for size in sizes[1:]):
            return None
        return (sizes[0] or "N", *sizes[1:])

    def _nodes(self, text: str, number: int) -> Iterator[onnx.NodeProto]:
        """Yield the nodes of a piece, with its local names made unique and its weights drawn."""
        sizes = {str(axis): size for axis, size in enumerate(self.shape)}
        text = re.sub(r"\{(\d)\}", lambda found: str(sizes.get(found[1], 1)), text)
        text = _CALL.sub(lambda found: self._weight(found[1], found[2]), text)
        for statement in filter(None, (each.strip() for each in text.split(";"))):
            named = re.sub(r"\b([a-z])\b(?!\s*[=(]\s*\[?[\"\d])", lambda found: self._name(found[1], number), statement)
            yield parser.parse_node(named)

    def _name(self, letter: str, number: int) -> str:
        return self.end if letter == "x" else f"{letter}_{number}"

    def _weight(self, kind: str, text: str) -> str:
        """Draw a weight and return its name."""
        parts = [each.strip() for each in text.split(",")]
        sizes = [int(each) if each.isdigit() else 2 for each in parts] if kind in "WPJ" else []
        made = {
            "W": lambda: self.rng.normal(size=sizes).astype("f") / np.sqrt(max(1, np.prod(sizes[1:]))).astype("f"),
            "P": lambda: self.rng.uniform(0.5, 1.5, sizes).astype("f"),
            "J": lambda: self.rng.integers(0, 2, sizes),
            "S": lambda: np.array(float(parts[0]), "f"),
            "F": lambda: np.array([float(each) for each in parts], "f"),
            "I": lambda: np.array([int(each) if each.lstrip("-").isdigit() else 2 for each in parts], np.int64),
            "i": lambda: np.array(int(parts[0]), np.int64),
            "u": lambda: np.array(int(parts[0]), np.uint8),
            "B": lambda: np.array(bool(int(parts[0]))),
            "b": lambda: np.array([bool(int(each)) for each in parts]),
        }[kind]()
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(made), name))
        return name


@cache
def _first_versions() -> dict[str, int]:
    """Return the first version of each operator of ONNX."""
    found: dict[str, int] = {}
    for each in onnx.defs.get_all_schemas_with_history():
        if not each.domain:
            found[each.name] = min(each.since_version, found.get(each.name, each.since_version))
    return found


def grown(rng: np.random.Generator) -> onnx.ModelProto:
    """Return a random network of one to five pieces, which ends in scores [N, C] most of the time."""
    opset = int(rng.choice(OPSETS))
    sprout = Sprout(rng, "N" if rng.random() < 0.7 else 2, opset)
    for _ in range(int(rng.integers(1, 6))):
        add(sprout)
    if rng.random() < 0.85:
        if len(sprout.shape) > 2:
            sprout.grow("y = Flatten(x)")
        sprout.grow("y = Gemm(x, W({1},3), W(3))")
    if rng.random() < 0.4:
        sprout.grow(str(rng.choice(["y = Softmax<axis = 1>(x)", "y = Sigmoid(x)", "y = LogSoftmax<axis = 1>(x)"])))
    if not sprout.nodes:
        sprout.grow("y = Relu(x)")
    return sprout.model()


def add(sprout: Sprout) -> bool:
    """Add a random piece that fits; return whether one was found within a few draws."""
    every = pieces()
    for _ in range(6):
        rank, text = every[int(sprout.rng.integers(len(every)))]
        if rank.strip("=") in ("any", str(len(sprout.shape))) and sprout.grow(text, same="=" in rank):
            return True
    return False
