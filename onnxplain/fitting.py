"""What a user says of a model's input, fitted to it: how pictures become it, and the names of columns and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from onnxplain.errors import UsageError
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.inputs import Preprocess
from onnxplain.inputs.names import check_features, check_labels, read_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.model import Model


def fitted(model: Model, preprocess: Any, features: Any) -> Model:
    """Return the model with its preprocessing fitted to its input, and check its labels and column names.

    Where several inputs are explained together, both may be dicts by the name of the input. Otherwise the preprocessing
    is that of all pictures, inputs of four axes, and the features are those of the input with as many columns.
    """
    if model.labels and len(model.labels) == 2 and model.classes == 1 and model.decides:
        model.absent, model.labels = model.labels[0], model.labels[1:]
    check_labels(model.labels, model.classes)
    if not model.together:
        _check_kind(model, preprocess)
        return _one(model, preprocess, features)
    model.own = {name: {} for name in model.together}  # so that each can be asked by itself
    ways = _of_each(model, "preprocess", preprocess, Preprocess.of, lambda each, _: len(each.input_shape) == 4)
    names = _of_each(model, "features", features, read_names, lambda each, found: each.columns == len(found))
    alone = dict(model.alone)
    model.own = {name: _own(_one(each, ways.get(name), names.get(name))) for name, each in alone.items()}
    vars(model).pop("alone")
    model.vocabulary = None
    return model


def _check_kind(model: Model, preprocess: Any) -> None:
    """Raise UsageError where the one explained input is said to be a sound, and a picture or a text as well."""
    others = {"preprocess": preprocess is not None, "vocabulary": model.reader is not None}
    for name, given in others.items():
        if model.sound is not None and given:
            kind = "pictures" if name == "preprocess" else "texts"
            raise UsageError(f"rate= is for models of sounds, and {name}= for those of {kind}: leave one of them out")


def _one(model: Model, preprocess: Any, features: Any) -> Model:
    """Return a model of one explained input with its own."""
    model.features = read_names(features)
    if model.features is not None:
        check_features(model.features, model.columns)
    if preprocess is not None:
        model.preprocess = Preprocess.of(preprocess).fit(model.input_shape, numpy_dtype(model.explained_input))
    return model


def _own(model: Model) -> dict[str, Any]:
    """Return what is of one of several inputs. A vocabulary is of one of whole numbers."""
    whole = (numpy_dtype(model.explained_input) or "f") in ("int32", "int64")
    words = model.vocabulary if whole else None
    return {"preprocess": model.preprocess, "features": model.features, "vocabulary": words}


def _of_each(
    model: Model, what: str, given: Any, read: Callable[[Any], Any], fits: Callable[[Model, Any], bool]
) -> Mapping[str, Any]:
    """Return what is given for each input: as a dict by their names says, or else, read once, for those that it fits.

    Raises UsageError where it fits none, and for a dict that names another input.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping) and set(given) & set(model.together):
        unknown = [name for name in given if name not in model.together]
        if unknown:
            raise UsageError(f"{what}: {unknown[0]!r} is not explained; expected some of {', '.join(model.together)}")
        return cast("Mapping[str, Any]", given)
    once = read(given)
    found = [name for name, each in model.alone.items() if fits(each, once)]
    if not found or (what == "features" and len(found) > 1):
        said = "fits several of" if found else "fits none of"
        raise UsageError(f"{what}: it {said} the inputs {', '.join(map(repr, model.together))}; give a dict by name")
    return dict.fromkeys(found, once)
