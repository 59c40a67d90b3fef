"""Strict JSON, both ways: every float comes back with its bits, and what is no JSON is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from onnxplain.serve.json_text import JsonError, dumps, loads


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
    }
    expected = {"a": [[1.5, 2], {"b": [1, 2], "c": None}], "3": "ü", "d": 1.5, "e": 3, "f": [1, [1.5, 2]]}
    assert json.loads(dumps(value)) == expected
    assert json.loads(dumps(np.array([["a"], ["b"]], object))) == [["a"], ["b"]]
    assert json.loads(dumps(np.array([True, False]))) == [True, False]


def test_numbers_that_are_not_finite_become_null_and_are_named():
    value = {"x": {"y": np.array([1, np.inf], "f"), "z": np.array([1.0])}, "w": [float("nan")]}
    found = json.loads(dumps(value), parse_constant=pytest.fail)
    assert found == {"x": {"y": [1, None], "z": [1], "not_finite": ["y"]}, "w": [None]}
    assert json.loads(dumps({"a": float("inf")})) == {"a": None, "not_finite": ["a"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[NaN]", "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "UTF-8"),
        (b'["\\ud800"]', "half a character"),
        (b"[1", "line 1"),
        (b"", "line 1"),
        (b"[" + b"9" * 5000 + b"]", "4300"),
    ],
)
def test_what_is_no_strict_json_is_refused(text, words):
    with pytest.raises(JsonError, match=words):
        loads(text)


def test_a_pair_of_halves_is_a_character():
    assert loads(b'["\\ud83d\\ude00"]') == ["😀"]
