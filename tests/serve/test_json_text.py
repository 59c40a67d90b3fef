"""Strict JSON, both ways: every float comes back with its bits, and what is no JSON is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("orjson", reason="the service needs the extra serve")
from onnxplain.serve.json_text import JsonError, dumps, is_finite, loads


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_come_back_with_the_same_bits(dtype):
    bits = np.random.default_rng(0).integers(0, 256, (4096, np.dtype(dtype).itemsize), np.uint8)
    edges = [0.0, -0.0, 1, -3, 0.1, np.finfo(dtype).max, np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal]
    array = np.concatenate([bits.view(dtype).ravel(), np.array(edges, dtype)])
    array = array[np.isfinite(array)]
    found = np.array(json.loads(dumps(array)), dtype)
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0), (3, 4), (2, 3, 4, 5), (3, 200, 200), (40000,)])
def test_arrays_are_nested_as_lists_are(shape):
    array = np.random.default_rng(0).normal(size=shape).astype("f")
    assert np.array_equal(np.array(json.loads(dumps(array)), "f").reshape(shape), array)
    assert np.shape(json.loads(dumps(array))) == shape


def test_values_that_hold_arrays_are_written_whole():
    array = np.array([1.5, 2], "f")
    value = {
        "a": [array, {"b": array.astype(int), "c": None}],
        3: "ü",
        "d": array[0],
        "e": np.int64(3),
        "f": (1, array),
        "g": np.array([[1, 2], [3, 4]], ">f4").T,
    }
    expected = {"a": [[1.5, 2], {"b": [1, 2], "c": None}], "3": "ü", "d": 1.5, "e": 3, "f": [1, [1.5, 2]]}
    expected["g"] = [[1, 3], [2, 4]]
    assert json.loads(dumps(value)) == expected
    assert json.loads(dumps(np.array([["a"], ["b"]], object))) == [["a"], ["b"]]
    assert json.loads(dumps(np.array([True, False]))) == [True, False]


def test_numbers_that_are_not_finite_are_null_and_are_found():
    value = {"x": {"y": np.array([1, np.inf], "f")}, "w": float("nan")}
    assert json.loads(dumps(value), parse_constant=pytest.fail) == {"x": {"y": [1, None]}, "w": None}
    assert not is_finite(value["x"]) and not is_finite(value["w"]) and not is_finite(np.float32("inf"))
    assert all(map(is_finite, ({"a": np.array([1.0]), "b": "c"}, np.array(["a"], object), 3, 1.5, None)))


def test_other_values_are_refused():
    with pytest.raises(TypeError, match="set"):
        dumps({"a": {1}})


@pytest.mark.parametrize(
    "text",
    [
        b"[NaN]",
        b'{"a": Infinity}',
        b"[1e999]",
        b"[" * 100_000,
        b"\xff",
        b'["\\ud800"]',
        b"[1",
        b"",
        b"[1,]",
        b"[01]",
        b"1 2",
    ],
)
def test_what_is_no_strict_json_is_refused(text):
    with pytest.raises(JsonError):
        loads(text)


def test_a_text_of_more_lists_than_memory_holds_is_refused():
    with pytest.raises(JsonError, match="2097154 lists and objects"):
        loads(b"[" + b"[]," * 2**21 + b"[]]")


def test_a_pair_of_halves_is_a_character():
    assert loads(b'["\\ud83d\\ude00"]') == ["😀"]
