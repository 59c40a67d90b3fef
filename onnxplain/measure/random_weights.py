"""Copies of a model whose weights are random: layer by layer, each tensor's own values in random order."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UnsupportedModelError
from onnxplain.passes.export import copy
from onnxplain.plan.bound import bind

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxplain.model import Model


def layers(model: Model) -> list[tuple[str, ...]]:
    """Names of the constants of each layer, from the scores down to the input.

    A layer is a node that mixes features by constant weights, a convolution or a matrix product, with its bias; of
    weights that several nodes share, the topmost node has them.
    """
    tensors, found, taken = model.canonical.graph.tensors(), [], set[str]()
    for node in reversed(bind(model.canonical.graph, model.root, model.canonical.scores)):
        if node.op.mixes and node.weight is not None:
            used = [node.inputs[i] for i in (node.weight, node.bias) if i is not None]
            names = tuple(name for name in used if name not in taken and hasattr(tensors[name], "values"))
            taken.update(names)
            found += [names] if names else []
    if not found:
        raise UnsupportedModelError("no convolution or matrix product has constant weights that could be randomised")
    return found


def randomised(model: Model, chosen: Collection[tuple[str, ...]], random_seed: int) -> Model:
    """A copy of the model with the weights of these layers permuted; the distribution of each tensor stays.

    The same layer gets the same weights, whatever else is randomised. The model itself is not changed.
    """
    graph = copy(model.canonical.graph)
    tensors: dict[str, Any] = graph.tensors()
    for layer in chosen:
        for name in layer:
            own = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
            values = tensors[name].values
            mixed = np.random.default_rng([random_seed, own]).permutation(values.ravel())
            tensors[name].values = mixed.reshape(values.shape)
    said = f"{model.sha256} {random_seed} {sorted(chosen)}"
    canonical = replace(model.canonical, graph=graph)
    return replace(model, canonical=canonical, path=None, sha256=sha256(said.encode()).hexdigest())
