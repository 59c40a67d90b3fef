"""The tests of the Namespace with every array in memory of its own, for compute-sanitizer."""

from __future__ import annotations

import sys

import cupy
import pytest

if __name__ == "__main__":
    cupy.cuda.set_allocator(None)
    sys.exit(pytest.main(["-q", "-x", "-W", "default", "tests/gpu/test_namespace.py"]))
