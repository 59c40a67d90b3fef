"""What a user names as inputs, and the listing that is made of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.listing import Entry, Listing
from onnxplain.runs.sources import Sources, given

from .making import arrays, pictures, small


def names(folder, *inputs):
    sources = Sources([str(each) for each in inputs])
    return [each.name for each in sources], sources


@pytest.fixture
def place(tmp_path):
    pictures(tmp_path / "b", 2, bad=())
    pictures(tmp_path / "a" / "deep", 1, bad=())
    arrays(tmp_path / "a" / "x.npy", 3)
    (tmp_path / "a" / "notes.md").write_text("no input")
    (tmp_path / ".hidden.png").write_text("no input")
    return tmp_path


def test_a_folder_stands_for_all_inputs_below_it(place):
    found, sources = names(place, place)
    assert found == ["a/deep/000.png", "a/x.npy", "b/000.png", "b/001.png"]
    assert sources.notes == (f"{place / 'a' / 'notes.md'}: passed over, no input by its ending",)


def test_links_that_lead_round_are_followed_once(place):
    (place / "a" / "up").symlink_to(place)
    (place / "b" / "again.png").symlink_to(DIGITS[0])
    found, _ = names(place, place)
    assert found == ["a/deep/000.png", "a/x.npy", "b/000.png", "b/001.png", "b/again.png"]


def test_files_globs_and_lists_of_paths(place):
    listed = place / "list.txt"
    listed.write_text("b/001.png\n\n  a/x.npy  \nb/missing.png\n")
    assert names(place, listed)[0] == ["b/001.png", "a/x.npy", "b/missing.png"]
    assert names(place, place / "b" / "*.png")[0] == ["000.png", "001.png"]
    assert names(place, place / "**" / "*.png")[0] == ["a/deep/000.png", "b/000.png", "b/001.png"]
    assert names(place, place / "b" / "001.png", place / "a")[0] == ["b/001.png", "a/deep/000.png", "a/x.npy"]


@pytest.mark.parametrize("named", ["missing.png", "empty", "b/*.jpg", "list.txt"])
def test_what_holds_no_input_is_refused(place, named):
    (place / "empty").mkdir()
    (place / "list.txt").write_text("\n")
    with pytest.raises(BadInputError, match=named.replace("*", r"\*")):
        names(place, place / named)


def test_an_array_in_memory_is_refused():
    with pytest.raises(UsageError, match="ndarray is none"):
        given([np.ones(3)])
    with pytest.raises(UsageError, match="at least one input"):
        Sources([])


def test_a_line_has_name_bytes_sha256_and_rows(place, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "out"
    small(place, out)
    lines = [json.loads(line) for line in (out / "inputs.jsonl").read_text().splitlines()]
    for each in lines:
        data = (place / each["name"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert each.get("rows") == (3 if each["name"] == "a/x.npy" else None)
    r = ox.Run(out)
    assert [row.name for row in r.rows()] == [
        "a/deep/000.png",
        *(f"a/x.npy[{i}]" for i in range(3)),
        "b/000.png",
        "b/001.png",
    ]


def test_a_missing_file_of_a_list_is_a_failed_row(place):
    (place / "list.txt").write_text("b/001.png\nb/missing.png\n")
    r = small(place / "list.txt", place / "out")
    assert [(each.name, each.reason) for each in r.failed] == [
        ("b/missing.png", "'b/missing.png' does not exist: expected an input")
    ]


def test_rows_are_found_in_a_long_listing(tmp_path):
    rng = np.random.default_rng(0)
    entries = [Entry(f"{i}.npy", 1, "0", int(rng.integers(1, 4))) for i in range(2000)]
    (tmp_path / "inputs.jsonl").write_bytes(b"".join(each.line() for each in entries))
    due = [(each.name, row) for each in entries for row in range(each.rows)]
    listing = Listing(tmp_path / "inputs.jsonl")
    for start in (0, 3000, 17, 3500, 100, len(due) - 3, 3000):
        rows = range(start, min(start + 40, len(due)))
        pieces = list(listing.pieces(rows))
        assert [(each.entry.name, row) for each in pieces for row in range(each.start, each.stop)] == due[
            rows.start : rows.stop
        ]
        assert [i for each in pieces for i in each.indices] == list(rows)


def test_a_name_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(DIGITS[0], (str(tmp_path) + "/in/\udcff.png").encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInputError, match="no text in UTF-8"):
        small(tmp_path / "in", tmp_path / "out")


def test_a_table_is_read_in_parts(tmp_path):
    features = (BUNDLED / "wine.features.txt").read_text().split("\n")[:-1]
    x = np.load(BUNDLED / "wine_sample.npy").reshape(1, -1) * np.linspace(0.5, 2, 9)[:, None]
    lines = [",".join(features), *(",".join(map(repr, map(float, row))) for row in x)]
    (tmp_path / "wine.csv").write_text("\n".join([*lines[:5], "no,number", *lines[5:]]) + "\n")
    model = ox.load(BUNDLED / "wine_mlp_torch.onnx", features=BUNDLED / "wine.features.txt")
    r = ox.run(
        model, tmp_path / "wine.csv", tmp_path / "out", "deeplift", store="attribution", shard_size=4, batch_size=3
    )
    assert [(each.index, each.name) for each in r.failed] == [(4, "wine.csv[4]")]
    e = ox.Explainer(model, "deeplift")(x.astype("f"))
    got = np.stack([row.attribution for row in r.rows()])
    np.testing.assert_allclose(got, e.attribution, rtol=0, atol=1e-5 * np.abs(e.attribution).max())
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    pq.write_table(pa.table(dict(zip(features, x.T, strict=True))), tmp_path / "wine.parquet", row_group_size=2)
    r = ox.run(model, tmp_path / "wine.parquet", tmp_path / "p", "deeplift", store="attribution", shard_size=4)
    np.testing.assert_allclose([row.attribution for row in r.rows()], got, rtol=0, atol=1e-5 * np.abs(got).max())


def test_frames_of_a_dicom_file_are_rows(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    ds = pydicom.dcmread(Path(pydicom.data.__file__).parent / "test_files" / "MR_small.dcm")
    first = ds.pixel_array
    ds.NumberOfFrames = 5
    ds.PixelData = np.stack([np.roll(first, 7 * i) for i in range(5)]).tobytes()
    ds.save_as(tmp_path / "scan.dcm")
    r = small(tmp_path / "scan.dcm", tmp_path / "out", "gradient")
    assert [row.name for row in r.rows()] == [f"scan.dcm[{i}]" for i in range(5)]
    e = ox.Explainer(digits(), "gradient")(tmp_path / "scan.dcm")
    np.testing.assert_allclose(r.table()["score"], e.score, rtol=1e-5, atol=1e-5)
