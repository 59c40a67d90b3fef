"""One node, alone: bound, run by a runtime that no one here wrote, and stood on a site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime as ort
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, NotImplemented  # noqa: A004

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.ops import Family
from onnxplain.plan.bound import _bind, _Paths
from onnxplain.walk.site import Site
from onnxplain.walk.tape import Tape

OPSET = 24


@dataclass
class One:
    """A node with its inputs by position (None where one is missing), and which of them are active."""

    proto: onnx.NodeProto
    inputs: list
    active: tuple[int, ...] = (0,)
    opset: int = OPSET

    def __post_init__(self):
        feeds = {n: v for n, v in zip(self.proto.input, self.inputs, strict=True) if n}
        values = [helper.make_tensor_value_info(n, _type(v), v.shape) for n, v in feeds.items()]
        outputs = [onnx.ValueInfoProto(name=n) for n in self.proto.output if n]
        graph = helper.make_graph([self.proto], "one", values, outputs)
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)

    @property
    def names(self):
        return [self.proto.input[i] for i in self.active]

    def feeds(self, *xs):
        """Inputs by name, with `xs` in the place of the active ones."""
        given = dict(zip(self.active, xs, strict=False))
        return {n: given.get(i, v) for i, (n, v) in enumerate(zip(self.proto.input, self.inputs, strict=True)) if n}

    def reference(self, *xs):
        """All outputs by onnx.reference."""
        if not hasattr(self, "_evaluator"):
            self._evaluator = ReferenceEvaluator(self.model)
        return self._evaluator.run(None, self.feeds(*xs))

    def runtime(self, *xs):
        """First output by onnxruntime, which knows most ops in float32 only."""
        if not hasattr(self, "_session"):
            options = ort.SessionOptions()
            options.log_severity_level = 4
            self._session = ort.InferenceSession(
                self._narrow().SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._session.run(None, {n: narrow(v) for n, v in self.feeds(*xs).items()})

    def runtime_or_reference(self):
        """Outputs by onnxruntime, or by the reference where it has no kernel."""
        try:
            return self.runtime()
        except (Fail, NotImplemented):
            return self.reference()

    def _narrow(self):
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for value, array in zip(model.graph.input, self.feeds().values(), strict=True):
            value.type.tensor_type.elem_type = _type(narrow(array))
        return model

    def bound(self, problems=None):
        """The node as the walk sees it: inactive inputs are constants."""
        inputs = [
            gs.Variable(n, v.dtype, v.shape) if i in self.active else gs.Constant(n, v) if n else gs.Variable.empty()
            for i, (n, v) in enumerate(zip(self.proto.input, self.inputs, strict=True))
        ]
        outputs = [gs.Variable(n) for n in self.proto.output]
        attrs = {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}
        attrs = {n: v.decode() if isinstance(v, bytes) else v for n, v in attrs.items()}
        node = gs.Node(self.proto.op_type, "one", attrs, inputs, outputs)
        found = [] if problems is None else problems
        bound = _bind(node, _Paths(self.opset, set(self.names), {self.proto.output[0]}), found)
        assert problems is not None or not found, found
        return bound

    def site(self, y, *xs, dtype="float64"):
        """The node on a tape of `xs` and `y`."""
        feeds = self.feeds(*xs)
        constants = {n: v for n, v in feeds.items() if n not in self.names}
        values = {n: v for n, v in feeds.items() if n in self.names} | {self.proto.output[0]: np.asarray(y)}
        bound = self.bound()
        if bound.op.beside:
            values |= zip(self.proto.output[1:], self.reference(*xs)[1:], strict=True)
        return Site(NumpyNamespace(dtype), bound, Tape(values, constants))


def one(op, *inputs, active=(0,), outputs=1, opset=OPSET, **attrs):
    """`One` from an op, its inputs and attributes."""
    names = [f"i{i}" if v is not None else "" for i, v in enumerate(inputs)]
    node = helper.make_node(op, names, [f"o{i}" for i in range(outputs)], **attrs)
    return One(node, [None if v is None else np.asarray(v) for v in inputs], active, opset)


def backward(site, g):
    """The gradient that the op's own facts give, a tuple: one per operand, summed to the operand's shape."""
    node, xp = site.node, site.xp
    answer = {
        Family.AFFINE: lambda: site.adjoint(g, site.w),
        Family.SHAPE: lambda: site.adjoint(g),
        Family.SUM: lambda: site.adjoints(g),
        Family.BILINEAR: lambda: site.adjoints(g, *site.xs),
        Family.ELEMENTWISE: lambda: g * site.slope,
        Family.SELECT: lambda: site.place(g, site.winners),
        Family.NORMALISE: lambda: site.vjp(g),
    }[node.family]()
    answers = answer if isinstance(answer, tuple) else (answer,)
    return tuple(xp.unbroadcast(a, site.like(i)) for a, i in zip(answers, node.operands, strict=True))


def slopes(f, g, x, step=1e-5):
    """Central differences of sum(g f(x)) in float64: the derivative, and how far its two sides differ."""
    derivative, kink = np.zeros(x.shape), np.zeros(x.shape)
    here = (g * f(x)).sum()
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] = x[i] + step
        after = (g * f(moved)).sum()
        moved[i] = x[i] - step
        before = (g * f(moved)).sum()
        derivative[i] = (after - before) / (2 * step)
        kink[i] = abs(after - 2 * here + before) / step
    return derivative, kink


def narrow(value):
    """The array in float32 where it is a float64."""
    return value.astype(np.float32) if value.dtype == np.float64 else value


def _type(value):
    return helper.np_dtype_to_tensor_dtype(value.dtype)


def check_transpose(node, forward=None, seed=0):
    """<A x, g> = <x, Aᵀ g> over all active inputs, with A x = y(x) - y(0) by `forward`, onnx.reference by default."""
    forward = forward or (lambda *xs: node.reference(*xs)[0])
    xs = [node.inputs[i] for i in node.active]
    y = forward(*xs)
    linear = y - forward(*map(np.zeros_like, xs))
    g = np.random.default_rng([seed, 1]).normal(size=y.shape)  # other numbers than those of x
    site = node.site(y, *xs)
    answers = backward(site, g)
    if site.node.family is Family.SHAPE and "apply" in site.node.op.facts:
        np.testing.assert_array_equal(site.apply(xs[0], None), y)
    for x, answer in zip(xs, answers, strict=True):
        assert answer.shape == x.shape
    left, right = (linear * g).sum(), sum((x * a).sum() for x, a in zip(xs, answers, strict=True))
    assert abs(left - right) <= 1e-9 * (np.abs(linear * g).sum() + 1), (left, right)


def check_linear(node, seed=0):
    """`apply` plus the bias is what onnxruntime computes, and the adjoint is the transpose of `apply`."""
    (x,) = (node.inputs[i] for i in node.active)
    y = node.runtime(x)[0]
    site = node.site(y, x)
    z = site.apply(x, site.w)
    whole = z if site.b is None else z + site.b
    assert whole.shape == y.shape
    np.testing.assert_allclose(whole, y, rtol=1e-4, atol=1e-4 * (1 + np.abs(y).max()))
    g = np.random.default_rng([seed, 1]).normal(size=y.shape)  # other numbers than those of x
    (answer,) = backward(site, g)
    assert abs((z * g).sum() - (x * answer).sum()) <= 1e-9 * (np.abs(z * g).sum() + 1)
