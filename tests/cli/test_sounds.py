"""WAV files on the command line: what is stated of them, exit codes, folders, and the record that is replayed."""

from __future__ import annotations

import json
import wave

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.cli import main

RATE, LENGTH = 8000, 400


def save_wav(path, seed=0, rate=RATE, channels=1, frames=LENGTH):
    numbers = np.random.default_rng(seed).integers(-(2**15), 2**15, (frames, channels), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(numbers.astype("<i2").tobytes())
    return numbers / 2**15


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A folder with a model of waveforms, f(x) = x w, and three sounds."""
    weights = np.random.default_rng(9).normal(size=(LENGTH, 2)).astype("f")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["wave", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("wave", TensorProto.FLOAT, ["N", LENGTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    (tmp_path / "sounds").mkdir()
    for i in range(3):
        save_wav(tmp_path / "sounds" / f"s{i}.wav", i)
    monkeypatch.chdir(tmp_path)
    return tmp_path, weights


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_a_folder_of_sounds_is_explained_and_replayed(at):
    folder, weights = at
    done = run("explain", "m.onnx", "sounds", "--rate", "8000", "-m", "input_x_gradient", "-t", "1", "-o", "out")
    assert done.exit_code == 0, done.output
    assert "s0.wav: 8000 samples a second, whole numbers of 16 bits scaled to [-1, 1)" in done.stderr
    for i in range(3):
        x = save_wav(folder / "again.wav", i)[:, 0]
        with np.load(folder / "out" / f"s{i}.input_x_gradient.npz") as found:
            np.testing.assert_allclose(found["attribution"][0], x * weights[:, 1], rtol=1e-5, atol=1e-6)
        assert (folder / "out" / f"s{i}.input_x_gradient.png").stat().st_size > 1000
    record = json.loads((folder / "out" / "s0.input_x_gradient.json").read_text())
    stated = {"rate": 8000, "resample": False, "channel": None, "shape": ["N", LENGTH]}
    assert record["model"]["sound"] == stated and record["input"]["files"][0]
    again = run("replay", "out/s1.input_x_gradient.json")
    assert again.exit_code == 0 and "same bits" in again.output
    assert run("evaluate", "m.onnx", "sounds", "--rate", "8000").exit_code == 0
    assert run("compare", "m.onnx", "sounds", "--rate", "8000", "-m", "gradient", "-o", "grid.png").exit_code == 0


@pytest.mark.usefixtures("at")
def test_what_is_asked_of_sounds_is_done():
    save_wav("wide.wav", 7, rate=2 * RATE, channels=2, frames=2 * LENGTH)
    refused = run("predict", "m.onnx", "wide.wav", "--rate", "8000")
    assert refused.exit_code == 4 and "2 channels, and the model takes one" in refused.stderr
    refused = run("predict", "m.onnx", "wide.wav", "--rate", "8000", "--channel", "0")
    assert refused.exit_code == 4 and "16000 samples a second, and the model takes 8000" in refused.stderr
    pytest.importorskip("scipy", reason="scipy, which resamples, is not installed")
    done = run("predict", "m.onnx", "wide.wav", "--rate", "8000", "--channel", "0", "--resample", "--json")
    assert done.exit_code == 0 and "channel 0 of 2, resampled to 8000" in done.stderr
    assert json.loads(done.stdout)[0]["name"] == "wide.wav"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sounds/s0.wav",), 2, "no rate; nothing is guessed"),
        (("sounds/s0.wav", "--resample"), 2, "whose rate has to be stated too"),
        (("sounds/s0.wav", "--rate", "0"), 2, "rate=0"),
        (("sounds/s0.wav", "--rate", "8000", "--channel", "left"), 2, "channel='left'"),
        (("sounds/s0.wav", "--rate", "16000"), 4, "has 8000 samples a second"),
        (("sounds/s0.wav", "broken.wav", "--rate", "8000"), 5, "broken.wav: a WAV file that ends before"),
    ],
)
def test_each_fault_has_its_exit_code(at, arguments, code, said):
    (at[0] / "broken.wav").write_bytes((at[0] / "sounds" / "s0.wav").read_bytes()[:30])
    done = run("explain", "m.onnx", *arguments)
    assert done.exit_code == code and said in done.stderr, done.stderr


def test_bytes_open_files_and_streams(at):
    model = ox.load("m.onnx", rate=RATE)
    path = at[0] / "sounds" / "s2.wav"
    due = ox.explain(model, path, "gradient").record["input"]["sha256"]
    with path.open("rb") as file:
        for source in (path.read_bytes(), file, str(path)):
            assert ox.explain(model, source, "gradient").record["input"]["sha256"] == due
    stream = ox.Explainer(model, "gradient").stream("sounds")
    assert [e.record["input"]["names"] for e in stream] == [[f"sounds/s{i}.wav"] for i in range(3)]
    found = ox.compare(model, [path.read_bytes(), str(path)], ["gradient"])
    assert [row["gradient"].record["input"]["sha256"] for row in found.rows] == [due, due]
