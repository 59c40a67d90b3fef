"""Signed runs: what a signature covers, and what is found with the key that nobody could find without."""

from __future__ import annotations

import shutil

import pytest
from runs.making import pictures, small

import onnxplain as ox
from onnxplain.errors import BadInputError
from onnxplain.runs.proof.attest import sign_run
from onnxplain.runs.proof.seal import sealed

from .test_signing import private, published, written
from .test_verify import close, flipped, off, rewrite

pytest.importorskip("cryptography", reason="cryptography is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A signed run, the key, and another one."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("key", "other"):
        key = private()
        written(folder / f"{name}.pem", key)
        published(folder / f"{name}.pub.pem", key)
    small(pictures(folder / "photos", count=6), folder / "run", sign=folder / "key.pem")
    return folder


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made / "run", tmp_path / "run")


def test_a_signed_run_is_verified_by_the_public_key(made, run):
    v = ox.verify(run, alone=True, key=made / "key.pub.pem")
    assert v.ok and v.checked["signature"].startswith("of the key")
    v = ox.verify(run, alone=True)
    assert v.ok and "whose key is not given" in v.unchecked["signature"]
    assert off(run, key=made / "other.pub.pem") == ["statement.dsse.json", "run.dsse.json"]
    with pytest.raises(BadInputError, match="of a PRIVATE KEY"):
        ox.verify(run, key=made / "key.pem")


def test_a_run_without_a_signature_is_not_verified_by_a_key(made, run):
    for name in ("statement.dsse.json", "run.dsse.json"):
        (run / name).unlink()
    assert off(run) == []
    assert off(run, key=made / "key.pub.pem") == ["statement.dsse.json", "run.dsse.json"]


def test_any_byte_of_a_signed_run_that_is_changed_is_found(made, run):
    assert list(flipped(run, 11 * 6, seed=0, key=made / "key.pub.pem")) == []


@pytest.mark.slow
def test_a_thousand_bytes_of_a_signed_run_that_are_changed_are_found(made, run):
    assert list(flipped(run, 1000, seed=1, key=made / "key.pub.pem")) == []


def test_times_and_machines_are_signed(made, run):
    """A seal is made anew by anyone; the signature is not."""
    rewrite(run / "run.json", lambda found: found.update(sealed({**found, "end": "2020-01-01T00:00:00+00:00"})))
    assert off(run) == ["run.dsse.json"]
    (run / "run.dsse.json").unlink()
    assert off(run) == []
    assert off(run, key=made / "key.pub.pem") == ["run.dsse.json"]


def test_whoever_makes_all_of_it_anew_is_found(made, run):
    rewrite(run / "shards" / "000000.json", lambda found: found["failed"][0].update(reason="it does not suit"))
    close(run)
    for name in ("statement.dsse.json", "run.dsse.json"):
        (run / name).unlink()
    assert off(run) == []
    for name in ("statement.dsse.json", "run.dsse.json"):
        shutil.copy(made / "run" / name, run / name)
    assert off(run, key=made / "key.pub.pem")[:2] == ["ledger.jsonl line 2", "run.json"]


def test_a_signature_of_another_run_is_named(made, run, tmp_path):
    small(made / "photos", tmp_path / "other", method="gradient", sign=made / "key.pem")
    shutil.copy(tmp_path / "other" / "statement.dsse.json", run / "statement.dsse.json")
    assert off(run) == ["statement.dsse.json"]
    assert {"job.json", "statement.json"} <= set(off(run, key=made / "key.pub.pem"))
    shutil.copy(run / "run.dsse.json", run / "statement.dsse.json")
    assert off(run, key=made / "key.pub.pem") == ["statement.dsse.json"]


def test_a_key_is_read_before_anything_is_explained(made, tmp_path):
    with pytest.raises(BadInputError, match="of a PUBLIC KEY"):
        small(made / "photos", tmp_path / "run", sign=made / "key.pub.pem")
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_is_not_signed(run):
    (run / "run.json").unlink()
    with pytest.raises(BadInputError, match="not finished"):
        sign_run(run, private())
