"""Runs by several processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from nets import BUNDLED, ROOT

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.runs import local
from onnxplain.runs.work import KILLED

from .deadly import SITE
from .making import MODEL, arrays, pictures, small, written

ASKED = [
    *(sys.executable, "-m", "onnxplain", "run", MODEL),
    *("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "--labels", BUNDLED / "digits.labels.txt"),
    *("-m", "lrp.epsilon_plus_flat", "--shard-size", "4", "--batch-size", "3", "--workers", "2", "-o"),
]


def test_two_processes_write_what_one_writes(tmp_path):
    folder = pictures(tmp_path / "in")
    small(folder, tmp_path / "one")
    r = small(folder, tmp_path / "two", workers=2)
    assert written(tmp_path / "two") == written(tmp_path / "one")
    assert (r.environment["workers"], r.environment["providers"]) == (2, ["CPUExecutionProvider"])


def test_what_a_process_raises_is_raised_here(tmp_path, monkeypatch):
    x = arrays(tmp_path / "x.npy", 8)
    monkeypatch.setattr(local, "_CODE", RAISING + local._CODE)
    with pytest.raises(UnsupportedModelError, match="said in the process"):
        small(x, tmp_path / "out", workers=2)


RAISING = (
    "import sys; sys.path[:] = sys.argv[1:]\n"
    "from onnxplain import errors\n"
    "from onnxplain.runs import work\n"
    "def raised(*a): raise errors.UnsupportedModelError('said in the process')\n"
    "work.Work.__call__ = raised\n"
)


@pytest.mark.slow
def test_an_input_that_kills_is_left_out_by_name(tmp_path, monkeypatch):
    folder = pictures(tmp_path / "in", bad=())
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE.format(name="005.png"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{ROOT}")
    r = small(folder, tmp_path / "out", workers=2)
    assert [(each.index, each.name, each.reason) for each in r.failed] == [(5, "005.png", KILLED)]
    monkeypatch.undo()
    due = {row.index: row for row in small(folder, tmp_path / "whole").rows()}
    assert [row.index for row in r.rows()] == [i for i in range(10) if i != 5]
    for row in r.rows():
        np.testing.assert_allclose(row.scores, due[row.index].scores, rtol=1e-5, atol=1e-5)
    assert r[4].score[0] == r.row(4).score, "the batch without the input is made again"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_whose_processes_are_killed_ends_with_the_same_bytes(tmp_path, seed):
    folder = pictures(tmp_path / "in", 40)
    small(folder, tmp_path / "whole")
    rng = np.random.default_rng(seed)
    process = subprocess.Popen([*map(str, ASKED), tmp_path / "out", folder], stderr=subprocess.DEVNULL)
    time.sleep(rng.uniform(0.5, 6))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    small(folder, tmp_path / "out", workers=2)
    assert written(tmp_path / "out") == written(tmp_path / "whole")


@pytest.mark.slow
def test_a_model_in_memory_goes_to_the_processes(tmp_path):
    model = ox.load(MODEL.read_bytes())
    x = arrays(tmp_path / "x.npy", 8)
    one = ox.run(model, x, tmp_path / "one", "gradient", shard_size=4)
    two = ox.run(model, x, tmp_path / "two", "gradient", shard_size=4, workers=2)
    assert one.id == two.id and written(tmp_path / "one") == written(tmp_path / "two")
