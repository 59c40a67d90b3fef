"""Seals: an object of JSON that states the SHA-256 of its own canonical text, without the seal.

A seal shows that a file was damaged. It does not show who wrote it: whoever changes the object can seal it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.runs.encoded import digest, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

SEAL = "sha256"


def sealed(found: Mapping[str, Any], name: str = SEAL) -> dict[str, Any]:
    """Return an object with its seal, under this name.

    >>> sealed({"a": 1})
    {'a': 1, 'sha256': '015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862'}
    """
    bare = {key: value for key, value in found.items() if key != name}
    return {**bare, name: digest(encoded(bare))}


def is_whole(found: Mapping[str, Any], name: str = SEAL) -> bool:
    """Whether an object has the seal that it should have."""
    return bool(found.get(name) == sealed(found, name)[name])
