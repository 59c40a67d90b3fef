"""The models of a service, under names that can stand in an address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxplain.api import load
from onnxplain.errors import UsageError
from onnxplain.model import Model
from onnxplain.serve.names import NAME
from onnxplain.serve.served import Served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.serve.limits import Limits

Models: TypeAlias = "Model | str | Path | Sequence[Model | str | Path] | Mapping[str, Model | str | Path]"
"""What is served: one model or several, loaded or as paths, named after their files; or a dict of names for these."""


def served_models(given: Models, limits: Limits) -> dict[str, Served]:
    """Return models under their names. Raises UsageError where there is none, or a name is not one or not alone."""
    found = dict(given) if isinstance(given, Mapping) else _named(given)
    if not found:
        raise UsageError("there is no model to serve")
    for name in found:
        if not NAME.fullmatch(name):
            raise UsageError(f"model name {name!r}: expected letters, digits, '.', '_' and '-'; give another one")
    return {name: Served(name, _loaded(model), limits) for name, model in found.items()}


def _named(given: Any) -> dict[str, Model | str | Path]:
    listed = [given] if isinstance(given, (Model, str, Path)) else list(given)
    names = [_stem(model, i) for i, model in enumerate(listed)]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two models are called {name!r}; give them names, NAME=FILE or a dict")
    return dict(zip(names, listed, strict=True))


def _stem(model: Model | str | Path, place: int) -> str:
    """Return the name of a model: that of its file, without its ending, or that of its predictor."""
    if not isinstance(model, Model):
        return Path(model).stem
    if model.path is not None:
        return Path(model.path).stem
    return model.name if NAME.fullmatch(model.name) else f"model{place or ''}"


def _loaded(model: Any) -> Model:
    return model if isinstance(model, Model) else load(model)
