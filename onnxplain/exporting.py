"""A model that explains itself: scores and attribution in one ONNX file, for any runtime and without this library."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxplain import __version__
from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, TARGET, Joint, Task, join
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.prologue import add_baseline, add_preprocessing
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError
from onnxplain.engines.onnxruntime.sizes import learn
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.method.walk_method import Walking
from onnxplain.passes import whole
from onnxplain.record import plain
from onnxplain.show.atomic import check_file, save_atomic
from onnxplain.walk.objective import Question

if TYPE_CHECKING:
    from pathlib import Path

    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite

NAMES = {TARGET: "target", ATTRIBUTION: "attribution"}
"""Public names of the walk's input and output."""

HEATMAP = "heatmap"
MOST = 2**31 - 1
"""Bytes of the largest file in this format."""


def export(
    model: Model,
    method: str | Composite,
    path: str | Path,
    *,
    heatmap: bool = False,
    with_preprocessing: bool = False,
    seed: str | None = None,
    baseline: Any = 0.0,
    **parameters: Any,
) -> None:
    """Write the model with the walk of `method` behind it to `path`, whole or not at all.

    Inputs: the model's, and `target`, int64 [N], where -1 is the predicted class. Outputs: the scores, before a final
    softmax, `attribution`, shaped like the input, and with `heatmap` also `heatmap`, the attribution summed over
    channels. The file takes any number of rows, at the input's size.
    with_preprocessing: the input is `image`, uint8 [N, H, W, C], already at the model's size (resizing and cropping
    stay outside); colours, normalisation and layout are nodes of the file. seed: as in an explainer's call.
    The weights are the model's own: the file takes at most 1.1 times its bytes, and 100 for each node that is added.

    Raises UsageError where an option does not fit the model or `path` is the model's own file, UnsupportedModelError
    where it cannot be written so.
    """
    check_file(path, model.path)
    explainer = _walking(model, method, baseline, parameters)
    joint = _trace(explainer, seed)
    proto = whole(joint.proto, joint.weights)
    if explainer.method.baseline:
        explainer.feeds.baseline(explainer.feeds.read(_sample(model)), None)  # raises where it does not fit
        add_baseline(proto, explainer.model, joint.reads, baseline)
    _choose_outputs(proto.graph, explainer, heatmap)
    _rename(proto.graph)
    if with_preprocessing:
        add_preprocessing(proto.graph, model)
    _shorten(proto.graph)
    metadata = _metadata(explainer, seed, baseline)
    proto.metadata_props.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in metadata.items())
    proto.producer_name, proto.producer_version = "onnxplain", __version__
    _write(proto, path)


def _write(proto: onnx.ModelProto, path: str | Path) -> None:
    if proto.ByteSize() > MOST:
        raise UnsupportedModelError(
            "the model is larger than 2 GB, which one ONNX file without external data cannot hold"
        )
    onnx.checker.check_model(proto)
    save_atomic(path, lambda file: file.write(proto.SerializeToString()))


def _walking(model: Model, method: str | Composite, baseline: Any, parameters: dict[str, Any]) -> Walking:
    """The procedure to write: one walk to the input."""
    for name in ("layer", "smooth"):
        if parameters.get(name):
            raise UsageError(f"export writes the map of the input as the method gives it; {name}= is an explainer's")
    explainer = Explainer(model, method, baseline=baseline, **parameters)
    if not isinstance(explainer.procedure, Walking):
        raise UsageError(f"export writes methods that walk backward once; {explainer.method.name!r} is none")
    return explainer.procedure


def _trace(explainer: Walking, seed: str | None) -> Joint:
    """The joint model, with any number of rows unless the file states one."""
    graph, scores = explainer.canonical.graph, explainer.canonical.scores
    taken = {*NAMES.values(), HEATMAP} & graph.tensors().keys()
    if taken:
        raise UnsupportedModelError(f"the model has values named {', '.join(sorted(taken))}: export needs these names")
    formula = Question(None, seed, explainer.method.seed, None, 1, explainer.canonical.alone).formula
    if formula is None:
        raise UsageError("export takes a seed by name; an array cannot be written into the file")
    feeds = _sample(explainer.model)
    try:
        sizes = learn(graph, feeds, explainer.plan.values | {scores}, symbolic=explainer.model.fixed_batch is None)
        return join(Task(graph, explainer.plan, scores, _readout(explainer), formula, explainer.method.baseline, sizes))
    except BatchSizeNeededError as problem:
        raise UnsupportedModelError(
            "this model or method needs the number of rows: fix the batch size of the model's input to export it"
        ) from problem


def _readout(explainer: Walking) -> Any:
    """The method's read-out; of an embedding, one attribution a token."""
    rank = len(explainer.model.input_shape)

    def readout(x: Traced, x0: Traced | None, arrived: Traced) -> Traced:
        attribution: Traced = explainer.method.readout(x, x0, arrived)
        xp = TracedNamespace(attribution.emitter)
        whole = xp.sum(attribution, range(rank, attribution.ndim))
        return xp.reshape(whole, whole.shape[:rank])

    return readout


def _sample(model: Model) -> dict[str, Any]:
    """Zeros for each input, one row where the batch is free."""
    return {
        value.name: np.zeros(_size(model, value), value.dtype or np.float32) for value in model.canonical.graph.inputs
    }


def _size(model: Model, value: Any) -> list[int]:
    size = [n if isinstance(n, int) and n > 0 else None for n in value.shape or ()]
    if size and size[0] is None:
        size[0] = 1
    pre = model.preprocess
    if pre is not None and pre.size is not None and value.name == model.explained_input.name:
        height = 1 if pre.layout == "NHWC" else 2
        size[height : height + 2] = pre.size
    if None in size:
        raise UsageError(
            f"the input {value.name!r} has the shape {value.shape}: export needs its size, from preprocess="
        )
    return [n for n in size if n is not None]


def _choose_outputs(graph: onnx.GraphProto, explainer: Walking, heatmap: bool) -> None:
    """Scores, attribution and, where asked for, the heatmap."""
    kept = [each for each in graph.output if each.name in (explainer.canonical.scores, ATTRIBUTION)]
    dropped = {each.name for each in graph.output} - {each.name for each in kept}
    nodes = [node for node in graph.node if not dropped & set(node.output)]
    del graph.output[:], graph.node[:]
    graph.output.extend(kept)
    graph.node.extend(nodes)
    if not heatmap:
        return
    axis = explainer.feeds.read(_sample(explainer.model)).channel_axis
    if axis is None:
        raise UsageError("heatmap: the model's input is no image, so there are no channels to sum")
    graph.initializer.append(numpy_helper.from_array(np.array([axis]), "explain/channels"))
    inputs = [ATTRIBUTION, "explain/channels"]
    graph.node.append(helper.make_node("ReduceSum", inputs, [HEATMAP], name="explain/heatmap", keepdims=0))
    summed = graph.output.add()
    summed.CopyFrom(next(each for each in kept if each.name == ATTRIBUTION))
    summed.name = HEATMAP
    del summed.type.tensor_type.shape.dim[axis]


def _rename(graph: onnx.GraphProto) -> None:
    """Give inputs and outputs their public names."""
    for value in (*graph.input, *graph.output):
        value.name = NAMES.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [NAMES.get(name, name) for name in node.input]
        node.output[:] = [NAMES.get(name, name) for name in node.output]


def _shorten(graph: onnx.GraphProto) -> None:
    """Short names for what the walk adds, most of whose bytes were names.

    Its values are numbered: each is written at least twice. A node's name says rule, source node and operator; the
    rule's parameters stand in the plan.
    """
    ends = {value.name for value in (*graph.input, *graph.output)}
    made = [*(each.name for each in graph.initializer), *(name for node in graph.node for name in node.output)]
    free = (name for i in count() if (name := f"e{i}") not in made)
    short = {name: next(free) for name in made if name.startswith("explain/") and name not in ends}
    for tensor in (*graph.initializer, *graph.value_info):
        tensor.name = short.get(tensor.name, tensor.name)
    for node in graph.node:
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]
        if node.name.startswith("explain/"):
            node.name = re.sub(r"\(.*?\) @ ", " @ ", node.name.removeprefix("explain/"))


def _metadata(explainer: Walking, seed: str | None, baseline: Any) -> dict[str, str]:
    """What it takes to make the file again, under keys that begin with onnxplain."""
    model = explainer.model
    facts = {
        "version": __version__,
        "method": explainer.method.name,
        "parameters": json.dumps({name: plain(value) for name, value in explainer.parameters.items()}),
        "seed": seed or explainer.method.seed,
        "plan": str(explainer.plan),
        "source.sha256": model.sha256,
    }
    if explainer.method.baseline:
        facts["baseline"] = json.dumps(plain(np.asarray(baseline)))
    if model.preprocess is not None:
        facts["preprocess"] = json.dumps(model.preprocess.to_dict())
    return {f"onnxplain.{name}": value for name, value in facts.items()}
