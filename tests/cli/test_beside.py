"""A model with a second input, from the shell: `--input NAME=FILE`."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.cli import main


@pytest.fixture
def files(tmp_path):
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("x", "z")]
    nodes = [node("Mul", "x z", "a"), node("MatMul", "a w", "y")]
    onnx.save(network(nodes, None, {"w": np.eye(4, 3, dtype="f")}, inputs=inputs), tmp_path / "m.onnx")
    for name, array in zip("ab", np.random.default_rng(0).normal(size=(2, 2, 4)).astype("f"), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path


def run(command, files, *given):
    out = ["-o", str(files / "out"), "-m", "gradient", "-t", "1"] if command == "explain" else []
    return CliRunner().invoke(main, [command, str(files / "m.onnx"), str(files / "a.npy"), *out, *map(str, given)])


def test_it_is_given_to_the_model_beside_the_explained_one(files):
    given = {"z": np.load(files / "a.npy"), "x": np.load(files / "b.npy")}
    e = ox.explain(ox.load(files / "m.onnx", input="z"), given, "gradient", target=1)
    done = run("explain", files, "--input", "z", "--input", f"x={files / 'b.npy'}", "--json")
    assert done.exit_code == 0, done.output
    (said,) = json.loads(done.stdout)
    assert said["attribution"] == e.record["attribution"] and said["input"]["others"] == e.record["input"]["others"]
    assert said["input"]["names"] == [f"{files / 'a.npy'}[{i}]" for i in range(2)]
    with np.load(files / "out" / "a.gradient.npz") as arrays:
        np.testing.assert_array_equal(arrays["attribution"][:, 1], given["x"][:, 1])
    scores = ox.load(files / "m.onnx", input="z").predict(given).scores
    rows = json.loads(run("predict", files, "--input", "z", "--input", f"x={files / 'b.npy'}", "--json").stdout)
    assert [row["top"][0]["score"] for row in rows] == scores.max(1).tolist()


def test_what_is_no_array_or_not_taken_is_refused(files):
    (files / "text.txt").write_text("none")
    wrong = run("explain", files, "--input", "z", "--input", f"x={files / 'text.txt'}")
    assert wrong.exit_code == 4 and "expected an array" in wrong.stderr
    assert run("explain", files, "--input", "z").exit_code == 4
    two = run("explain", files, "--input", "z", "--input", "x")
    assert two.exit_code == 4 and "'z', 'x' are explained together: pass a dict" in two.stderr
    twice = run("explain", files, "--input", "z", *(f"--input=x={files / name}" for name in ("a.npy", "b.npy")))
    assert twice.exit_code == 2 and "several files for one input" in twice.stderr
    first = run("explain", files, "--input", "z", f"--input=x={files / 'b.npy'}", f"--input=z={files / 'b.npy'}")
    assert first.exit_code == 2 and "INPUTS are what 'z' takes" in first.stderr
    assert not (files / "out").exists()
    other = CliRunner().invoke(main, ["inspect", str(files / "m.onnx"), "--input", "z=a.npy"])
    assert other.exit_code == 2 and "only explain and predict" in other.stderr


def test_several_inputs_are_explained_together_and_again(files):
    given = {"z": np.load(files / "a.npy"), "x": np.load(files / "b.npy")}
    beside = "--input", f"x={files / 'b.npy'}"
    for names in (("--input", "z", "--input", "x"), ("--input", "all")):
        first = "z" if len(names) > 2 else "x"
        files_of = beside if first == "z" else ("--input", f"z={files / 'b.npy'}")
        done = run("explain", files, *names, *files_of, "--json")
        assert done.exit_code == 0, done.output
        (said,) = json.loads(done.stdout)
        x = given if first == "z" else {"x": given["z"], "z": given["x"]}
        e = ox.explain(ox.load(files / "m.onnx", input=list(x)), x, "gradient", target=1)
        assert said["attributions"] == e.record["attributions"] and said["explained"] == list(x)
        assert len([each for each in said["files"] if each.endswith(".png")]) == 2
    record = files / "out" / "a.gradient.json"
    again = CliRunner().invoke(main, ["replay", str(record)])
    assert again.exit_code == 0 and "the same bits" in again.stdout
    moved = [f"--input={name}={(files / f'{file}.npy').rename(files / f'{file}2.npy')}" for name, file in ("xa", "zb")]
    assert CliRunner().invoke(main, ["replay", str(record)]).exit_code == 4
    assert CliRunner().invoke(main, ["replay", str(record), *moved]).exit_code == 0
    said = CliRunner().invoke(main, ["inspect", str(files / "m.onnx"), "--input", "all", "--json"]).stdout
    assert json.loads(said)["explained"] == "x, z, together"
