"""Copies of a model whose weights are random: some layers get the values of each of their tensors in random order."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.load import Identity
from onnxplain.passes.export import constants_of, copy
from onnxplain.plan.bound import bind

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxplain.model import Model


def layers(model: Model) -> list[tuple[str, ...]]:
    """Return the names of the constants of each layer, from the scores down to the input.

    A layer is a node that mixes features by constant weights, a convolution or a matrix product, with its bias. Weights
    that several nodes share belong to the topmost of them.
    Raises UnsupportedModelError where there is no such node.
    """
    constants, found, taken = constants_of(model.canonical.graph), [], set[str]()
    for node in reversed(bind(model.canonical.graph, model.root, model.canonical.scores)):
        if node.op.mixes and node.weight is not None:
            used = [node.inputs[i] for i in (node.weight, node.bias) if i is not None]
            names = tuple(name for name in used if name not in taken and name in constants)
            taken.update(names)
            found += [names] if names else []
    if not found:
        raise UnsupportedModelError("no convolution or matrix product has constant weights that could be randomised")
    return found


def randomised(model: Model, chosen: Collection[tuple[str, ...]], random_seed: int) -> Model:
    """Return a copy of the model in which the constants of the chosen layers are permuted.

    The values of each tensor stay the same, and so does their distribution. A layer gets the same weights whatever else
    is randomised. The model itself is not changed.
    """
    graph = copy(model.canonical.graph)
    graphs = (graph, *graph.subgraphs(recursive=True))
    constants = {each.name: each for g in graphs for each in g.tensors().values() if isinstance(each, gs.Constant)}
    for layer in chosen:
        for name in layer:
            stream = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
            values = constants[name].values
            mixed = np.random.default_rng([random_seed, stream]).permutation(values.ravel())
            constants[name].values = mixed.reshape(values.shape)
    identity = f"{model.sha256} {random_seed} {sorted(chosen)}"
    canonical = replace(model.canonical, graph=graph)
    own = sha256(identity.encode()).hexdigest()
    return replace(model, canonical=canonical, path=None, identity=Identity(own, own), parity="never")
