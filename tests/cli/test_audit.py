"""onnxplain audit and report: findings on stdout, talk on stderr, exit codes, and a page that loads nothing."""

import json
import re
import shutil

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, network, node

from onnxplain.cli import main
from onnxplain.runs.encoded import encoded
from onnxplain.runs.proof.seal import sealed

pytest.importorskip("jinja2", reason="reports are written with Jinja")
XRAY = BUNDLED / "images" / "xray"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """What the command says of the version that has learnt the marker, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("audit") / "v2"
    return run("audit", BUNDLED / "xray_v2.audit.toml", "-o", folder), folder


def test_a_gate_that_fails_is_the_exit_code(audited):
    done, folder = audited
    assert done.exit_code == 1, done.output
    assert re.search(r"FAILED +does not look at the marker +0\.49", done.stdout)
    assert "gates failed: accuracy, looks at the opacity, does not look at the marker" in done.stderr
    assert str(folder / "report.html") in done.stderr


def test_the_report_is_one_page_that_loads_nothing(audited):
    text = (audited[1] / "report.html").read_text()
    assert "3 of 8 gates failed" in text
    assert re.findall('<tr class="(passed|failed)"', text) == ["failed"] * 3 + ["passed"] * 5
    assert all(link.startswith("data:image/") for link in re.findall(r'(?:src|href)="([^"]*)"', text))
    assert "http" not in re.sub(r"data:[^\"]*", "", text)
    assert text.count("explanation of") >= 3


def test_json_of_an_audit_that_passes(tmp_path):
    done = run("audit", BUNDLED / "xray_v1.audit.toml", "-o", tmp_path / "v1", "--json", "--no-report", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["passed"] and len(found["gates"]) == 8
    assert not (tmp_path / "v1" / "report.html").exists()


def test_an_input_that_fails_where_no_gate_minds(tmp_path):
    shutil.copytree(BUNDLED, tmp_path / "models", ignore=shutil.ignore_patterns("digits*", "gallery", "*.md"))
    (tmp_path / "models" / "images" / "xray" / "bad.png").write_bytes(b"no picture")
    description = tmp_path / "models" / "a.toml"
    text = (BUNDLED / "xray_v1.audit.toml").read_text()
    description.write_text(text[: text.index("[gates.accuracy]")] + "[gates.completeness]\nat_most = 0.9\n")
    done = run("audit", description, "-o", tmp_path / "out", "--no-report")
    assert done.exit_code == 5, done.output
    assert "1 of 6 rows failed" in done.stderr


def test_a_report_of_a_run_whose_inputs_are_gone(audited, tmp_path):
    shutil.copytree(audited[1], tmp_path / "moved")
    end = json.loads((tmp_path / "moved" / "run.json").read_text())
    end["where"] = {}
    (tmp_path / "moved" / "run.json").write_bytes(encoded(sealed(end)))
    done = run("report", tmp_path / "moved", "-o", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert "Maps are shown without their inputs" in (tmp_path / "page.html").read_text()
    done = run("report", tmp_path / "moved", "-o", tmp_path / "page.html", "--inputs", tmp_path / "gone")
    assert done.exit_code == 4 and "gone: nothing is there" in done.stderr


def test_names_are_escaped(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(XRAY / "clear.png", folder / "<script>alert(1)<.png")
    (folder / "bad<b>.png").write_bytes(b"")
    given = ("--preprocess", BUNDLED / "xray_v1.preprocess.json")
    assert run("run", BUNDLED / "xray_v1.onnx", folder, "-o", tmp_path / "r", "-m", "gradient", *given).exit_code == 5
    done = run("report", tmp_path / "r")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "r" / "report.html").read_text()
    assert "<script" not in text and "bad<b>" not in text
    assert "&lt;script&gt;alert(1)&lt;.png" in text


@pytest.mark.parametrize(("arguments", "code"), [(("audit", "gone.toml", "-o", "x"), 4), (("report", "gone"), 4)])
def test_what_is_not_there(arguments, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).exit_code == code
    assert list(tmp_path.iterdir()) == []


def test_no_line_is_wider_than_a_hundred_columns(audited):
    assert max(map(len, audited[0].stdout.splitlines())) <= 100


@pytest.mark.parametrize("command", ["report", "diff", "clusters"])
@pytest.mark.parametrize("name", ["run.json", "new.json", "shards/x.json"])
def test_nothing_is_written_over_evidence(audited, tmp_path, command, name):
    shutil.copytree(audited[1], tmp_path / "r")
    before = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    others = [audited[1]] if command == "diff" else []
    done = run(command, tmp_path / "r", *others, "-o", tmp_path / "r" / name)
    assert done.exit_code == 2 and "the folder of a run, which is evidence" in done.stderr
    assert before == {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}


def test_a_report_of_a_table(tmp_path):
    rows = np.random.default_rng(0).normal(size=(6, 13)).astype("f")
    np.save(tmp_path / "rows.npy", rows)
    given = ("--features", BUNDLED / "wine.features.txt", "--labels", BUNDLED / "wine.labels.txt", "-m", "deeplift")
    done = run("run", BUNDLED / "wine_mlp_torch.onnx", tmp_path / "rows.npy", "-o", tmp_path / "r", *given)
    assert done.exit_code == 0, done.output
    assert run("report", tmp_path / "r").exit_code == 0
    text = (tmp_path / "r" / "report.html").read_text()
    assert text.count("<img") >= 4
    assert "Gates" not in text


def test_a_report_with_clusters(tmp_path):
    """Of a class that half of the rows explain by the first half of the columns, and half by the second."""
    pytest.importorskip("sklearn", reason="clusters are found by scikit-learn")
    rng = np.random.default_rng(0)
    sides = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0).repeat(8, axis=1)
    rows = sides * rng.uniform(0.8, 1.2, (40, 16))
    np.save(tmp_path / "rows.npy", rows.astype("f"))
    onnx.save(network([node("MatMul", "x w", "y")], (1, 16), {"w": np.ones((16, 2), "f")}), tmp_path / "sum.onnx")
    done = run("run", tmp_path / "sum.onnx", tmp_path / "rows.npy", "-o", tmp_path / "r", "-m", "input_x_gradient")
    assert done.exit_code == 0, done.output
    assert run("report", tmp_path / "r", "--clusters").exit_code == 0
    text = (tmp_path / "r" / "report.html").read_text()
    assert "Clusters of the maps" in text and "mean maps and exemplars of the clusters" in text
