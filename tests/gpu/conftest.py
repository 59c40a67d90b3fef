"""The engine "cupy" for tests: on the GPU where there is one, else on a stand-in for CuPy and the CPU emulator."""

from __future__ import annotations

import sys
from functools import cache

import pytest


@cache
def real():
    """CuPy itself, where it can compute."""
    try:
        import cupy
    except ImportError:
        return None
    return cupy if cupy.cuda.is_available() else None


@cache
def stand_in():
    from gpu.standin import module
    from kernels.emu import COMPILER

    return module() if COMPILER else None


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """The module `cupy` of every test in this folder."""
    found = real() or stand_in()
    if found is None:
        pytest.skip("neither a GPU with CuPy nor g++, with which its kernels run on the CPU")
    monkeypatch.setitem(sys.modules, "cupy", found)
    return found
