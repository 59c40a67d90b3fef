"""What conftest.py skips: slow tests without --all, and known faults of an old onnxruntime."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from known_faults import FAULTS, reason
from nets import ROOT

TESTS = ROOT / "tests"
TWO = """
import pytest

def test_quick():
    pass

@pytest.mark.slow
def test_slow():
    pass
"""


@pytest.mark.parametrize(("options", "summary"), [((), "1 passed, 1 skipped"), (("--all",), "2 passed")])
def test_slow_tests_run_with_all_alone(options, summary, tmp_path):
    shutil.copy(TESTS.parent / "conftest.py", tmp_path)
    (tmp_path / "test_two.py").write_text(TWO)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: for this test\n")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(ROOT)])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary in done.stdout
    assert ("slow: run with --all" in done.stdout) == (not options)


def test_a_known_fault_is_skipped_below_the_release_that_mends_it_alone():
    mended, fault = FAULTS["ops/test_affine.py::test_conv_transpose"]
    for nodeid in ("tests/ops/test_affine.py::test_conv_transpose", "ops/test_affine.py::test_conv_transpose"):
        assert reason(nodeid, "1.27.0") == f"onnxruntime below {mended}: {fault}"
        assert reason(nodeid, "1.28.0") is reason(nodeid, "1.100") is None
    assert reason("tests/ops/test_affine.py::test_conv", "1.24.1") is None


@pytest.mark.parametrize("start", FAULTS)
def test_what_is_skipped_exists(start):
    path, _, name = start.partition("::")
    if name:
        assert f"def {name.partition('[')[0]}(" in (TESTS / path).read_text()
    else:  # a folder, all of whose tests are skipped
        assert any((TESTS / path).glob("test_*.py"))
