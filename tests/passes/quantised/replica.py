"""A quantised file in PyTorch, whose own fake quantisation gives the gradient: a straight reading of the file.

Values are dequantised floats; each quantiser is `torch.fake_quantize_per_tensor_affine`, behind the ReLU that
onnxruntime's quantiser drops behind a weighted node and a sum where the range begins at 0. MaxPool chooses before it is
rounded. It is written from the definitions of ONNX and onnxruntime, and knows nothing of the package.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch", reason="the gradient is compared with PyTorch's fake quantisation")
F = torch.nn.functional

FLOATS = {
    "Conv": lambda a, x, w, b=None: F.conv2d(
        x, w, b, stride=a.get("strides", [1, 1]), padding=a.get("pads", [0, 0])[:2], groups=a.get("group", 1)
    ),
    "Relu": lambda _, x: x.relu(),
    "Cast": lambda _, x: x,
    "Reshape": lambda _, x, shape: x.reshape(shape.tolist()),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a["alpha"]),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Add": lambda _, x, y: x + y,
    "Mul": lambda _, x, y: x * y,
    "MatMul": lambda _, x, y: x @ y,
    "MaxPool": lambda a, x: max_pool(x, lambda z: F.max_pool2d(z, a["kernel_shape"], a["strides"])),
    "AveragePool": lambda a, x: F.avg_pool2d(x, a["kernel_shape"], a["strides"]),
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Flatten": lambda _, x: x.flatten(1),
    "Gemm": lambda a, x, w, b=0: a.get("alpha", 1.0) * (x @ (w.T if a.get("transB") else w)) + b,
}


RECTIFIED = ("Conv", "Add", "Gemm", "MatMul")


def fake(x, scale, zero, op):
    """The output x of an operator quantised and dequantised, with the gradient of the clip."""
    info = np.iinfo(zero.dtype)
    x = x.relu() if op in RECTIFIED and zero == info.min else x
    low, high = int(info.min), int(info.max)
    if info.max < 2**15:
        result = torch.fake_quantize_per_tensor_affine(x, float(scale.item()), int(zero.item()), low, high)
    else:
        q = x / float(scale.item()) + int(zero.item())
        clipped = q.clamp(low - 0.5, high + 0.5)
        result = (clipped + (q.round().clamp(low, high) - clipped).detach() - int(zero.item())) * float(scale.item())
    result.pooled = lambda pool: fake(pool(x), scale, zero, "MaxPool")
    return result


def max_pool(x, pool):
    """A pool of x which, where x was rounded, takes the largest value before it was."""
    return x.pooled(pool) if hasattr(x, "pooled") else pool(x)


def rounded(x):
    """x in 256 steps from its least to its largest element, 0 among them, with the gradient of x."""
    low, high = x.detach().min().clamp(max=0), x.detach().max().clamp(min=0)
    scale = (high - low) / 255
    zero = (-low / scale).round()
    q = (x.detach() / scale).round() + zero
    return x + ((q.clamp(0, 255) - zero) * scale - x).detach()


def real(q, scale, zero, axis):
    """What constant integers stand for."""
    shape = [-1 if i == axis else 1 for i in range(q.ndim)] if scale.size > 1 else [1] * q.ndim
    zero = np.asarray(zero).reshape(shape if np.size(zero) > 1 else [1] * q.ndim)
    return torch.tensor((q.astype(np.float64) - zero) * scale.reshape(shape))


def _group(known, node, i, axis=0):
    """The operand whose integers, scale and zero point are the inputs from i on."""
    value, scale, zero = (known[name] for name in node.input[i : i + 3])
    return value if isinstance(value, torch.Tensor) else real(value, scale, zero, axis)


def _quantised(known, node, a):
    """An operator on integers: its operands as floats, its scale and zero point, and its name in FLOATS."""
    op, n = node.op_type, len(node.input)
    if op == "QLinearConcat":
        return "Concat", [_group(known, node, i) for i in range(2, n, 3)], node.input[:2]
    if op in ("QLinearConv", "QLinearMatMul", "QGemm"):
        axis = {"QLinearConv": 0, "QLinearMatMul": -1, "QGemm": 0 if a.get("transB") else 1}[op]
        at = 6 if op == "QGemm" else 8
        weight = _group(known, node, 3, axis % known[node.input[3]].ndim)
        operands = [_group(known, node, 0), weight]
        if n > at and op != "QLinearMatMul" and node.input[at]:
            operands.append(
                torch.tensor(known[node.input[at]] * np.float64(known[node.input[1]]) * known[node.input[4]])
            )
        return (
            op.removeprefix("QLinear").removeprefix("Q"),
            operands,
            node.input[7:9] if op == "QGemm" else node.input[6:8],
        )
    count = 2 if op in ("QLinearAdd", "QLinearMul") else 1
    operands = [_group(known, node, 3 * i) for i in range(count)]
    return op.removeprefix("QLinear"), operands, node.input[3 * count : 3 * count + 2]


def gradient(model: onnx.ModelProto, x, target):
    """The gradient of the score `target` with respect to x, and the scores, both in float64."""
    known = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    start = known["x"] = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    makers = {node.output[0]: node.op_type for node in model.graph.node}
    for node in model.graph.node:
        a = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        given = [known[name] for name in node.input if name]
        if node.op_type == "QuantizeLinear":
            result = fake(given[0], given[1], given[2], makers.get(node.input[0]))
        elif node.op_type == "DynamicQuantizeLinear":  # its floats, as integers of scale 1
            known |= dict(zip(node.output[1:], torch.tensor([1.0, 0.0], dtype=torch.float64), strict=True))
            result = rounded(given[0])
        elif node.op_type in ("ConvInteger", "MatMulInteger"):
            weight = real(given[1], np.ones(1), known[node.input[3]], 0)
            result = FLOATS[node.op_type.removesuffix("Integer")](a, given[0], weight)
        elif node.op_type == "DequantizeLinear":
            result = given[0] if isinstance(given[0], torch.Tensor) else real(*given, a.get("axis", 1))
        elif node.op_type.startswith("Q"):
            op, operands, (scale, zero) = _quantised(known, node, a)
            result = fake(FLOATS[op](a, *operands), known[scale], known[zero], op)
        else:
            given = [each if isinstance(each, torch.Tensor) else torch.tensor(each) for each in given]
            result = FLOATS[node.op_type](a, *given)
        known[node.output[0]] = result
    scores = known[model.graph.output[0].name]
    (found,) = torch.autograd.grad(scores[:, target].sum(), start)
    return found.numpy(), scores.detach().numpy()
