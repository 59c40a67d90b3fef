"""From a network of torch to a made file: calibrated, exported by one of torch's exporters, with autograd's truth."""

from __future__ import annotations

import copy
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import torch
from calibrate import calibrate, run
from kept import Made, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = 10
LAST_FIRST = ("mbart", "plbart")
"""Models of transformers whose decoder begins with the last token of the encoder."""
JITTER = (0.0, 1e-7, 1e-6, 1e-6)
"""Where the framework's own gradient in float32 is asked for: here, a rounding away, and as far as layers round."""


class Scores(torch.nn.Module):
    """A network that takes its inputs in order and returns its scores alone."""

    def __init__(self, net: torch.nn.Module, names: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *inputs: Any) -> Any:
        """Return the scores."""
        return run(self.net, inputs if self.names is None else dict(zip(self.names, inputs, strict=True)))


@dataclass
class Job:
    """A network and what to do with it.

    feeds: name -> two rows, NumPy, in the order of the inputs. batch: more rows, to calibrate by; none for a trained
    network. by_name: whether the network takes its inputs by name. dynamo: which exporter. embedding: the weight of the
    embedding whose output is attributed to, for token ids. free: names of the axes that are free besides the first, of
    each input. libraries: those whose versions count.
    """

    net: torch.nn.Module
    feeds: dict[str, Any]
    batch: dict[str, Any]
    dynamo: bool
    by_name: bool = False
    classes: int = CLASSES
    opset: int = 18
    embedding: Any = None
    libraries: tuple[str, ...] = ()
    free: dict[str, dict[int, str]] = field(default_factory=dict)


def make(name: str, folder: Path, job: Job) -> tuple[Made, Truth]:
    """Calibrate and export a network, and return what is known of it."""
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)  # a kernel that no exporter writes
    for parameter in job.net.parameters():
        parameter.requires_grad_(requires_grad=job.embedding is not None)
    if batch := _tensors(job.batch):
        calibrate(job.net, batch if job.by_name else tuple(batch.values()), job.classes)
    net = Scores(job.net, tuple(job.feeds) if job.by_name else None).eval()
    made = Made(name, explained=next(iter(job.feeds)))
    made.libraries = {each: version(each) for each in ("torch", "onnxscript", *job.libraries)}
    path = made.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.exporter, made.notes = export(net, job, path)
    found = truth(net, job)
    _same(path, job.feeds, found.scores)
    return made, found


def _tensors(feeds: dict[str, Any], dtype: Any = None) -> dict[str, Any]:
    made = {name: torch.from_numpy(np.asarray(value)) for name, value in feeds.items()}
    return {name: value.to(dtype) if dtype and value.is_floating_point() else value for name, value in made.items()}


def export(net: torch.nn.Module, job: Job, path: Path) -> tuple[str, list[str]]:
    """Write the file with any number of rows or, where the exporter cannot do that, of one row."""
    label = "torch dynamo" if job.dynamo else "torch TorchScript"
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        logging.disable(logging.ERROR)
        try:
            _export(net, job, path, free=True)
        except Exception:  # noqa: BLE001 - whatever an exporter raises
            _export(net, job, path, free=False)
            return label, ["one row at a time"]
        finally:
            logging.disable(logging.NOTSET)
    return label, []


def _export(net: torch.nn.Module, job: Job, path: Path, *, free: bool) -> None:
    names = list(job.feeds)
    inputs = tuple(value if free else value[:1] for value in _tensors(job.feeds).values())
    axes = {name: {0: "N", **job.free.get(name, {})} for name in names}
    given: dict[str, Any] = {"input_names": names, "output_names": ["scores"], "opset_version": job.opset}
    if job.dynamo:
        dims = {each: torch.export.Dim(each) for found in axes.values() for each in found.values()}
        shapes = tuple({axis: dims[each] for axis, each in axes[name].items()} for name in names)
        given |= {"dynamo": True, "external_data": False, "verbose": False}
        given |= {"dynamic_shapes": {"inputs": shapes}} if free else {}
    else:
        given |= {"dynamo": False}
        given |= {"dynamic_axes": {**axes, "scores": {0: "N"}}} if free else {}
    torch.onnx.export(net, inputs, str(path), **given)


def truth(net: torch.nn.Module, job: Job) -> Truth:
    """Return scores and gradients by autograd in double precision, and how ill-conditioned the gradient is."""
    double = copy.deepcopy(net).double()
    word = _twin(net, double, job.embedding)
    scores, gradient, target = _gradient(double, job.feeds, None, word, torch.float64)
    del double
    worst, largest = 0.0, np.abs(gradient).max() or 1.0
    rng = np.random.default_rng(1)
    for scale in JITTER:
        feeds = dict(job.feeds)
        x = next(iter(feeds))
        if feeds[x].dtype.kind == "f":
            feeds[x] = feeds[x] * (1 + scale * rng.standard_normal(feeds[x].shape)).astype(np.float32)
        elif scale:
            continue
        _, single, _ = _gradient(net, feeds, target, job.embedding, torch.float32)
        worst = max(worst, float(np.abs(single - gradient).max() / largest))
    return Truth(dict(job.feeds), target, scores, gradient, worst)


def _twin(net: torch.nn.Module, double: torch.nn.Module, weight: Any) -> Any:
    """Return the parameter of the copy that stands where `weight` stands."""
    if weight is None:
        return None
    name = next(name for name, each in net.named_parameters() if each is weight)
    return dict(double.named_parameters())[name]


def _gradient(net: torch.nn.Module, feeds: dict[str, Any], target: Any, word: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """Return scores, the gradient of the target's score, and the target.

    It is the predicted class by default or, where a row has scores at several places, the place of its first row's
    largest one, [1, axes].
    """
    inputs = _tensors(feeds, dtype)
    first = next(iter(inputs))
    if word is None:
        inputs[first] = inputs[first].clone().requires_grad_(requires_grad=True)
    with _watched(word) as kept:
        scores = net(*inputs.values())
    target = _target(scores.detach()) if target is None else target
    places = (range(len(target)), target.tolist()) if target.ndim == 1 else (slice(None), *target[0].tolist())
    scores[places].sum().backward()
    found = (inputs[first].grad if word is None else _of_tokens(net, kept, inputs[first])).detach().double()
    if word is not None:
        found = found.flatten(inputs[first].ndim).norm(dim=-1)
    return scores.detach().double().numpy(), found.numpy(), target


def _of_tokens(net: torch.nn.Module, kept: list[tuple[Any, Any]], given: Any) -> Any:
    """Return the gradient of the embedding of each token, [N, length, width], wherever the network reads it.

    A decoder that reads the tokens of the encoder moved on by one place holds token i at place i + 1, and at place 0 a
    constant or, in the models of `LAST_FIRST`, the last token. A network may read the ids with time first.
    kept: ids and embeddings of each reading. given: the ids.
    """
    ids, embedded = kept[0]
    found = embedded.grad.clone()
    last_first = any(getattr(getattr(each, "config", None), "model_type", "") in LAST_FIRST for each in net.modules())
    for again, moved in kept[1:]:
        if again.shape == ids.shape and torch.equal(again[:, 1:], ids[:, :-1]):
            found[:, :-1] += moved.grad[:, 1:]
            if last_first:
                found[:, -1] += moved.grad[:, 0]
    return found.transpose(0, 1) if ids.shape != given.shape and torch.equal(ids, given.T) else found


def _target(scores: Any) -> Any:
    if scores.ndim == 2:
        return scores.argmax(1).numpy()
    return np.array([np.unravel_index(int(scores[0].argmax()), scores.shape[1:])])


@contextmanager
def _watched(word: Any) -> Iterator[list[tuple[Any, Any]]]:
    """Keep ids and the gradient of what an embedding returns: whatever a module makes of it comes after."""
    kept: list[tuple[Any, Any]] = []
    original = torch.nn.functional.embedding

    def embedding(ids: Any, weight: Any, *rest: Any, **named: Any) -> Any:
        found = original(ids, weight, *rest, **named)
        if weight is word:
            found.retain_grad()
            kept.append((ids, found))
            return found.clone()  # what is computed in its place afterwards comes after
        return found

    torch.nn.functional.embedding = embedding if word is not None else original
    try:
        yield kept
    finally:
        torch.nn.functional.embedding = original


def _same(path: Path, feeds: dict[str, Any], scores: Any) -> None:
    """Raise where the exported file computes something else than the network."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = {each.name: each.shape for each in session.get_inputs()}
    rows = next(iter(taken.values()))[0]
    count = rows if isinstance(rows, int) else len(scores)
    found = session.run(None, {name: value[:count] for name, value in feeds.items() if name in taken})[0]
    error = np.abs(found - scores[:count]).max() / np.abs(scores).max()
    if not error < 1e-3:
        raise ValueError(f"the exported file's scores differ from the network's by {error:.2g} of the largest")
