"""Without onnxruntime the message says what to install."""

import sys

import pytest

from onnxplain.errors import MissingExtraError
from onnxplain.graph.runtime import onnxruntime


def test_a_missing_runtime_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[cpu\].*onnxplain\[gpu\]"):
        onnxruntime()


def test_it_is_the_module():
    assert onnxruntime() is sys.modules["onnxruntime"]
