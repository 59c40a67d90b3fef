"""The command that visualises finds what Python finds, and writes picture, numbers and record."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED, digits
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main

CNN, WINE = BUNDLED / "digits_cnn_torch.onnx", BUNDLED / "wine_mlp_torch.onnx"
WITH = ("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json")
ASKED = {"steps": 5, "step_size": 0.05, "tv": 2.0, "jitter": 2, "random_seed": 7}
WORDS = [word for name, value in ASKED.items() for word in (f"--{name.replace('_', '-')}", value)]


def run(*words):
    return CliRunner().invoke(main, ["visualise", *map(str, words)])


def test_it_finds_what_python_finds(tmp_path):
    done = run(CNN, *WITH, "-t", "3", "-o", tmp_path / "three.png", *WORDS, "--size", 352)
    due = ox.visualise(digits(), 3, **ASKED)
    assert done.exit_code == 0, done.output
    said = f"3: score {due.scores[0]:.6g}, raised to {due.scores[-1]:.6g} -> {tmp_path / 'three.png'}\n"
    assert done.stdout == said
    with np.load(tmp_path / "three.npz") as arrays:
        assert np.array_equal(arrays["picture"], due.picture) and np.array_equal(arrays["scores"], due.scores)
        kept = json.loads(str(arrays["record"]))
    record = json.loads((tmp_path / "three.json").read_text())
    with Image.open(tmp_path / "three.png") as picture:
        assert json.loads(picture.text["onnxplain"]) == record == kept
        assert np.array_equal(np.asarray(picture), np.asarray(due.image(size=352)))
    assert record["visualisation"] == {**ASKED, "jitter": [2, 2]} and record["target"] == [3]
    assert record["model"]["sha256"] == digits().sha256 and record["preprocess"]["size"] == [16, 16]
    assert record["scores"] == [due.scores[0], due.scores[-1]]


def test_the_picture_is_what_the_preprocessing_makes_of_it():
    found = ox.visualise(digits(), 3, steps=2)
    again = digits().preprocess(Image.fromarray(found.pixels))
    np.testing.assert_allclose(again.ravel(), found.picture.ravel(), atol=0.5 / 255 / 0.3)


def test_the_record_as_json_names_the_files(tmp_path):
    done = run(WINE, "-t", "1", "-o", tmp_path / "w.npz", "--steps", 2, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["files"] == [str(tmp_path / "w.npz"), str(tmp_path / "w.json")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((CNN,), 2, "--target"),
        ((CNN, "-t", "nothing"), 2, "without labels="),
        ((CNN, "-t", "3", "--steps", 0), 2, "steps"),
        ((CNN, "-t", "3", "--size", 3), 2, "size=3"),
        ((CNN, "-t", "3", "-o", "a.jpg"), 2, "cannot save as .jpg"),
        ((CNN, "-t", "3", "-o", "nowhere/a.png"), 2, "does the folder exist"),
        ((WINE, "-t", "1", "-o", "a.png"), 2, "no picture; save what is found as .npz"),
        ((WINE, "-t", "1", "-o", "a.npz", "--size", 99), 2, "holds none"),
        (("nowhere.onnx", "-t", "1"), 4, "nowhere.onnx"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.exit_code == code and said in done.stderr, done.output
    assert not list(tmp_path.iterdir())


def test_the_model_is_never_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.png").write_bytes(CNN.read_bytes())
    done = run("m.png", "-t", "3", "-o", "m.png")
    assert done.exit_code == 2 and "would be written over" in done.stderr
