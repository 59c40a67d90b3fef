"""The command `onnxplain run`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED

import onnxplain as ox
from onnxplain.cli import main

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from runs.making import pictures, written

CNN = str(BUNDLED / "digits_cnn_torch.onnx")
WITH = [
    "--preprocess",
    str(BUNDLED / "digits_cnn_torch.preprocess.json"),
    "--labels",
    str(BUNDLED / "digits.labels.txt"),
]


def run(*arguments):
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def test_a_run_ends_with_5_where_rows_failed(tmp_path):
    asked = [CNN, pictures(tmp_path / "in"), "-o", tmp_path / "out", *WITH, "-m", "deeplift", "--shard-size", 4]
    done = run(*asked)
    assert done.exit_code == 5, done.output
    assert "8 rows of 10 explained" in done.stdout
    assert "003.png: not a picture" in done.stderr and "2 of 10 rows failed" in done.stderr
    again = run(*asked, "--json")
    assert again.exit_code == 5
    found = json.loads(again.stdout)
    assert found["job"] == ox.Run(tmp_path / "out").id and found["rows"]["done"] == 8
    assert [each["index"] for each in found["failed"]] == [3, 7]


def test_options_go_into_the_job(tmp_path):
    asked = [
        "-m",
        "lrp.gamma",
        "--set",
        "gamma=0.5",
        "-t",
        "3",
        "--smooth",
        1,
        "--batch-size",
        2,
        "--store",
        "attribution",
    ]
    done = run(CNN, pictures(tmp_path / "in", 3, bad=()), "-o", tmp_path / "out", *WITH, *asked)
    assert done.exit_code == 0, done.output
    job = ox.Run(tmp_path / "out").job.asked
    assert job["method"]["parameters"]["gamma"] == 0.5 and job["method"]["smooth"] == 1
    assert job["target"] == {"kind": "class", "value": 3}
    assert (job["batch_size"], job["store"]) == (2, "attribution")
    other = run(CNN, tmp_path / "in", "-o", tmp_path / "out", *WITH, "-m", "lrp.gamma")
    assert other.exit_code == 2
    assert (
        "holds a run of another job" in other.stderr and "method.parameters.gamma: 0.5 there, 0.25 now" in other.stderr
    )


def test_parts_of_a_run_are_closed_when_all_are_done(tmp_path):
    folder = pictures(tmp_path / "in", bad=())
    asked = [CNN, folder, *WITH, "-m", "gradient", "--shard-size", 2, "--batch-size", 2]
    assert run(*asked, "-o", tmp_path / "whole").exit_code == 0
    for part in ("2/3", "0/3"):
        assert run(*asked, "-o", tmp_path / "out", "--slice", part).exit_code == 0
    early = run(*asked, "-o", tmp_path / "out", "--finish")
    assert early.exit_code == 4 and "2 of 5 shards are not done, the first is 1" in early.stderr
    assert run(*asked, "-o", tmp_path / "out", "--slice", "1/3").exit_code == 0
    assert run(*asked, "-o", tmp_path / "out", "--finish").exit_code == 0
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_a_part_takes_inputs_by_name_and_size_and_proves_them_when_it_reads_them(tmp_path):
    folder = pictures(tmp_path / "in", 4, bad=())
    asked = [CNN, folder, *WITH, "-m", "gradient", "--shard-size", 2, "-o", tmp_path / "out"]
    assert run(*asked, "--slice", "0/2").exit_code == 0
    data = bytearray((folder / "003.png").read_bytes())
    data[-1] ^= 1
    (folder / "003.png").write_bytes(data)
    assert run(*asked, "--slice", "1/2").exit_code == 0
    receipt = json.loads((tmp_path / "out" / "shards" / "000001.json").read_text())
    assert ["it has changed since the inputs were listed" in each["reason"] for each in receipt["failed"]] == [True]
    assert run(*asked, "--finish").exit_code == 2, "the whole folder is another job"
    (folder / "004.png").write_bytes(data)
    assert run(*asked, "--slice", "1/2").exit_code == 2


def test_what_excludes_each_other_is_refused(tmp_path):
    asked = [CNN, pictures(tmp_path / "in", 1, bad=()), *WITH, "-o", tmp_path / "out"]
    assert run(*asked, "--slice", "0/2", "--finish").exit_code == 2
    for part in ("2/2", "x", "-1/2", "1/0"):
        assert "expected I/N" in run(*asked, "--slice", part).output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_so_and_goes_on(tmp_path, number, code):
    np.save(tmp_path / "x.npy", np.zeros((4000, 1, 16, 16), "f"))
    asked = ["run", CNN, tmp_path / "x.npy", "-o", tmp_path / "out", "-m", "gradient", "--shard-size", 2]
    # a job in the background is started with SIGINT ignored, and so are its children
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import onnxplain.cli as c; c.main()"
    )
    command = [sys.executable, "-c", start, *map(str, asked)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    wait_for(tmp_path / "out" / "shards" / "000000.json")
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code and "stopped" in said and "Traceback" not in said
    shards = {each.name for each in (tmp_path / "out" / "shards").iterdir()}
    assert not any(each.startswith(".") for each in shards) and not (tmp_path / "out" / "run.json").exists()


def wait_for(path):
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{path} was not written in a minute")
