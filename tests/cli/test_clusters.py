"""onnxplain clusters: a table or JSON on stdout, files on request, and one clear error for what cannot be."""

import csv
import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import network, node

from onnxplain.cli import main

pytest.importorskip("sklearn", reason="clusters are found by scikit-learn")


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def two_ways(tmp_path_factory):
    """A run whose rows speak for one class by the first half of the columns or by the second."""
    folder = tmp_path_factory.mktemp("two")
    sides = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0).repeat(8, axis=1)
    np.save(folder / "rows.npy", (sides * np.random.default_rng(0).uniform(0.8, 1.2, (40, 16))).astype("f"))
    onnx.save(network([node("MatMul", "x w", "y")], (1, 16), {"w": np.ones((16, 2), "f")}), folder / "sum.onnx")
    done = run("run", folder / "sum.onnx", folder / "rows.npy", "-o", folder / "run", "-m", "input_x_gradient")
    assert done.exit_code == 0, done.output
    return folder / "run"


def test_the_clusters_of_a_run_are_its_two_ways(two_ways, tmp_path):
    done = run("clusters", two_ways, "-o", tmp_path / "c.csv", "-o", tmp_path / "c.png", "--json", "-q")
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    (found,) = json.loads(done.stdout)["classes"]
    assert sorted(map(sorted, (each["rows"] for each in found["clusters"]))) == [list(range(20)), list(range(20, 40))]
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert len({row["cluster"] for row in rows[:20]}) == len({row["cluster"] for row in rows[20:]}) == 1
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-o", "c.pdg"), 2, "expected a file .png"),
        (("--class", "cat"), 2, "no row of the run explains the class 'cat'"),
        (("--area", "0"), 2, "area"),
        (("-o", "gone/c.csv"), 2, "does the folder exist"),
    ],
)
def test_what_cannot_be_is_one_error(two_ways, arguments, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("clusters", two_ways, *arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.output
    assert list(tmp_path.iterdir()) == []
