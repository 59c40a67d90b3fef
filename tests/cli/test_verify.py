"""The command `onnxplain verify`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from runs.making import MODEL, pictures, small

from onnxplain.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    small(pictures(folder / "photos", count=5), folder / "run")
    return folder


def verify(*arguments):
    done = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_a_run_is_verified(made):
    code, out, err = verify(made / "run", "--replay", 2)
    assert code == 0 and not err
    assert out.startswith(f"{made / 'run'}: verified\n") and "2 rows explained again, 2 with equal bits" in out


def test_what_is_off_is_named_with_exit_code_6(made, tmp_path):
    other = made / "photos" / "000.png"
    whole = other.read_bytes()
    other.write_bytes(whole + b"\0")
    code, out, _ = verify(made / "run")
    other.write_bytes(whole)
    assert code == 6 and out.splitlines()[0].endswith("NOT verified") and str(other) in out.splitlines()[1]


def test_all_is_said_as_json(made):
    head = json.loads(verify(made / "run", "--json")[1])["head"]
    code, out, _ = verify(made / "run", "--json", "--alone", "--expect", "0" * 64)
    found = json.loads(out)
    assert code == 6 and not found["ok"] and found["findings"][0]["where"].startswith("ledger.jsonl line")
    assert verify(made / "run", "--alone", "--expect", head)[0] == 0


def test_no_run_is_a_bad_input_and_a_wrong_head_a_wrong_use(made, tmp_path):
    assert verify(tmp_path)[0] == 4
    code, _, err = verify(made / "run", "--expect", "abc")
    assert code == 2 and "64 hexadecimal digits" in err


def test_a_run_is_signed_and_verified_by_the_key(made, tmp_path):
    from runs.proof.test_signing import private, published, written

    key = private()
    written(tmp_path / "key.pem", key)
    published(tmp_path / "pub.pem", key)
    command = ["run", MODEL, made / "photos", "-o", tmp_path / "run", "-m", "gradient", "--sign", tmp_path / "key.pem"]
    command += ["--preprocess", MODEL.with_suffix(".preprocess.json")]
    assert CliRunner().invoke(main, [*map(str, command), "--slice", "0/2"]).exit_code == 2
    assert CliRunner().invoke(main, [*map(str, command)]).exit_code == 5
    assert verify(tmp_path / "run", "--key", tmp_path / "pub.pem")[0] == 0
