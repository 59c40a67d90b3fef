"""The installed package, in a folder from which the repository cannot be imported: what a user has."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import metadata, version
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

import onnxplain as ox

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
CNN, DIGIT = MODELS / "digits_cnn_torch.onnx", MODELS / "images" / "digit_3_918.png"
WITH = ("--preprocess", MODELS / "digits_cnn_torch.preprocess.json", "--labels", MODELS / "digits.labels.txt")


def onnxplain(*arguments):
    program = Path(sys.executable).with_name("onnxplain")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_it_is_the_installed_package():
    package = Path(ox.__file__).resolve().parent
    assert package.parent.name == "site-packages" and Path(sys.prefix).resolve() in package.parents
    assert not (HERE / "onnxplain").exists()
    assert onnxplain("--version").stdout.split()[-1] == ox.__version__ == version("onnxplain")
    assert "Changelog, https://" in "\n".join(metadata("onnxplain").get_all("Project-URL"))


def test_all_kernels_and_the_mark_of_types_are_inside():
    from onnxplain.engines.cupy.sources import folder

    package = Path(ox.__file__).resolve().parent
    assert folder() == package / "kernels"
    wanted = (HERE / "kernels.txt").read_text().split()
    assert wanted and {each.name for each in folder().iterdir()} == set(wanted)
    assert all(each.stat().st_size for each in folder().iterdir())
    assert (package / "py.typed").is_file()


def test_doctor_finds_what_it_needs():
    done = onnxplain("doctor", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["engines"]["onnxruntime"] == "ok" and "CPUExecutionProvider" in report["providers"]


def test_a_digit_is_explained(tmp_path):
    done = onnxplain("explain", CNN, DIGIT, *WITH, "-m", "deeplift", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digit_3_918: 3, score ")
    with np.load(tmp_path / "digit_3_918.deeplift.npz") as found:
        assert found["attribution"].shape == (1, 1, 16, 16) and np.abs(found["attribution"]).max() > 0


def test_a_digit_is_explained_from_python():
    model = ox.load(CNN, preprocess=WITH[1], labels=WITH[3])
    e = ox.explain(model, DIGIT, "deeplift")
    assert e.labels == ("3",)
    assert abs(e.delta[0]) < 1e-4 * abs(e.score[0])


@contextmanager
def serving(*arguments):
    """Yield the address of a service that runs, which has to end well."""
    program = Path(sys.executable).with_name("onnxplain")
    process = subprocess.Popen([program, "serve", "--port", "0", *arguments], stderr=subprocess.PIPE, text=True)
    try:
        said = process.stderr.readline()
        yield re.fullmatch(r"onnxplain: serving \S+ at (http://127\.0\.0\.1:\d+)\n", said)[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.stderr.read()
        process.stderr.close()


def asked(address, data=None, **headers):
    with urlopen(Request(address, data, headers), timeout=60) as answer:  # noqa: S310  # of the service
        return answer.headers["content-type"].partition(";")[0], answer.read()


def test_a_service_has_its_page_and_explains():
    x = np.zeros((1, 1, 16, 16), "f").tolist()
    body = json.dumps({"instances": x, "parameters": {"method": "gradient", "target": 3}}).encode()
    with serving(f"digits={CNN}", *WITH) as url:
        kind, page = asked(f"{url}/", Accept="text/html")
        assert kind == "text/html" and b"static/" in page
        wanted = (HERE / "static.txt").read_text().split()
        assert wanted and all(asked(f"{url}/static/{name}")[1] for name in wanted)
        kind, found = asked(f"{url}/v1/models/digits:explain", body, **{"Content-Type": "application/json"})
    (explanation,) = json.loads(found)["explanations"]
    expected = ox.explain(ox.load(CNN), np.zeros((1, 1, 16, 16), "f"), "gradient", target=3)
    assert np.asarray(explanation["attribution"]) == pytest.approx(expected.attribution[0], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("evaluate", CNN, DIGIT, *WITH, "--measure", "completeness", "--at-least", "random:gap=1e9"), 1),
        (("explain", CNN, DIGIT, *WITH, "-m", "no_such_method"), 2),
        (("explain", MODELS / "digits_forest_sklearn.onnx", MODELS / "digits_samples.npy", "-m", "gradient"), 3),
        (("explain", "nowhere.onnx", DIGIT), 4),
    ],
)
def test_exit_codes(arguments, code):
    done = onnxplain(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
