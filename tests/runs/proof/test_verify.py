"""Runs are verified: whatever is changed in a folder is named, be it damage or done by one who knows the format."""

from __future__ import annotations

import json
import os
import random
import shutil
import zipfile

import numpy as np
import onnx
import pytest
from nets import relu_cnn
from runs.making import MODEL

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError, VerificationError
from onnxplain.runs.encoded import digest, encoded
from onnxplain.runs.folder import Folder
from onnxplain.runs.proof.seal import sealed

FILES = (
    *("inputs.jsonl", "job.json", "ledger.jsonl", "run.json", "statement.json"),
    *(f"shards/00000{i}.{ending}" for i in range(3) for ending in ("json", "npz")),
)


def off(run, **options):
    """The places that are off, in their order."""
    return [each.where for each in ox.verify(run, alone=True, **options).findings]


def rewrite(path, change):
    """Change what a file of JSON holds, and write it in canonical JSON."""
    found = json.loads(path.read_bytes())
    change(found)
    path.write_bytes(encoded(found))


def test_a_run_that_nobody_changed_is_verified(made):
    v = ox.verify(made / "run")
    assert v and v.ok and v.findings == ()
    v.require()
    assert v.checked["rows"] == "8 done, 2 failed, in 3 shards"
    assert v.checked["inputs"].startswith("10 files")
    assert v.job == ox.Run(made / "run").id
    assert v.head == digest((made / "run" / "ledger.jsonl").read_bytes().splitlines()[-1])
    assert "whoever can write to the folder" in v.unchecked["signature"]
    assert "verified" in str(v) and v.head in str(v)
    assert json.loads(json.dumps(v.to_dict()))["ok"] is True


def test_the_files_of_a_run_are_the_ones_that_are_tried(made):
    assert sorted(str(p.relative_to(made / "run")) for p in (made / "run").rglob("*") if p.is_file()) == sorted(FILES)


def flipped(run, count, seed, **options):
    """Change single bytes at random, over all files in turn, and yield those whose file alone was not named."""
    rng = random.Random(seed)  # noqa: S311 - the same bytes in each run of the test
    files = sorted(str(each.relative_to(run)) for each in run.rglob("*") if each.is_file())
    for i in range(count):
        path = run / files[i % len(files)]
        old = path.read_bytes()
        at, by = rng.randrange(len(old)), rng.randrange(1, 256)
        path.write_bytes(old[:at] + bytes([old[at] ^ by]) + old[at + 1 :])
        named = {where.partition(" line ")[0] for where in off(run, **options)}
        path.write_bytes(old)
        if named != {files[i % len(files)]}:
            yield files[i % len(files)], at, by, named


def test_any_byte_that_is_changed_is_found_and_its_file_named(run):
    assert list(flipped(run, 10 * len(FILES), seed=0)) == []
    assert off(run) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_continued_emptied_or_gone_is_named(run, name):
    path = run / name
    whole = path.read_bytes()
    for other in (whole[:-1], whole + b"\n", whole + b"\0", b"", whole[: len(whole) // 2], whole * 2):
        path.write_bytes(other)
        assert {where.partition(" line ")[0] for where in off(run)} == {name}
    path.unlink()
    assert off(run) == [name]
    assert "it is missing" in str(ox.verify(run, alone=True))


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_the_place_of_a_file_is_named(run, name, tmp_path):
    shutil.move(run / name, tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    v = ox.verify(run, alone=True)
    assert [tuple(each) for each in v.findings] == [(name, "it is a symbolic link")]


@pytest.mark.parametrize("name", FILES)
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_named(run, name):
    (run / name).unlink()
    (run / name).mkdir()
    assert off(run) == [name]
    (run / name).rmdir()
    os.mkfifo(run / name)
    assert off(run) == [name]


@pytest.mark.parametrize(
    "name", ["notes.txt", ".run.json.0123abcd", "shards/000003.npz", "shards/sub", "shards/000000.NPZ"]
)
def test_what_does_not_belong_there_is_named(run, name):
    (run / name).write_bytes(b"")
    assert [tuple(each) for each in ox.verify(run, alone=True).findings] == [(name, "it does not belong to the run")]


def test_a_folder_of_shards_that_is_a_link_is_named(run, tmp_path):
    shutil.move(run / "shards", tmp_path / "elsewhere")
    (run / "shards").symlink_to(tmp_path / "elsewhere")
    assert off(run) == ["shards"]


@pytest.mark.parametrize("ending", ["json", "npz", "both"])
def test_shards_that_are_swapped_are_named(run, ending):
    shards = run / "shards"
    for each in ("json", "npz") if ending == "both" else (ending,):
        one, two = shards / f"000000.{each}", shards / f"000001.{each}"
        held = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(held)
    assert off(run)[0] == f"shards/000000.{'json' if ending == 'both' else ending}"


def test_lines_of_the_ledger_that_are_swapped_taken_out_or_put_in_are_named(run):
    path = run / "ledger.jsonl"
    one, two, three = path.read_bytes().splitlines(keepends=True)
    for lines, named in (
        ((two, one, three), 2),
        ((one, three, two), 3),
        ((two, three), 0),
        ((one, three), 1),
        ((one, two), 2),
        ((one, one, two, three), 1),
        ((one, two, three, three), 3),
        ((), 0),
    ):
        path.write_bytes(b"".join(lines))
        where = off(run)[0]
        assert where.startswith("ledger.jsonl") and where.endswith(f" line {named}" if named else "")


def test_white_space_is_a_change(run):
    for name in ("job.json", "run.json", "statement.json", "shards/000001.json"):
        whole = (run / name).read_bytes()
        (run / name).write_bytes(json.dumps(json.loads(whole), sort_keys=True).encode())
        assert off(run) == [name]
        (run / name).write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda end: end["rows"].update(done=9, failed=1), "run.json"),
        (lambda end: end.update(shards=4), "run.json"),
        (lambda end: end.update(job="0" * 64), "run.json"),
        (lambda end: end["ledger"].update(head="0" * 64), "run.json"),
        (lambda end: end["ledger"].update(sha256="0" * 64), "run.json"),
        (lambda end: end.pop("environment"), "run.json"),
        (lambda end: end.update(more=1), "run.json"),
        (lambda end: end.update(format=2), "run.json"),
    ],
)
def test_run_json_that_is_sealed_anew_is_named(run, change, named):
    rewrite(run / "run.json", lambda found: (change(found), found.update(sealed(found))))
    assert off(run) == [named]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["predicate"]["rows"].update(done=9),
        lambda found: found["predicate"]["versions"].update(numpy="1.0"),
        lambda found: found["predicate"].update(method="gradient"),
        lambda found: found["subject"][0]["digest"].update(sha256="0" * 64),
        lambda found: found["subject"].append(found["subject"][0]),
        lambda found: found["predicate"]["job"]["digest"].update(sha256="0" * 64),
        lambda found: found["predicate"]["ledger"].update(head="0" * 64),
        lambda found: found["predicate"]["inputs"]["digest"].update(sha256="0" * 64),
        lambda found: found.update(predicateType="https://example.com/other"),
    ],
)
def test_a_statement_of_something_else_is_named(run, change):
    rewrite(run / "statement.json", change)
    assert off(run) == ["statement.json"]


def test_a_job_that_is_edited_is_named_also_where_its_id_is_made_anew(run):
    rewrite(run / "job.json", lambda found: found["method"].update(name="gradient"))
    assert off(run) == ["job.json"]
    job = digest((run / "job.json").read_bytes())
    rewrite(run / "run.json", lambda found: found.update(sealed({**found, "job": job})))
    assert off(run) == ["job.json", "run.json"]
    rewrite(run / "statement.json", lambda found: found["predicate"]["job"]["digest"].update(sha256=job))
    assert off(run) == ["job.json", "run.json", "statement.json"]


def test_a_row_that_is_said_to_have_failed_is_found_though_its_receipt_is_consistent(run):
    """The receipt, the ledger, run.json and the statement are made anew; the arrays still have the row."""
    path = run / "shards" / "000002.json"
    name = json.loads((run / "inputs.jsonl").read_bytes().splitlines()[8])["name"]
    failed = {"index": 8, "name": name, "reason": "it does not suit"}
    rewrite(path, lambda found: found.update(done=1, failed=[failed]))
    close(run)
    assert off(run) == ["shards/000002.npz"]


def ledger(run):
    """The lines of the ledger."""
    return [json.loads(line) for line in (run / "ledger.jsonl").read_bytes().splitlines()]


def chained(run, lines):
    """Write a ledger of lines that are chained anew, and its head into run.json and the statement."""
    previous = digest((run / "job.json").read_bytes())
    written = b""
    for line in lines:
        line["previous"] = previous
        previous, written = digest(encoded(line)), written + encoded(line) + b"\n"
    (run / "ledger.jsonl").write_bytes(written)
    known = {"head": previous, "sha256": digest(written)}
    rewrite(run / "run.json", lambda found: found.update(sealed({**found, "ledger": known})))
    stated = {"name": "ledger.jsonl", "digest": {"sha256": known["sha256"]}, "head": known["head"]}
    rewrite(run / "statement.json", lambda found: found["predicate"].update(ledger=stated))


def test_a_chain_that_holds_over_other_shards_is_named(run):
    one, two, three = ledger(run)
    chained(run, [one, three, two])
    assert off(run)[0] == "ledger.jsonl line 2"
    chained(run, [one, two])
    assert off(run) == ["ledger.jsonl", "shards/000002.json", "shards/000002.npz"]


def test_a_listing_of_another_count_than_the_job_states_is_named(run):
    rewrite(run / "job.json", lambda found: found["inputs"].update(files=11))
    job = digest((run / "job.json").read_bytes())
    for path in (run / "shards").glob("*.json"):
        rewrite(path, lambda found: found.update(job=job))
    close(run)
    assert off(run) == ["inputs.jsonl"]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(size=found["size"] + 1),
        lambda found: found.update(first=1),
        lambda found: found.update(shard=2),
        lambda found: found.update(more=1),
        lambda found: found["versions"].update(numpy="1.0"),
        lambda found: found["failed"][0].update(name="other.png"),
        lambda found: found["failed"].append(found["failed"][0]),
    ],
)
def test_a_receipt_that_states_something_else_is_named_though_the_ledger_is_made_of_it(run, change):
    """It is the second one, which has a row that failed; the first one states the versions of all."""
    rewrite(run / "shards" / "000001.json", change)
    found = ledger(run)
    found[1]["receipt"] = digest((run / "shards" / "000001.json").read_bytes())
    chained(run, found)
    assert off(run) == ["shards/000001.json"]


def close(run):
    """Make ledger, statement and run.json anew, as one who knows the format would."""
    folder = Folder(run)
    end = folder.finished()
    for name in ("run.json", "statement.json", "ledger.jsonl"):
        (run / name).unlink()
    folder.close(folder.job(), {name: end[name] for name in ("environment", "where", "begin", "end")})


def stored_anew(path, compression=zipfile.ZIP_STORED, comment=b""):
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.comment = comment
        for name, data in held.items():
            archive.writestr(name, data)


def repack(run, change):
    """Make the first shard's archive anew by `change`, and all that states its sha256."""
    path = run / "shards" / "000000.npz"
    change(path)
    data = path.read_bytes()
    rewrite(run / "shards" / "000000.json", lambda found: found.update(sha256=digest(data), size=len(data)))
    close(run)


def again(path, name, values):
    with zipfile.ZipFile(path, "a") as archive, archive.open(name, "w") as entry:
        np.lib.format.write_array(entry, values)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: again(path, "score.npy", np.zeros(3)), "two of its entries are called 'score.npy'"),
        (lambda path: again(path, "another.npy", np.zeros(3)), "not arrays in the order of their names"),
        (lambda path: path.write_bytes(path.read_bytes() + b"more"), "bytes"),
        (lambda path: path.write_bytes(b"more" + path.read_bytes()), "bytes"),
        (lambda path: path.write_bytes(b"no archive"), "no archive of arrays"),
        (lambda path: stored_anew(path, zipfile.ZIP_DEFLATED), "not stored as a run stores it"),
        (lambda path: stored_anew(path, comment=b"more"), "bytes"),
        (lambda path: np.savez(path, index=np.arange(2)), "other rows|has 2 rows|another size|rows"),
    ],
)
def test_an_archive_that_readers_could_take_in_two_ways_is_named_though_its_sha256_is_right(run, change, said):
    repack(run, change)
    v = ox.verify(run, alone=True)
    assert [each.where for each in v.findings] == ["shards/000000.npz"]
    with pytest.raises(VerificationError, match=said):
        v.require()


def test_whoever_makes_all_of_it_anew_is_found_by_the_head_that_was_noted(run):
    head = ox.verify(run, alone=True).head
    assert off(run, expect=head) == []
    rewrite(run / "shards" / "000000.json", lambda found: found["failed"][0].update(reason="it does not suit"))
    close(run)
    assert off(run) == []
    assert "ledger.jsonl line 3" in off(run, expect=head)
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        ox.verify(run, expect=head[:12])


def test_a_model_with_other_weights_is_named(made, tmp_path):
    other = tmp_path / MODEL.name
    shutil.copy(MODEL.parent / "digits_cnn_dynamo.onnx", other)
    v = ox.verify(made / "run", model=other)
    assert [each.where for each in v.findings] == [str(other)] and "another file" in v.findings[0].what
    other.write_bytes(MODEL.read_bytes()[:-1])
    assert [each.where for each in ox.verify(made / "run", model=other).findings] == [str(other)]
    assert ox.verify(made / "run", model=shutil.copy(MODEL, other)).ok


def test_external_data_is_the_subject_of_the_statement_and_is_checked(tmp_path):
    model, x = relu_cnn()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    np.save(tmp_path / "x.npy", x)
    run = tmp_path / "run"
    ox.run(tmp_path / "m.onnx", tmp_path / "x.npy", run, "gradient")
    data = (tmp_path / "m.data").read_bytes()
    subjects = json.loads((run / "statement.json").read_bytes())["subject"]
    known = {name: {"sha256": digest((tmp_path / name).read_bytes())} for name in ("m.onnx", "m.data")}
    assert {each["name"]: each["digest"] for each in subjects} == known
    assert ox.verify(run, replay=3).ok
    (tmp_path / "m.data").write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert [each.where for each in ox.verify(run).findings] == [str(tmp_path / "m.data")]
    (tmp_path / "m.data").unlink()
    v = ox.verify(run)
    assert [each.where for each in v.findings] == [str(tmp_path / "m.onnx")] and "m.data" in v.findings[0].what


def test_inputs_that_were_changed_or_are_gone_are_named(made, tmp_path):
    photos = shutil.copytree(made / "photos", tmp_path / "photos")
    assert ox.verify(made / "run", inputs=photos).ok
    (photos / "001.png").write_bytes((photos / "000.png").read_bytes())
    (photos / "005.png").unlink()
    v = ox.verify(made / "run", inputs=photos)
    assert [tuple(each) for each in v.findings] == [
        (str(photos / "001.png"), "it is another file than the input of the run, by its sha256"),
        (str(photos / "005.png"), "it is missing"),
    ]


def test_what_is_not_there_is_said_and_is_no_finding(made, tmp_path):
    run = shutil.copytree(made / "run", tmp_path / "run")
    rewrite(
        run / "run.json", lambda found: found.update(sealed({**found, "where": {"model": None, "inputs": "/no/where"}}))
    )
    v = ox.verify(run)
    assert v.ok and v.unchecked["model"] == "--model says where" and "nothing is at /no/where" in v.unchecked["inputs"]
    assert "model" not in ox.verify(made / "run", alone=True).checked


def test_a_folder_without_a_run_is_a_bad_input(tmp_path):
    with pytest.raises(BadInputError, match="no run is there"):
        ox.verify(tmp_path)


def test_an_unfinished_run_is_said_to_be_one(run):
    for name in ("run.json", "statement.json", "ledger.jsonl"):
        (run / name).unlink()
    assert "run.json" in off(run)


HOSTILE = {
    "deep": b"[" * 100_000,
    "a number without end": b'{"format":' + b"9" * 10_000 + b"}",
    "no number": b'{"format":NaN}',
    "half a letter": b'{"format":"\\ud800"}',
    "a list": b"[]",
    "null": b"null",
    "a key twice": b'{"format":1,"format":1}',
    "other types": b'{"format":[],"job":{},"rows":1}',
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith("npz")])
def test_a_hostile_file_is_named_and_nothing_else_happens(run, name, what):
    (run / name).write_bytes(HOSTILE[what] + b"\n" * name.endswith("jsonl"))
    assert {where.partition(" line ")[0] for where in off(run)} == {name}


def test_hostile_names_in_a_listing_are_named(run):
    path = run / "inputs.jsonl"
    first, *others = path.read_bytes().splitlines(keepends=True)
    for name in ("\\ud800", "\\u0000", "a" * 5000, "/etc/passwd", "..", "a/../../b"):
        path.write_bytes(b"".join([first.replace(b'"000.png"', f'"{name}"'.encode()), *others]))
        assert off(run) in (["inputs.jsonl line 1"], ["inputs.jsonl"])
    rewrite(
        run / "run.json", lambda found: found.update(sealed({**found, "where": {"model": "a" * 5000, "inputs": "\0"}}))
    )
    path.write_bytes(b"".join([first, *others]))
    assert set(ox.verify(run).unchecked) == {"signature", "model", "inputs"}


def test_an_array_that_asks_for_more_memory_than_it_has_is_named(run):
    def huge(path):
        with zipfile.ZipFile(path) as archive:
            held = {info: archive.read(info) for info in archive.infolist()}
        with zipfile.ZipFile(path, "w") as archive:
            for info, data in held.items():
                archive.writestr(info, data.replace(b"'shape': (3,), }     ", b"'shape': (999999,), }"))

    repack(run, huge)
    v = ox.verify(run, alone=True)
    assert [each.where for each in v.findings] == ["shards/000000.npz"] and "bytes" in v.findings[0].what


def test_a_listing_that_leads_out_of_its_folder_is_named(run):
    lines = (run / "inputs.jsonl").read_bytes().replace(b'"name":"000.png"', b'"name":"../../000.png"')
    (run / "inputs.jsonl").write_bytes(lines)
    v = ox.verify(run, alone=True)
    assert v.findings[0].where == "inputs.jsonl line 1" and "leads out" in v.findings[0].what
