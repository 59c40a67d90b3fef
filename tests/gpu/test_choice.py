"""Which engine runs: the GPU's where there is one, and a clear word where it was asked for and is not there."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from nets import ROOT, relu_cnn

import onnxplain as ox
from onnxplain.errors import MissingExtraError, UsageError

MODEL = relu_cnn()[0]


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "cupy", types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False))
    )


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)


@pytest.mark.parametrize(
    ("asked", "engine", "device"),
    [
        ({}, "cupy", "cuda"),
        ({"device": "cuda"}, "cupy", "cuda"),
        ({"engine": "cupy"}, "cupy", "cuda"),
        ({"device": "cpu"}, "onnxruntime", "cpu"),
        ({"engine": "onnxruntime"}, "onnxruntime", "cpu"),
        ({"engine": "numpy"}, "numpy", "cpu"),
        ({"precision": "float64"}, "numpy", "cpu"),
    ],
)
def test_with_a_gpu(asked, engine, device):
    model = ox.load(MODEL, **asked)
    assert (model.engine, model.device) == (engine, device)


@pytest.mark.parametrize("without", ["no_gpu", "no_cupy"])
def test_without_a_gpu_the_cpu_is_chosen(without, request):
    request.getfixturevalue(without)
    assert ox.load(MODEL).engine == "onnxruntime"


@pytest.mark.parametrize("asked", [{"device": "cuda"}, {"engine": "cupy"}], ids=str)
def test_without_a_gpu_asking_for_one_fails(no_gpu, asked):
    with pytest.raises(UsageError, match=r"no CUDA device.*onnxplain\[gpu\]"):
        ox.load(MODEL, **asked)


@pytest.mark.parametrize("asked", [{"device": "cuda"}, {"engine": "cupy"}], ids=str)
def test_without_cupy_the_extra_is_named(no_cupy, asked):
    with pytest.raises(MissingExtraError, match=r"pip install onnxplain\[gpu\]"):
        ox.load(MODEL, **asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "tpu"}, "'onnxruntime', 'cupy', 'cudnn', 'numpy'"),
        ({"device": "gpu"}, 'expected "cpu" or "cuda"'),
        ({"engine": "numpy", "device": "cuda"}, "leave one of the two out"),
        ({"engine": "cupy", "device": "cpu"}, "leave one of the two out"),
        ({"engine": "cupy", "precision": "float64"}, 'use engine="numpy"'),
        ({"device": "cuda", "precision": "float64"}, 'use engine="numpy"'),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(asked, said):
    with pytest.raises(UsageError, match=said):
        ox.load(MODEL, **asked)


def test_importing_the_package_and_naming_the_engine_import_no_cupy():
    code = "import sys, onnxplain.api, onnxplain.engines.cupy.device, onnxplain.cli; print('cupy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "False"


def test_doctor_names_the_gpu_or_what_is_missing(cupy, monkeypatch):
    from onnxplain.cli.doctor import diagnose

    report = diagnose()
    assert report["gpu"] and report["engines"]["cupy"] == "ok"
    monkeypatch.setitem(sys.modules, "cupy", None)
    report = diagnose()
    assert report["gpu"] is None and "onnxplain[gpu]" in report["engines"]["cupy"]


def test_kernels_are_found_in_a_checkout_and_in_a_wheel(monkeypatch, tmp_path):
    from onnxplain.engines.cupy import sources

    assert sources.folder() == ROOT / "kernels"
    package = tmp_path / "onnxplain"
    (package / "kernels").mkdir(parents=True)
    (tmp_path / "kernels").mkdir()  # some other project's
    monkeypatch.setattr(sources, "_PACKAGE", package)
    assert sources.folder() == package / "kernels"


def test_a_source_holds_its_headers_once():
    from onnxplain.engines.cupy import sources

    for path in sources.folder().glob("*.cu"):
        text = sources.source(path.stem)
        assert '#include "' not in text
        assert text.count("using T =") == 1
