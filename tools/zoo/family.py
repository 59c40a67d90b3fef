"""Families: which files there are, and what makes each of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kept import Made, Truth

MODULES = (
    "small",
    "trained",
    "torchvision_models",
    "timm_models",
    "transformers_text",
    "transformers_media",
    "keras_models",
    "recurrent",
    "sklearn_models",
    "boosted",
    "quantised",
    "optimised",
    "half",
)
"""The modules of the room `families`; those that are made of others' files come last."""

KINDS = ("float", "half", "quantised", "table")
"""What a family's files are, which decides what has to hold of them; see verdict.py."""


@dataclass(frozen=True)
class Family:
    """Files of one kind.

    name: of the family, and of its folder. kind: one of KINDS. needs: the modules that making them imports.
    names: of the files, each `FAMILY/NAME`. make: writes the file of a name into a folder, and returns what is known.
    after: whether its files are made of those of other families.
    """

    name: str
    kind: str
    needs: tuple[str, ...]
    members: Sequence[str]
    make: Callable[[str, Path], tuple[Made, Truth]]
    after: bool = False

    @property
    def names(self) -> list[str]:
        """The names of its files, each with that of the family."""
        return [f"{self.name}/{member}" for member in self.members]

    def missing(self) -> list[str]:
        """Return the modules that this Python does not have."""
        return [name for name in self.needs if find_spec(name) is None]


def families() -> dict[str, Family]:
    """Return all families by name. Nothing heavy is imported for it."""
    found = (import_module(f"families.{module}").FAMILY for module in MODULES)
    return {family.name: family for family in found}
