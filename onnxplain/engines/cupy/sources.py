"""The CUDA sources: where they are, and their text with headers inserted. Needs no CuPy."""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_INCLUDE = re.compile(r'^#include "(\w+)\.cuh".*$', re.MULTILINE)


def folder() -> Path:
    """Return the folder of the sources: inside the package in a wheel, beside it in a checkout."""
    return next(path for path in (_PACKAGE / "kernels", _PACKAGE.parent / "kernels") if path.is_dir())


def text_of(file: str) -> str:
    """Return the text of a source as it is in its folder."""
    return (folder() / file).read_text(encoding="utf-8")


def source(name: str, **instead: str) -> str:
    """Return the text of a kernel with its headers inserted, each once.

    So CuPy's cache of compiled code, which goes by the text, notices a changed header too.
    instead: texts to take the place of headers, by name of the header.
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
