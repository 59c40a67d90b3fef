"""The CUDA sources: found in a checkout and in a wheel, and joined with their headers. Needs no CuPy."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_INCLUDE = re.compile(r'^#include "(\w+)\.cuh".*$', re.MULTILINE)


def folder() -> Path:
    """Where the sources are: inside the package in a wheel, beside it in a checkout."""
    return next(path for path in (_PACKAGE / "kernels", _PACKAGE.parent / "kernels") if path.is_dir())


def text_of(file: str) -> str:
    """A source as it is in its folder."""
    return (folder() / file).read_text(encoding="utf-8")


def source(name: str, **instead: str) -> str:
    """Text of a kernel with its headers in place, each once: then a cache of compiled code sees their changes too.

    instead: by the name of a header, what stands in its place.
    """
    seen: set[str] = set()

    def insert(found: re.Match[str]) -> str:
        header = found[1]
        if header in seen:
            return ""
        seen.add(header)
        text = instead.get(header) or text_of(f"{header}.cuh")
        return _INCLUDE.sub(insert, text.replace("#pragma once\n", ""))

    return _INCLUDE.sub(insert, text_of(f"{name}.cu"))
