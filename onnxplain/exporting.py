"""A model that explains itself: scores and attribution in one ONNX file, for any runtime and without this library."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain import __version__, checks
from onnxplain.engines.onnxruntime import export as file_format
from onnxplain.engines.onnxruntime.joint import ForwardBackwardModel, TraceSpec, join
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.prologue import add_baseline, add_preprocessing
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError
from onnxplain.engines.onnxruntime.sizes import at_sizes, learn
from onnxplain.errors import BadInputError, RuntimeRefusalError, UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.exported_cam import as_walk
from onnxplain.feeds import Feeds
from onnxplain.graph.runtime import CPU, open_session
from onnxplain.graph.upgrade import opset as opset_of
from onnxplain.graph.versions.lowest import lowest, restamp
from onnxplain.method.cam import CamMethod, CamSpec
from onnxplain.method.from_root import FromRoot
from onnxplain.method.registry import find
from onnxplain.method.walk_method import WalkMethod
from onnxplain.passes import attach_weights
from onnxplain.record import plain
from onnxplain.show.atomic import check_file, save_atomic
from onnxplain.strict_json import dumps
from onnxplain.walk.objective import Objective, as_seed

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_graphsurgeon as gs
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.readout import Readout
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite


def export_explained(
    model: Model,
    method: str | Composite,
    path: str | Path,
    *,
    heatmap: bool = False,
    with_preprocessing: bool = False,
    seed: str | None = None,
    baseline: ArrayLike | None = None,
    opset: int | None = None,
    **parameters: Any,
) -> int:
    """Write the model with the walk of `method` behind it to `path`, whole or not at all; return its opset.

    Inputs: the model's, and `target`, int64 [N], where -1 is the predicted class. Outputs: the scores, before a final
    softmax, `attribution`, shaped like the input, and with `heatmap` also `heatmap`, the attribution summed over
    channels. The file takes any number of rows, at the input's size.
    with_preprocessing: the input is `image`, uint8 [N, H, W, C], already at the model's size (resizing and cropping
    stay outside); colours, normalisation and layout are nodes of the file. seed: as in an explainer's call.
    opset: the version of ONNX's operators that the file states; by default the lowest by which its nodes mean the same.
    The weights are the model's own: the file takes at most 1.1 times its bytes, and 100 for each node that is added.

    Raises UsageError where an option does not fit the model or `path` is the model's own file, UnsupportedModelError
    where it cannot be written so.
    """
    check_file(path, model.path)
    walk = _walk(model, method, baseline, parameters)
    start = walk.feeds.numbers(_read(walk), None) if walk.spec.baseline else None
    _compare(walk)
    proto = _assembled(walk, seed, start, heatmap=heatmap)
    if with_preprocessing:
        if model.preprocess is None or model.preprocess.size is None:
            raise UsageError("with_preprocessing: the model was loaded without preprocess=")
        add_preprocessing(proto.graph, model.preprocess, model.explained_input.name)
    file_format.shorten_names(proto.graph)
    stated = _state_opset(proto, opset)
    _describe(proto, _metadata(walk, seed, start))
    data = file_format.serialised(proto)
    save_atomic(path, lambda file: file.write(data))
    return stated


def _describe(proto: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """State what the file was made from, and by what."""
    proto.metadata_props.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in metadata.items())
    proto.producer_name, proto.producer_version = "onnxplain", __version__


def _state_opset(proto: onnx.ModelProto, opset: int | None) -> int:
    """State the opset that was asked for, or the lowest that the installed onnxruntime runs, and return it.

    onnxruntime has no kernel for some types of a few old operators, though ONNX allows them. Raises UsageError for an
    opset that does not have the operators, or that onnxruntime refuses.
    """
    need, now = lowest(proto), opset_of(proto)
    if opset is not None:
        checks.whole(opset=opset)
        if not need.opset <= opset <= now:
            because = f", which {need.node} needs," if need.node else ""
            raise UsageError(f"opset={opset}: expected {need.opset}{because} to {now}")
    for each in [opset] if opset is not None else sorted({need.opset, now}):
        stamped = onnx.ModelProto()
        stamped.CopyFrom(proto)
        restamp(stamped, each)
        try:
            open_session(stamped, {}, [CPU])
        except RuntimeRefusalError as problem:
            refused = problem
            continue
        proto.CopyFrom(stamped)
        return each
    raise UsageError(
        f"opset={opset}: onnxruntime does not run the file with it ({refused}); leave opset= out"
    ) from refused


def _assembled(walk: WalkMethod, seed: str | None, baseline: Array | None, *, heatmap: bool) -> onnx.ModelProto:
    """Return the model with its walk and, where the method has one, the forward run of the baseline."""
    model, joint = walk.model, _trace(walk, seed)
    proto = attach_weights(joint.proto, joint.weights)
    if walk.spec.baseline:
        walk.feeds.baseline(_read(walk), None)  # raises where it does not fit
        add_baseline(proto, model.explained_input.name, joint.reads, baseline)
    file_format.keep_outputs(proto.graph, walk.canonical.scores)
    if heatmap:
        file_format.add_heatmap(proto.graph, _channel_axis(walk))
    file_format.give_public_names(proto.graph)
    return proto


def _walk(model: Model, method: str | Composite, baseline: ArrayLike | None, parameters: dict[str, Any]) -> WalkMethod:
    """Return the method to write: one walk to the input."""
    spec = find(method)
    for name in ("smooth",) if isinstance(spec, CamSpec) else ("layer", "smooth"):
        if parameters.get(name):
            raise UsageError(f"export writes the map of the input as the method gives it; {name}= is an explainer's")
    planned = Explainer(model, method, baseline=baseline, **parameters).method
    planned = planned.whole() if isinstance(planned, FromRoot) else planned
    if isinstance(planned, CamMethod):
        sample = Feeds(model, None).read(model.canonical.rows.given(_sample(model)))
        planned = as_walk(planned, sample.x.shape, sample.channel_axis)
    if not isinstance(planned, WalkMethod):
        raise UsageError(
            f"export writes methods that walk backward once and class activation maps; {planned.spec.name!r} is neither"
        )
    return planned


def _trace(walk: WalkMethod, seed: str | None) -> ForwardBackwardModel:
    """Return the joint model, with any number of rows unless the file states one."""
    graph, scores = walk.canonical.graph, walk.canonical.scores
    file_format.check_names(graph.tensors().keys())
    spec = Objective(None, as_seed(seed, 1), walk.spec.seed, independent=walk.model.independent_scores).seed_spec
    if spec is None:
        raise UsageError("export takes a seed by name; an array cannot be written into the file")
    feeds = _sample(walk.model)
    try:
        sizes = learn(walk.canonical, feeds, walk.plan.values | {scores}, symbolic=walk.model.fixed_batch is None)
        baseline = walk.spec.baseline
        plan = at_sizes(walk.plan, walk.canonical, feeds, symbolic=walk.model.fixed_batch is None)
        return join(TraceSpec(graph, plan, scores, spec, sizes, baseline=baseline, readout=_readout(walk)))
    except BatchSizeNeededError as problem:
        raise UnsupportedModelError(
            "this model or method needs the number of rows: fix the batch size of the model's input to export it"
        ) from problem


def _compare(walk: WalkMethod) -> None:
    """Compare the graph that is written with the untouched file, on noise that no user has to give.

    Raises UnsupportedModelError where they differ. A model that does not run on noise is not compared.
    """
    rng, sample = np.random.default_rng(0), _sample(walk.model)
    noise = {
        n: np.asarray(rng.standard_normal(v.shape), v.dtype) if v.dtype.kind == "f" else v for n, v in sample.items()
    }
    explained = walk.model.explained_input.name
    with suppress(BadInputError):
        walk.engine.values({explained: noise[explained], **noise}, {walk.canonical.scores})


def _readout(walk: WalkMethod) -> Readout:
    """Return the method's read-out; of an embedding, one attribution a token."""
    rank = len(walk.model.input_shape)

    def readout(x: Traced, x0: Traced | None, arrived: Traced) -> Traced:
        attribution: Traced = walk.spec.readout(x, x0, arrived)
        xp = TracedNamespace(attribution.emitter)
        axes, norm = range(rank, attribution.ndim), walk.folds_by_norm and attribution.ndim > rank
        summed = xp.sqrt(xp.sum(attribution * attribution, axes)) if norm else xp.sum(attribution, axes)
        return xp.reshape(summed, summed.shape[:rank])

    return readout


def _read(walk: WalkMethod) -> Batch:
    """Return the batch of `_sample`."""
    return walk.feeds.read(walk.model.canonical.rows.given(_sample(walk.model)))


def _sample(model: Model) -> dict[str, Array]:
    """Return zeros for each input, one row where the batch is free."""
    return {
        value.name: np.zeros(_size(model, value), value.dtype or np.float32) for value in model.canonical.graph.inputs
    }


def _size(model: Model, value: gs.Variable) -> list[int]:
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


def _channel_axis(walk: WalkMethod) -> int:
    axis = _read(walk).channel_axis
    if axis is None:
        raise UsageError("heatmap: the model's input is no image, so there are no channels to sum")
    return axis


def _metadata(walk: WalkMethod, seed: str | None, baseline: Array | None) -> dict[str, str]:
    """Return what it takes to make the file again, under keys that begin with onnxplain."""
    model = walk.model
    facts = {
        "version": __version__,
        "method": walk.spec.name,
        "parameters": dumps({name: plain(value) for name, value in walk.parameters.items()}),
        "seed": seed or walk.spec.seed,
        "plan": str(walk.plan),
        "source.sha256": model.sha256,
    }
    if baseline is not None:
        facts["baseline"] = dumps(plain(baseline))
    if model.preprocess is not None:
        facts["preprocess"] = dumps(model.preprocess.to_dict())
    return {f"onnxplain.{name}": value for name, value in facts.items()}
