"""How much effort a request is decides whether it is read in the event loop, which must not be held for long."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.serve.datatypes import BYTES
from onnxplain.serve.describe import Description, Tensor
from onnxplain.serve.effort import FEW, of_body, of_outputs, of_values


def takes(*inputs):
    return Description("m", tuple(inputs), (), frozenset())


NUMBERS = takes(Tensor("x", "FP32", (-1, 3)))


@pytest.mark.parametrize("values", [["text"], [[1.0]], [np.zeros(3), b"\x89PNG"], [np.array(["a"])], [np.array([{}])]])
def test_what_is_no_array_of_numbers_is_never_read_in_the_loop(values):
    assert of_values(values) > FEW


def test_arrays_of_numbers_are_less_effort_than_as_many_bytes_of_json():
    assert 0 < of_values([np.zeros(2**14), np.zeros(2**10, bool)]) < 2**17
    assert of_values([np.zeros(2**20, "f")]) > FEW


def test_a_body_of_json_counts_whole_and_of_binary_numbers_the_json_does():
    assert of_body(9000, None, NUMBERS) == 9000
    assert 1000 < of_body(9000, "1000", NUMBERS) < 9000
    assert of_body(2**24, "1000", NUMBERS) > FEW


@pytest.mark.parametrize("length", ["", "-1", "1e3", "x", "99999999999999999999", "9" * 5000, "²"])
def test_a_length_that_cannot_be_counts_the_whole_body(length):
    assert of_body(9000, length, NUMBERS) == 9000


@pytest.mark.parametrize("text", [Tensor("t", BYTES, (-1,)), Tensor("t", "FP32", (-1, 3, 8, 8), also=(BYTES,))])
def test_texts_and_pictures_in_binary_data_count_whole(text):
    assert of_body(9000, "1000", takes(NUMBERS.inputs[0], text)) == 9000


def test_an_output_as_json_is_more_effort_than_as_binary_data():
    maps = {"a": np.zeros(800, "f"), "b": np.zeros(8, "f")}
    as_json, as_binary = of_outputs(maps, {"a": False}), of_outputs(maps, {"a": True})
    assert as_json == maps["a"].nbytes > as_binary > 0
    assert of_outputs(maps, {"a": False, "b": False, "record": False}) == as_json + maps["b"].nbytes
    assert of_outputs(maps, {}) == 0
