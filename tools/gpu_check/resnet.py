"""A ResNet-50 with its BatchNorms folded and random weights, without a training framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width of the 3x3 convolutions, and number of blocks."""
GROWTH, CLASSES, SIZE = 4, 1000, 224


@dataclass(frozen=True)
class Layer:
    """A square convolution: input channels, output channels, kernel, stride, and side of its input."""

    c: int
    m: int
    kernel: int
    stride: int
    size: int

    @property
    def out(self) -> int:
        """Side of its output, with pads of half the kernel."""
        return -(-self.size // self.stride)


def convolutions() -> Iterator[tuple[str, Layer]]:
    """All 53, by name."""
    yield "stem", Layer(3, 64, 7, 2, SIZE)
    channels, size = 64, SIZE // 4
    for i, (width, blocks) in enumerate(STAGES):
        for j in range(blocks):
            stride = 2 if i and not j else 1
            yield f"{i}.{j}.a", Layer(channels, width, 1, 1, size)
            yield f"{i}.{j}.b", Layer(width, width, 3, stride, size)
            yield f"{i}.{j}.c", Layer(width, GROWTH * width, 1, 1, size // stride)
            if not j:
                yield f"{i}.{j}.shortcut", Layer(channels, GROWTH * width, 1, stride, size)
            channels, size = GROWTH * width, size // stride


def resnet50() -> onnx.ModelProto:
    """The network as ONNX, with a free number of rows."""
    rng, nodes, weights = np.random.default_rng(0), [], []

    def node(op: str, inputs: str, output: str, **attrs: Any) -> str:
        nodes.append(helper.make_node(op, inputs.split(), [output], name=output, **attrs))
        return output

    def weight(name: str, *shape: int) -> str:
        drawn = rng.normal(size=shape) * np.sqrt(1.5 / max(np.prod(shape[1:]), 64))
        weights.append(numpy_helper.from_array(drawn.astype("f"), name))
        return name

    def conv(x: str, name: str) -> str:
        layer = layers[name]
        parts = weight(f"{name}.w", layer.m, layer.c, layer.kernel, layer.kernel), weight(f"{name}.bias", layer.m)
        pads, strides = [layer.kernel // 2] * 4, [layer.stride] * 2
        return node("Conv", f"{x} {parts[0]} {parts[1]}", name, pads=pads, strides=strides)

    layers = dict(convolutions())
    x = node("Relu", conv("input", "stem"), "stem.relu")
    x = node("MaxPool", x, "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for block in (name.removesuffix(".a") for name in layers if name.endswith(".a")):
        inner = node("Relu", conv(x, f"{block}.a"), f"{block}.a.relu")
        inner = node("Relu", conv(inner, f"{block}.b"), f"{block}.b.relu")
        skip = conv(x, f"{block}.shortcut") if f"{block}.shortcut" in layers else x
        x = node("Relu", node("Add", f"{conv(inner, f'{block}.c')} {skip}", f"{block}.sum"), f"{block}.relu")
    x = node("Flatten", node("GlobalAveragePool", x, "mean"), "flat")
    node(
        "Gemm",
        f"{x} {weight('fc.w', CLASSES, GROWTH * STAGES[-1][0])} {weight('fc.bias', CLASSES)}",
        "logits",
        transB=1,
    )
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])
        for name, shape in (("input", (3, SIZE, SIZE)), ("logits", (CLASSES,)))
    ]
    graph = helper.make_graph(nodes, "resnet50", values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
