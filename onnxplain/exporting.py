"""A model that explains itself: scores and attribution in one ONNX file, for any runtime and without this library.

A walk stands behind the nodes of the model. A method that averages walks, or that hides channels, is a Loop of ONNX
around them, which takes as many points together as keep a CPU busy. Methods that perturb the input are not written, nor
those whose path depends on the gradients (guided_ig) or needs Fourier transforms (blur_ig).
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain import __version__, checks
from onnxplain.arrays import sha256
from onnxplain.engines.onnxruntime import export as file_format
from onnxplain.engines.onnxruntime.export import PUBLIC
from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, TARGET
from onnxplain.engines.onnxruntime.prologue import add_preprocessing
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.errors import BadInputError, NumericalError, RuntimeRefusalError, UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.exported_average import averaged
from onnxplain.exported_cam import along, cam
from onnxplain.exported_channels import scored
from onnxplain.exported_root import from_root
from onnxplain.exported_walk import read_sample, sample, whole
from onnxplain.graph.runtime import CPU, open_session
from onnxplain.graph.upgrade import opset as opset_of
from onnxplain.graph.versions.lowest import lowest, restamp
from onnxplain.method.along_path import PathMethod
from onnxplain.method.averages import AverageMethod
from onnxplain.method.cam import CamMethod, CamSpec
from onnxplain.method.channels import AblatedChannels, MaskedChannels
from onnxplain.method.from_root import FromRoot, default_seed
from onnxplain.method.registry import find, reads_baseline
from onnxplain.method.request import Request
from onnxplain.method.smooth import smooth as smoothed
from onnxplain.method.walk_method import WalkMethod
from onnxplain.record import plain
from onnxplain.resample import blurred
from onnxplain.show.atomic import check_file, save_atomic
from onnxplain.strict_json import dumps
from onnxplain.walk.objective import Objective

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from onnxplain.engines.onnxruntime.namespace import TracedNamespace
    from onnxplain.engines.onnxruntime.nodes import Nodes
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Method
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.strict_json import Json

CLOSE = 1e-3
"""How far the attribution of a file may be from that of the explainer, as a part of the largest one.

Both differ by rounding, which a step of the network can enlarge; an error of the file is larger by far.
"""


LISTED = 4096
"""The most numbers of a baseline that are listed in the description of a file."""


def export_explained(
    model: Model,
    method: str | Composite,
    path: str | Path,
    *,
    heatmap: bool = False,
    with_preprocessing: bool = False,
    seed: str | None = None,
    baseline: ArrayLike | None = None,
    smooth: float = 0.0,
    opset: int | None = None,
    **parameters: Any,
) -> int:
    """Write the model with the explanation by `method` to `path`, whole or not at all; return its opset.

    Inputs: the model's, and `target`, int64 [N], where -1 is the class predicted for the row. Outputs: the scores,
    before a final softmax, `attribution`, shaped like the input, and with `heatmap` also `heatmap`, the attribution
    summed over channels. The file takes any number of rows, at the input's size.
    with_preprocessing: the input is `image`, uint8 [N, H, W, C], already at the model's size (resizing and cropping
    stay outside); colours, normalisation and layout are nodes of the file. seed, baseline, smooth, parameters: as of an
    explainer; the baseline is one for all rows, or a background of several.
    opset: the version of ONNX's operators that the file states; by default the lowest by which its nodes mean the same.
    The weights are the model's own: the file takes at most 1.1 times its bytes, 100 for each node that is added, its
    description, and 4 for each number of a SmoothGrad's noise or of a background. It is compared with the explainer.

    Raises UsageError where an option does not fit the model or `path` is the model's own file, UnsupportedModelError
    where it cannot be written so.
    """
    check_file(path, model.path)
    explainer = _explainer(model, method, smooth, baseline, parameters)
    proto = _assembled(explainer, seed, heatmap=heatmap)
    _compare(explainer, proto, seed)
    if with_preprocessing:
        _take_pixels(model, proto)
    file_format.shorten_names(proto.graph)
    stated = _state_opset(proto, opset)
    _describe(proto, _metadata(explainer, seed))
    data = file_format.serialised(proto)
    save_atomic(path, lambda file: file.write(data))
    return stated


def _take_pixels(model: Model, proto: onnx.ModelProto) -> None:
    """Put the preprocessing of the model in front of the file's nodes."""
    if model.preprocess is None or model.preprocess.size is None:
        raise UsageError("with_preprocessing: the model was loaded without preprocess=")
    add_preprocessing(proto.graph, model.preprocess, model.explained_input.name)


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


def _explainer(
    model: Model, method: str | Composite, sigma: float, baseline: ArrayLike | None, parameters: dict[str, Any]
) -> Explainer:
    """Return the explainer whose explanations the file is to compute."""
    model.check_one("export writes the attribution of one input")
    model.check_has_file("export")
    if parameters.get("layer") and not isinstance(find(method), CamSpec):
        raise UsageError("export writes the map of the input; layer= is an explainer's")
    return Explainer(model, method, baseline=baseline, smooth=sigma, **parameters)


def _assembled(explainer: Explainer, seed: str | None, *, heatmap: bool) -> onnx.ModelProto:
    """Return the model with the nodes that compute the explanation, under the names of the file."""
    proto, batch = _written(explainer.method, seed), read_sample(explainer.model, explainer.feeds)
    if explainer.smooth:
        smoothed(batch.x, explainer.smooth, batch.channel_axis)  # raises where there is nothing to smooth over
        file_format.rework(proto.graph, partial(_smoothed, explainer.smooth, batch))
    if heatmap:
        if batch.channel_axis is None:
            raise UsageError("heatmap: the model's input is no image, so there are no channels to sum")
        file_format.add_heatmap(proto.graph, batch.channel_axis)
    file_format.give_public_names(proto.graph)
    return proto


def _written(method: Method, seed: str | None) -> onnx.ModelProto:
    """Return the model with what a method computes. Raises UsageError for a method that is no fixed graph."""
    inner = method.inner if isinstance(method, FromRoot) else method
    if isinstance(inner, PathMethod) or not isinstance(inner, WalkMethod | AverageMethod | CamMethod):
        raise UsageError(
            f"export writes methods that walk backward once or at fixed points, and class activation maps; "
            f"{method.spec.name!r} is none of them"
        )
    if isinstance(inner, CamMethod):
        return (scored if isinstance(inner.channels, AblatedChannels | MaskedChannels) else cam)(inner, seed)
    if isinstance(method, FromRoot):
        return from_root(method, inner, seed)
    return whole(inner, seed) if isinstance(inner, WalkMethod) else averaged(inner, seed)


def _smoothed(sigma: float, batch: Batch, n: Nodes, value: str) -> str:
    """Emit the attribution convolved with a Gaussian, as `smooth` does it: by a matrix along each axis of places."""
    shape = batch.x.shape
    channels = 1 if batch.channel_axis is None else batch.channel_axis

    def convolved(xp: TracedNamespace, maps: Traced) -> Traced:
        for axis in range(1, len(shape)):
            if axis != channels:
                maps = along(xp, blurred(np.eye(shape[axis], dtype=np.float32), (sigma,)), maps, axis)
        return maps

    return n.trace(convolved, (value, (Rows(), *shape[1:])))


def _compare(explainer: Explainer, proto: onnx.ModelProto, seed: str | None) -> None:
    """Compare what the file computes with the explanation, on noise that no user has to give.

    Raises UnsupportedModelError where they differ. A model that does not run on noise is not compared.
    """
    model, rng = explainer.model, np.random.default_rng(0)
    noise = {
        n: np.asarray(rng.standard_normal(v.shape), v.dtype) if v.dtype.kind == "f" else v
        for n, v in sample(model).items()
    }
    name = model.explained_input.name
    with suppress(BadInputError, NumericalError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the explanation of noise is worth
        e = explainer(model.canonical.rows.given({name: noise[name], **noise}), seed=seed)
        session = open_session(proto, {}, [CPU])
        given = {**noise, PUBLIC[TARGET]: np.full(len(e), -1)}
        (found,) = session.run([PUBLIC[ATTRIBUTION]], {each: given[each] for each in session.inputs})
        gap, largest = np.abs(found - e.attribution).max(), np.abs(e.attribution).max()
        if not gap <= CLOSE * largest:
            raise UnsupportedModelError(
                f"the file would compute another attribution than the explainer: they differ by {gap:.2g}, and the "
                f"largest one is {largest:.2g}; the file is not written"
            )


def _metadata(explainer: Explainer, seed: str | None) -> dict[str, str]:
    """Return what it takes to make the file again, under keys that begin with onnxplain."""
    model, method = explainer.model, explainer.method
    facts = {
        "version": __version__,
        "method": method.spec.name,
        "parameters": dumps({name: plain(value) for name, value in method.parameters.items()}),
        "seed": seed or default_seed(method),
        "plan": str(method.plan or ""),
        "source.sha256": model.sha256,
    }
    if reads_baseline(method.spec, method.parameters):
        facts["baseline"] = dumps(_baseline(explainer))
    if explainer.smooth:
        facts["smooth"] = dumps(explainer.smooth)
    if model.preprocess is not None:
        facts["preprocess"] = dumps(model.preprocess.to_dict())
    return {f"onnxplain.{name}": value for name, value in facts.items()}


def _baseline(explainer: Explainer) -> Json:
    """Return the baseline: a number or a small array as it is, the shape and the sha256 of a larger one."""
    batch, method = read_sample(explainer.model, explainer.feeds), explainer.method
    if isinstance(method, FromRoot):
        return method.stated(Request(batch, Objective(None, None, "one")))
    given = explainer.feeds.numbers(batch, None)
    return plain(given) if given.size <= LISTED else {"shape": list(given.shape), "sha256": sha256(given)}
