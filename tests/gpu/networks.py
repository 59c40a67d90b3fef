"""A small ResNet and a small DenseNet: strides, shortcuts, concatenations, and enough channels for every kernel."""

from __future__ import annotations

import numpy as np
from nets import network, node

ROWS, CLASSES = 2, 5


class Layers:
    """Nodes and weights, layer by layer."""

    def __init__(self):
        self.nodes, self.weights, self._rng = [], {}, np.random.default_rng(1)

    def add(self, op, inputs, **attrs):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(node(op, inputs, name, **attrs))
        return name

    def draw(self, *shape):
        name = f"w{len(self.weights)}"
        self.weights[name] = (self._rng.normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 4))).astype("f")
        return name

    def conv(self, x, c, m, kernel, group=1, **attrs):
        pads = [kernel // 2] * 4
        return self.add(
            "Conv", f"{x} {self.draw(m, c // group, kernel, kernel)} {self.draw(m)}", pads=pads, group=group, **attrs
        )

    def relu(self, x):
        return self.add("Relu", x)

    def head(self, x, c):
        pooled = self.add("Flatten", self.add("GlobalAveragePool", x))
        return self.add("Gemm", f"{pooled} {self.draw(CLASSES, c)} {self.draw(CLASSES)}", transB=1)

    def network(self, output, shape):
        x = self._rng.normal(size=(ROWS, *shape)).astype("f")
        return network(self.nodes, x.shape, self.weights, output), x


def resnet():
    """A 7x7 stem, an overlapping pool, and two residual blocks, the second with a strided 1x1 shortcut."""
    n = Layers()
    stem = n.add(
        "MaxPool", n.relu(n.conv("x", 3, 16, 7, strides=[2, 2])), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
    )
    first = n.relu(n.add("Add", f"{n.conv(n.relu(n.conv(stem, 16, 16, 3)), 16, 16, 3)} {stem}"))
    narrow = n.relu(n.conv(n.relu(n.conv(first, 16, 8, 1)), 8, 8, 3, strides=[2, 2]))
    second = n.add("Add", f"{n.conv(narrow, 8, 24, 1)} {n.conv(first, 16, 24, 1, strides=[2, 2])}")
    return n.network(n.head(n.relu(second), 24), (3, 18, 15))


def densenet():
    """Concatenations that grow, a transition with an average pool, and a depthwise convolution."""
    n = Layers()
    x, channels = n.relu(n.conv("x", 3, 8, 3)), 8
    for _ in range(2):
        new = n.relu(n.conv(n.relu(n.conv(x, channels, 16, 1)), 16, 4, 3))
        x, channels = n.add("Concat", f"{x} {new}", axis=1), channels + 4
    x = n.add("AveragePool", n.conv(x, channels, 8, 1), kernel_shape=[2, 2], strides=[2, 2])
    return n.network(n.head(n.relu(n.conv(n.relu(x), 8, 8, 3, group=8)), 8), (3, 8, 9))
