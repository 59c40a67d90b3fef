"""Replay: an explanation is made again from its record, and compared with it bit by bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.explainer import Explainer
from onnxplain.restoring import (
    check_baseline,
    found_of,
    read_saved,
    restore_baseline,
    restore_batch,
    restore_method,
    restore_model,
    restore_target,
)
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.feeds import Inputs
    from onnxplain.model import Model


@dataclass(frozen=True, eq=False)
class Replay:
    """What became of an explanation that was made again.

    same: whether the attribution has the same bits. explanation: the new one. differences: what was otherwise then and
    now, by its name. distance: the largest |difference| of an attribution from the old one, and share: the same as a
    part of the largest old |attribution|; None where the old numbers are not at hand.
    """

    same: bool
    explanation: Explanation = field(repr=False)
    differences: Mapping[str, tuple[Any, Any]]
    distance: float | None = None
    share: float | None = None

    def __str__(self) -> str:
        if self.same:
            return "the same: the attribution has the same bits"
        far = "by how much is not known without the arrays (.npz) beside the record"
        if self.distance is not None:
            far = f"by up to {self.distance:.3g}, {self.share:.2g} of the largest"
        changed = [
            f"  {name}: {_short(then)} then, {_short(now)} now" for name, (then, now) in self.differences.items()
        ]
        return "\n".join([f"it differs: {far}", *changed] if changed else [f"it differs: {far}", _UNEXPLAINED])

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        changed = {name: {"then": then, "now": now} for name, (then, now) in self.differences.items()}
        return {"same": self.same, "distance": self.distance, "share": self.share, "differences": changed}


_UNEXPLAINED = "  nothing that the record states is otherwise: another processor, or rows that were walked together"


def _short(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value))


def replay_record(
    given: str | Path | Mapping[str, Any] | Explanation,
    load: Callable[..., Model],
    model: Model | str | Path | None = None,
    inputs: Inputs | None = None,
    baseline: Any = None,
    method: Any = None,
) -> Replay:
    """Explain again what a record states; see `onnxplain.replay`. load: what reads a model."""
    saved = read_saved(given)
    record = saved.record
    loaded = restore_model(record, load, model)
    parameters = dict(record["parameters"])
    layer = parameters.pop("layer", record.get("layer"))  # that of a map of activations, which chooses one by itself
    about = {"layer": layer, "smooth": record.get("smooth", 0.0), "baseline": restore_baseline(record, baseline)}
    explainer = Explainer(loaded, restore_method(record, method), **about, **(parameters if method is None else {}))
    batch = restore_batch(record, explainer.feeds, inputs)
    e = explainer(batch, restore_target(record["target"]), seed=record.get("seed"))
    check_baseline(record, e)
    same = found_of(e.record) == found_of(record)
    far = (None, None) if same or not saved.attributions else _far(list(e.attributions.values()), saved.attributions)
    return Replay(same, e, _differences(record, dict(e.record)), *far)


def _far(now: Sequence[Array], then: Sequence[Array]) -> tuple[float | None, float | None]:
    """Return the largest difference, and the same as a part of the largest old number, of the arrays of all inputs."""
    if [each.shape for each in now] != [each.shape for each in then]:
        return None, None
    pairs = zip(now, then, strict=True)
    distance = max(float(np.abs(a.astype(np.float64) - b).max(initial=0.0)) for a, b in pairs)
    largest = max(float(np.abs(each).max(initial=0.0)) for each in then)
    return distance, distance / largest if largest else float("inf")


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what two records state otherwise of what may move a number."""
    pairs: dict[str, tuple[Any, Any]] = {
        **{
            f"version of {k}": _pair(then["versions"], now["versions"], k)
            for k in {**then["versions"], **now["versions"]}
        },
        **{
            f"engine, {k}": _pair(then["engine"], now["engine"], k)
            for k in ("name", "precision", "providers", "threads")
        },
        "passes": (then.get("passes"), now.get("passes")),
        "ways in which nodes are walked": (then.get("walked"), now.get("walked")),
    }
    for (of, x0, found0), (_, x, found) in zip(_arrays(then), _arrays(now), strict=True):
        pairs[f"sha256 of the input's array{of}"] = x0["sha256"], x["sha256"]
        pairs[f"shape of the attribution{of}"] = found0["shape"], found["shape"]
        pairs[f"type of the attribution{of}"] = found0["dtype"], found["dtype"]
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _arrays(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Return of which input, if several, and what a record says of its array and of its attribution."""
    if "attributions" not in record:
        return [("", record["input"], record["attribution"])]
    return [(f" of {name!r}", record["inputs"][name], found) for name, found in record["attributions"].items()]


def _pair(then: Mapping[str, Any], now: Mapping[str, Any], key: str) -> tuple[Any, Any]:
    return then.get(key), now.get(key)
