"""One network explained three ways: compiled in float32, and walked in float64 over a forward in float32 or float64."""

from __future__ import annotations

from functools import partial

import numpy as np

import onnxplain as ox
from onnxplain.engines.eager import EagerEngine, equal_feeds
from onnxplain.engines.forward import ReferenceForward, RuntimeForward
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.method.walk_method import WalkMethod

FORWARDS = {"float32": RuntimeForward, "float64": ReferenceForward}


class Remembered:
    """A forward that runs once for equal feeds, and gives all values in float64."""

    to_numpy = staticmethod(np.asarray)

    def __init__(self, graph, precision):
        self.precision = precision
        self._forward = FORWARDS[precision](graph)
        self._names = [n for n, value in graph.tensors().items() if n and not hasattr(value, "values")]
        self._kept = []
        self.providers = ()

    def values(self, feeds):
        for known, values in self._kept:
            if equal_feeds(known, feeds):
                return values
        found = self._forward.run(feeds, self._names)[0]
        values = {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in found.items()}
        self._kept = [*self._kept[-1:], (feeds, values)]  # an input and its baseline
        return values

    def run(self, feeds, values, shapes=()):
        found = self.values(feeds)
        return {name: found[name] for name in values}, {name: found[name].shape for name in shapes}


class Ways:
    """`compiled`, `over("float32")` and `over("float64")` explain `x`; `target` is the class predicted in float32."""

    def __init__(self, source, x, **load):
        self.model = ox.load(source, engine="onnxruntime", **load)
        self._eager = ox.load(source, engine="numpy", **load)
        self._exact = partial(ox.load, source, precision="float64", **load)
        self.x, self.target = x, None
        self._forwards = {}

    def compiled(self, method, **parameters):
        e = ox.explain(self.model, self.x, method, self.target, **parameters)
        self.target = e.target.tolist()
        return e

    def over(self, precision, method, **parameters):
        """A walk in float64 over this forward."""
        return self.explainer(precision, method, **parameters)(self.x, self.target)

    def explainer(self, precision, method, **parameters):
        """An explainer that walks in float64 over this forward; a method without a walk runs forward in float64."""
        explainer = ox.Explainer(self._eager, method, **parameters)
        procedure = walking(explainer)
        if procedure is None:
            return ox.Explainer(self._exact(), method, **parameters)
        key = (precision, procedure.spec.baseline)
        if key not in self._forwards:
            self._forwards[key] = Remembered(procedure.canonical.graph, precision)
        procedure.engine.inner = EagerEngine(procedure.canonical, NumpyNamespace("float64"), self._forwards[key])
        return explainer


def walking(explainer):
    """The walk that the explainer's method is or averages; None for a method without one."""
    procedure = getattr(explainer.method, "walk", explainer.method)
    return procedure if isinstance(procedure, WalkMethod) else None


def apart(a, b):
    """Largest difference, in units of the largest value of `b`."""
    return np.abs(a - b).max() / np.abs(b).max()
