"""Elements of every datatype: in JSON and as bytes, both ways, and what is refused."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from onnxplain.errors import BadInputError
from onnxplain.serve.datatypes import DTYPES, datatype_of, from_bytes, from_json, stated_datatype, to_bytes


@pytest.fixture
def utils():
    """Triton's client, which writes the bytes that are compared with."""
    return pytest.importorskip("tritonclient.utils", reason="Triton's client is not installed")


EDGES = {
    "b": [True, False],
    "i": lambda dtype: [np.iinfo(dtype).min, -1, 0, np.iinfo(dtype).max],
    "u": lambda dtype: [0, 1, np.iinfo(dtype).max],
    "f": lambda dtype: [np.finfo(dtype).min, -0.0, 1 / 3, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max],
}


def edges(datatype):
    found = EDGES[DTYPES[datatype].kind]
    return np.array(found(DTYPES[datatype]) if callable(found) else found, DTYPES[datatype])


@pytest.mark.parametrize("datatype", DTYPES)
def test_numbers_are_the_same_in_json_and_as_bytes(datatype):
    array = edges(datatype)
    assert datatype_of(array) == datatype
    for found in (
        from_json(array.tolist(), datatype, array.shape, "x"),
        from_bytes(memoryview(array.tobytes()), datatype, array.shape, "x"),
    ):
        assert found.dtype == array.dtype and found.tobytes() == array.tobytes()
    assert to_bytes(array) == array.tobytes()
    assert from_json([[each] for each in array.tolist()], datatype, (len(array), 1), "x").shape == (len(array), 1)


@pytest.mark.parametrize("datatype", DTYPES)
def test_datatypes_have_the_names_that_others_give_them(utils, datatype):
    assert utils.np_to_triton_dtype(DTYPES[datatype]) == datatype


def test_bf16_is_widened_exactly():
    array = np.array([[1 / 3, -2.5], [3e38, 1e-40]], ml_dtypes.bfloat16)
    found = from_bytes(memoryview(array.tobytes()), "BF16", (2, 2), "x")
    assert np.array_equal(found, array.astype(np.float32)) and found.dtype == np.float32
    assert datatype_of(array) == "FP32" and to_bytes(array) == array.astype(np.float32).tobytes()
    with pytest.raises(BadInputError, match="JSON has no form for BF16"):
        from_json([1.0], "BF16", (1,), "x")


def test_words_are_written_as_others_write_them(utils):
    words = np.array([["", "a"], ["größe", "x.npz"]], object)
    data = utils.serialize_byte_tensor(words).item()
    assert to_bytes(words) == data
    assert np.array_equal(from_bytes(memoryview(data), "BYTES", (2, 2), "x"), words)
    assert np.array_equal(from_json(words.tolist(), "BYTES", (2, 2), "x"), words)
    assert utils.deserialize_bytes_tensor(to_bytes(words))[2].decode() == "größe"


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "words"),
    [
        ([1, 2, 3], "FP32", (2, 2), "3 elements, and the shape [2, 2] has 4"),
        ([[1, 2], [3]], "FP32", (2, 2), "length 1 and 2 on axis 1"),
        ([[1, 2], 3], "FP32", (2, 2), "unevenly"),
        ([[[1]]], "FP32", (1, 1), "deeper"),
        ([[1, 2]], "FP32", (2, 2), "length 1 on axis 0"),
        ([1, None], "FP32", (2,), "element 1 is null"),
        ([1, "2"], "FP32", (2,), "element 1 is str"),
        ([1, True], "FP32", (2,), "element 1 is bool"),
        ([1, 1.5], "INT64", (2,), "element 1 is float"),
        ([1, 0], "BOOL", (2,), "element 0 is int"),
        ([1, 256], "UINT8", (2,), "too large"),
        ([-1], "UINT64", (1,), "too large or too small"),
        ([2**64], "UINT64", (1,), "too large"),
        ([1e39], "FP32", (1,), "element 0 is beyond the range of FP32"),
        ([70000], "FP16", (1,), "element 0 is beyond the range of FP16"),
        ([10**400], "FP64", (1,), "too large"),
        (["a", 1], "BYTES", (2,), "element 1 is int"),
        ({}, "FP32", (1,), "data is dict"),
        ([], "FP32", (10**12,), "0 elements"),
    ],
)
def test_json_that_does_not_fit_is_refused_by_name(data, datatype, shape, words):
    with pytest.raises(BadInputError) as problem:
        from_json(data, datatype, shape, "input 'x'")
    assert str(problem.value).startswith("input 'x': ") and words in str(problem.value)


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "words"),
    [
        (bytes(7), "FP32", (2,), "7 bytes, and FP32 of shape [2] takes 8"),
        (bytes(8), "FP32", (10**12,), "takes 4000000000000"),
        (b"\1\2", "BOOL", (2,), "byte 1 is 2"),
        (b"\0\0\0", "BYTES", (1,), "3 bytes are left over"),
        (b"\5\0\0\0abc", "BYTES", (1,), "element 0 states 5 bytes, and 3 are there"),
        (b"\1\0\0\0\xff", "BYTES", (1,), "no text in UTF-8"),
        (b"\1\0\0\0a" * 3, "BYTES", (1,), "the shape has 1"),
        (b"", "BYTES", (10**12,), "the shape has"),
    ],
)
def test_bytes_that_do_not_fit_are_refused_by_name(data, datatype, shape, words):
    with pytest.raises(BadInputError) as problem:
        from_bytes(memoryview(data), datatype, shape, "input 'x'")
    assert str(problem.value).startswith("input 'x': ") and words in str(problem.value)


def test_null_is_a_missing_number_where_that_is_allowed():
    found = from_json([1.0, None], "FP32", (2,), "x", missing=True)
    assert np.array_equal(found, np.array([1, np.nan], "f"), equal_nan=True)
    with pytest.raises(BadInputError, match="element 1 is null"):
        from_json([1, None], "INT64", (2,), "x", missing=True)


@pytest.mark.parametrize(
    ("kind", "datatype"),
    [
        *[("tensor(float)", "FP32"), ("tensor(string)", "BYTES"), ("tensor(bool)", "BOOL"), ("tensor(uint8)", "UINT8")],
        *[("tensor(bfloat16)", "BF16"), ("seq(tensor(float))", None), ("tensor(complex64)", None)],
    ],
)
def test_the_datatypes_of_onnxruntimes_types(kind, datatype):
    assert stated_datatype(kind) == datatype
