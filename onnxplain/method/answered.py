"""Which methods explain a model that is known by its answers alone: those that ask it for scores, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.method.perturbation import PerturbationSpec
from onnxplain.method.registry import METHODS

if TYPE_CHECKING:
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model


def asks_scores_alone(spec: MethodSpec) -> bool:
    """Whether a method needs no more of a model than the scores of rows, and no slope."""
    return isinstance(spec, PerturbationSpec) and not spec.learns


def check_answered(model: Model, spec: MethodSpec) -> None:
    """Raise UnsupportedModelError where a model is known by its answers alone, and a method needs more of it."""
    if not asks_scores_alone(spec):
        names = ", ".join(name for name, each in METHODS.items() if asks_scores_alone(each))
        model.check_has_file(f"method {spec.name!r}", f"methods that perturb, and need its answers alone, are: {names}")
