"""Names of anyone's choosing reach no terminal as they are: neither escapes nor line breaks; JSON has them exactly."""

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from onnxplain.cli import main

BAD = "\x1b[2J\x9bred\r\nforged  Relu  ELEMENTWISE  keep\x07\u202e"
"""What names end in: an escape that clears the screen, a line that looks like one of a plan, a bell, mirrored text."""


@pytest.fixture
def case(tmp_path):
    """A model, its labels and an array, with that in the name of each thing that has one."""
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,3] y)
        { a = MatMul(x, w)  b = Relu(a)  y = MatMul(b, v) }""")
    weights = {"w": np.ones((4, 5), "f"), "v": np.ones((5, 3), "f")}
    proto.graph.initializer.extend(numpy_helper.from_array(value, name + BAD) for name, value in weights.items())
    proto.producer_name = proto.producer_version = BAD
    for i, node in enumerate(proto.graph.node):
        node.name = f"{node.op_type}{i}{BAD}"
        node.input[:] = [each + BAD for each in node.input]
        node.output[:] = [each + BAD for each in node.output]
    for value in (*proto.graph.input, *proto.graph.output):
        value.name += BAD
    folder = tmp_path / f"folder{BAD}"
    folder.mkdir()
    paths = [folder / f"{name}{BAD}{ending}" for name, ending in (("m", ".onnx"), ("l", ".txt"), ("x", ".npy"))]
    onnx.save(proto, paths[0])
    paths[1].write_text("".join(f"{i} \x1b]0;title\x07\x9b31m\n" for i in range(3)), encoding="utf-8")
    np.save(paths[2], np.ones((1, 4), "f"))
    return [str(path) for path in (*paths, folder)]


def run(*words):
    return CliRunner().invoke(main, list(words))


def check_plain(done, code=0):
    assert done.exit_code == code, done.output
    for text in (done.stdout, done.stderr):
        assert all(line.isprintable() for line in text.split("\n")), text
        assert not any(line.startswith("forged") for line in text.split("\n")), text


def test_every_command_prints_lines_of_its_own_alone(case):
    model, labels, x, folder = case
    known = ["--labels", labels]
    for words in (
        ("inspect", model, *known, "-m", "gradient", "--verify"),
        ("inspect", model, x, *known, "--book", "-m", "lrp.epsilon"),
        ("explain", model, x, *known, "-m", "gradient", "-o", folder, "-vv"),
        ("compare", model, x, *known, "-m", "gradient", "-o", f"{folder}/{BAD.strip()[4:8]}.png"),
        ("evaluate", model, x, *known, "-m", "gradient", "--measure", "completeness", "-vv"),
        ("export", model, f"{folder}/{BAD}.onnx", "-m", "gradient"),
    ):
        check_plain(run(*words))


def test_a_plan_has_a_line_for_each_node(case):
    lines = run("inspect", case[0], "-m", "gradient").stdout.split("\ngradient\n")[-1].splitlines()
    assert len(lines) == 3
    assert [line.split("\\x1b")[0] for line in lines] == ["MatMul0", "Relu1", "MatMul2"]


def test_errors_are_a_line_or_a_list_with_a_line_each(case):
    model, labels, x, _ = case
    for words, code in (
        (("explain", model + BAD, x), 4),
        (("explain", model, x + BAD), 4),
        (("explain", model, x, "--labels", labels + BAD), 4),
        (("explain", model, x, "--preprocess", f"{labels}.json"), 4),
        (("explain", model, x, "--labels", labels, "-t", f"label{BAD}"), 2),
        (("explain", model, x, "--layer", f"layer{BAD}"), 2),
        (("explain", model, x, "-o", labels), 2),
        (("explain", model, x, "-m", f"method{BAD}"), 2),
        (("explain", model, x, f"--nothing{BAD}"), 2),
        (("inspect", x), 4),
        (("explain", model, x, "-m", "deconvnet", "--set", "nothing=1"), 2),
    ):
        done = run(*words)
        check_plain(done, code)
        assert len(done.stderr.splitlines()) == (4 if "Usage:" in done.stderr else 1)


def test_nodes_that_are_refused_are_listed_with_a_line_each(case):
    proto = onnx.load(case[0])
    for node in proto.graph.node:
        node.op_type, node.domain = ("Unknown", f"my{BAD}") if node.op_type == "Relu" else (node.op_type, "")
    onnx.save(proto, case[0])
    done = run("explain", case[0], case[2], "-m", "gradient")
    check_plain(done, 3)
    assert len(done.stderr.splitlines()) == 3


def test_json_has_the_names_as_they_are(case):
    model, labels, x, folder = case
    found = json.loads(run("inspect", model, "--json").stdout)
    assert found["scores"] == f"y{BAD}" and f"x{BAD}" in found["inputs"]
    (record,) = json.loads(
        run("explain", model, x, "--labels", labels, "-m", "gradient", "-o", folder, "--json").stdout
    )
    assert record["input"]["names"] == [x] and record["model"]["path"] == model
    assert record["labels"] == [f"{record['target'][0]} \x1b]0;title\x07\x9b31m"]
