"""What `predict` says is what onnxruntime says of the untouched file."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits, relu_cnn

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import BadInputError, NumericalError, UsageError


@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_cnn_keras"])
def test_rows_have_the_classes_of_the_highest_scores(name):
    model = digits(name)
    found = model.predict(DIGITS[:3], top=2)
    e = ox.explain(model, DIGITS[:3], "gradient")
    session = onnxruntime.InferenceSession(BUNDLED / f"{name}.onnx", providers=["CPUExecutionProvider"])
    (due,) = session.run(None, {session.get_inputs()[0].name: e.inputs})
    assert len(found) == 3 and found.labels == ("0", "1", "2")
    np.testing.assert_allclose(np.stack([row.outputs[found.output] for row in found]), due, rtol=1e-6)
    np.testing.assert_allclose(found.scores, e.prediction, rtol=1e-5)
    for row, path, outputs in zip(found, DIGITS, due, strict=False):
        assert row.name == str(path) and len(row.top) == 2
        assert [each.index for each in row.top] == np.argsort(-outputs)[:2].tolist()
        assert row.top[0].score > row.top[1].score
    assert (found.probabilities is None) == (name == "digits_cnn_torch")


def test_it_prints_as_a_table():
    head, first, second, *_ = str(digits("digits_cnn_keras").predict(DIGITS[:2], top=2)).splitlines()
    assert head.split() == ["input", "class", "probability", "score"]
    assert first.split()[:2] == [str(DIGITS[0]), "0"] and len(second.split()) == 3
    assert "probability" not in str(digits().predict(DIGITS[0]))


def test_many_rows_are_run_in_parts_that_give_the_same():
    model, x = relu_cnn()
    x = np.concatenate([x] * 20)
    whole = ox.load(model).predict(x)
    np.testing.assert_allclose(whole.scores, np.concatenate([ox.load(model).predict(x[:3]).scores] * 20), rtol=1e-5)
    assert len(whole) == 60 and whole[59].top[0].score == whole.scores[59].max()


def test_what_was_done_to_a_picture_is_noted():
    found = digits().predict(DIGITS[0])
    assert found.notes[0].startswith("preprocessing: resized to 16x16")
    array = digits().predict(np.zeros((1, 1, 16, 16), "f"))
    assert not any(each.startswith("preprocessing") for each in array.notes)


def test_what_is_refused():
    model = digits()
    with pytest.raises(UsageError, match="top=0"):
        model.predict(DIGITS[0], top=0)
    with pytest.raises(BadInputError, match="does not exist"):
        model.predict("nowhere.png")
    plain = ox.load(relu_cnn()[0])
    with pytest.raises(NumericalError, match="scores are"):
        plain.predict(np.full((1, 3, 11, 9), 3e38, "f"))


def test_the_command_prints_classes_or_json():
    name = "digits_cnn_keras"
    given = ["predict", str(BUNDLED / f"{name}.onnx"), *map(str, DIGITS[:2]), "--top", "2"]
    given += ["--preprocess", str(BUNDLED / f"{name}.preprocess.json"), "--labels", str(BUNDLED / "digits.labels.txt")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == str(DIGITS[0]) and lines[1].split()[0] == "0" and lines[3] == str(DIGITS[1])
    assert done.stderr.count("preprocessing: ") == 1
    found = digits(name).predict(DIGITS[:2], top=2)
    said = json.loads(CliRunner().invoke(main, [*given, "--json"]).stdout)
    assert said == [row.to_dict() for row in found]
