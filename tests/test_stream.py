"""Streams: what they yield is what a call gives, a bad input stops no other, and memory does not grow."""

from __future__ import annotations

import resource
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, NumericalError, UsageError

MODEL = digits()


@pytest.fixture
def mixed(tmp_path):
    """Six inputs, of which three are bad: one is missing, one is no picture, and one is of another shape."""
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "flat.npy", np.zeros((1, 7), "f"))
    return [DIGITS[0], tmp_path / "missing.png", DIGITS[1], tmp_path / "text.png", tmp_path / "flat.npy", DIGITS[2]]


@pytest.mark.parametrize("size", [1, 2, 4, 10])
def test_it_yields_what_each_call_gives(size):
    explainer = ox.Explainer(MODEL, "lrp.epsilon")
    stream = explainer.stream(DIGITS[:5], [3, None, 1, 2, 0] if size == 1 else [3, 4, 1, 2, 0], batch_size=size)
    for path, target, e in zip(DIGITS, stream.target, stream, strict=False):
        alone = explainer(path, target)
        np.testing.assert_allclose(e.attribution, alone.attribution, atol=1e-6 * np.abs(alone.attribution).max())
        assert e.record["input"] == alone.record["input"] and e.record["target"] == alone.record["target"]
        if size == 1:
            assert e.record["attribution"] == alone.record["attribution"]


@pytest.mark.parametrize("size", [1, 3])
def test_inputs_are_read_when_they_are_asked_for(size):
    read = []

    def paths():
        for path in DIGITS:
            read.append(path)
            yield path

    stream = ox.Explainer(MODEL, "gradient").stream(paths(), batch_size=size)
    assert read == []
    assert len(list(islice(stream, 2))) == 2 and len(read) <= 2 * size


@pytest.mark.parametrize("size", [1, 4])
def test_a_bad_input_stops_no_other(size, mixed):
    stream = ox.Explainer(MODEL, "gradient").stream(mixed, batch_size=size, on_error="skip")
    done = [(item, e.labels) for item, e in stream.items()]
    assert [item for item, _ in done] == DIGITS[:3] and [labels for _, labels in done] == [("0",), ("1",), ("2",)]
    assert [each.name for each in stream.failures] == [str(mixed[i]) for i in (1, 3, 4)]
    assert "does not exist" in stream.failures[0].reason and "shape [1, 7]" in stream.failures[2].reason


@pytest.mark.parametrize("size", [1, 3])
def test_a_row_that_the_model_cannot_bear_stops_no_other_of_its_batch(size):
    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model), "gradient")
    stream = explainer.stream([x[:1], np.full_like(x[:1], 3e38), x[1:2]], 0, batch_size=size, on_error="skip")
    found = [e.attribution for e in stream]
    for each, due in zip(found, (x[:1], x[1:2]), strict=True):
        np.testing.assert_allclose(each, explainer(due, 0).attribution, atol=1e-6)
    (failure,) = stream.failures
    assert failure.name == "input 1" and isinstance(failure.error, NumericalError)


def test_by_default_the_first_bad_input_raises(mixed):
    stream = iter(ox.Explainer(MODEL, "gradient").stream(mixed))
    assert next(stream).labels == ("0",)
    with pytest.raises(BadInputError, match="does not exist"):
        next(stream)


def test_rows_of_a_file_stay_together_and_shapes_apart(tmp_path):
    model, x = relu_cnn()
    small = x[:1, :, :9, :9]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    np.save(tmp_path / "two.npy", x[:2])
    explainer = ox.Explainer(ox.load(model), "gradient")
    found = list(explainer.stream([tmp_path / "two.npy", x[2:], small], [[0, 1], 2, 3], batch_size=3))
    assert [len(e) for e in found] == [2, 1, 1] and [e.target.tolist() for e in found] == [[0, 1], [2], [3]]
    np.testing.assert_allclose(found[0].attribution, explainer(x[:2], [0, 1]).attribution, atol=1e-6)
    together = list(explainer.stream([tmp_path / "two.npy", x[2:]], [[0, 1], 2], batch_size=2))
    assert [e.target.tolist() for e in together] == [[0, 1], [2]]
    assert [e.record["input"]["names"] for e in together] == [
        [f"{tmp_path / 'two.npy'}[{i}]" for i in (0, 1)],
        ["input"],
    ]


def test_an_input_that_all_share_is_shared():
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", ["N", 4]), ("t", [4]))]
    model = network(
        [node("Mul", "x t", "a"), node("MatMul", "a w", "y")], None, {"w": np.eye(4, 3, dtype="f")}, inputs=inputs
    )
    explainer, x = ox.Explainer(ox.load(model, input="x"), "gradient"), np.ones((1, 4), "f")
    given = [{"x": x, "t": np.full(4, i, "f")} for i in (2, 2, 3)]
    slopes = [e.attribution[0, 0] for e in explainer.stream(given, 0, batch_size=3)]
    assert slopes == [2, 2, 3]


def test_a_folder_is_a_source_of_inputs(tmp_path):
    for path in DIGITS[:2]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = list(ox.Explainer(MODEL, "gradient").stream(tmp_path))
    assert [e.labels for e in found] == [("0",), ("1",)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"on_error": "stop"}, "on_error='stop'"),
        ({"target": [1, 2]}, "2 targets for 3 inputs"),
        ({"inputs": 7}, "something to iterate over"),
        ({"target": "cat"}, "unknown label"),
    ],
)
def test_what_is_asked_wrongly_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        list(ox.Explainer(MODEL, "gradient").stream(**{"inputs": DIGITS[:3], "on_error": "skip", **given}))


GROWTH = """
import resource, sys, onnxplain as ox
from itertools import cycle, islice
model = ox.load(sys.argv[1], preprocess=sys.argv[2])
stream = ox.Explainer(model, "lrp.epsilon").stream(islice(cycle(sys.argv[4:]), 2000), batch_size=int(sys.argv[3]))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i, e in enumerate(stream, 1):
    if i == 100:
        before = peak()
print(i, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is a kilobyte on Linux")
@pytest.mark.parametrize("size", [1, 16])
def test_two_thousand_pictures_take_no_more_memory_than_a_hundred(size):
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
    given = [str(BUNDLED / "digits_cnn_torch.onnx"), str(BUNDLED / "digits_cnn_torch.preprocess.json"), str(size)]
    said = subprocess.check_output([sys.executable, "-c", GROWTH, *given, *map(str, DIGITS)], text=True)
    count, growth = map(int, said.split())
    assert count == 2000 and growth < 100 * 1024, f"{growth / 1024:.0f} MB"
