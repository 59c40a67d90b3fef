"""The record of an explanation of several inputs, and of each of these.

It has the keys of `onnxplain.record.Record`, with these differences. explained: a list of the values that are
attributed to, one for each input. model: `inputs` are the names of the explained inputs. input: the first of them, with
the inputs that are not explained as its `others`. inputs: by name, what is known of each explained input. attributions:
by name, the array that was found for it, in the place of attribution. baseline: {"inputs": a baseline for each name}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from onnxplain.record import array_record, input_record, make_record, plain
from onnxplain.record_rows import record_of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from onnxplain.arrays import Array
    from onnxplain.conservation import Conservation
    from onnxplain.explanation import Explanation
    from onnxplain.method.joint import JointMethod
    from onnxplain.method.request import Request
    from onnxplain.model import Model
    from onnxplain.record import Asked, Record
    from onnxplain.walk.neuron import Neuron

TOGETHER = "together"
"""The key of the record of a part that names all inputs that were explained with it."""


def joint_record(
    method: JointMethod,
    request: Request,
    target: np.ndarray[Any, Any] | Neuron,
    attributions: Mapping[str, Array],
    asked: Asked,
    kept: Conservation | None,
) -> Record:
    """Return the record of an explanation of several inputs; see `make_record`."""
    model, batch = method.model, request.batch
    first = next(iter(attributions))
    record: dict[str, Any] = dict(make_record(method, request, target, method.feeds, attributions[first], asked, kept))
    del record["attribution"]
    inputs = {name: input_record(model.alone[name], batch.parts[name]) for name in attributions}
    others = {name: value for name, value in inputs[first]["others"].items() if name not in inputs}
    record |= {
        "explained": list(model.roots.values()),
        "model": {**record["model"], "inputs": list(inputs), "features": _features(method)},
        "input": {**inputs[first], "others": others},
        "inputs": {name: {**each, "others": {}} for name, each in inputs.items()},
        "attributions": {name: array_record(each) for name, each in attributions.items()},
    }
    return cast("Record", record)


def _features(method: JointMethod) -> dict[str, list[str]]:
    own = {name: each.features for name, each in method.model.alone.items()}
    return {name: list(features) for name, features in own.items() if features is not None}


def record_of_part(record: Record, name: str, of: Model) -> Record:
    """Return the record of one of several inputs that are explained together, which TOGETHER names. of: their model."""
    whole: dict[str, Any] = dict(record)
    model = whole["model"]
    sound = {"sound": {**model["sound"], "shape": plain(of.alone[name].input_shape)}} if "sound" in model else {}
    attribution, own = whole.pop("attributions")[name], whole.pop("inputs")[name]
    kept = {key: value for key, value in model.items() if key != "inputs"}
    part = {
        "explained": of.roots[name],
        "model": {**kept, "input": name, "features": model["features"].get(name), **sound},
        "input": own,
        "attribution": attribution,
        "conservation": None,
        TOGETHER: model["inputs"],
    }
    baseline = {"baseline": whole["baseline"]["inputs"][name]} if "baseline" in whole else {}
    return cast("Record", {**whole, **part, **baseline})


def joint_record_of_rows(
    record: Record, rows: Sequence[int], parts: Mapping[str, Explanation], others: Mapping[str, Array]
) -> Record:
    """Return the record of some rows of several inputs. parts, others: explanations and arrays of those rows."""
    first, own = next(iter(parts.values())), {name: dict(part.record) for name, part in parts.items()}
    found: dict[str, Any] = dict(record_of_rows(record, rows, first.attribution, first.inputs, others))
    del found["attribution"]
    found["inputs"] = {name: each["input"] for name, each in own.items()}
    found["attributions"] = {name: each["attribution"] for name, each in own.items()}
    if "baseline" in found:
        found["baseline"] = {"inputs": {name: each["baseline"] for name, each in own.items()}}
    return cast("Record", found)
