"""Folders as inputs."""

from __future__ import annotations

import pytest

from onnxplain.errors import BadInputError
from onnxplain.inputs.folder import listed, listing


def touch(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"")
    return [folder / name for name in names]


def test_inputs_come_sorted_and_by_their_ending(tmp_path):
    a, b, c, d = touch(tmp_path, "a.PNG", "b.jpg", "c.npy", "d.npz")
    touch(tmp_path, "z.onnx", ".DS_Store")
    (tmp_path / "inner").mkdir()
    found, notes = listed(str(tmp_path))
    assert found == [a, b, c, d]
    assert [note.split(":")[0].split("/")[-1] for note in notes] == ["inner", "z.onnx"]


def test_what_is_no_folder_stays_as_it_is(tmp_path):
    (a,) = touch(tmp_path, "a.png")
    assert listed([[1.0, 2.0]]) == ([[1.0, 2.0]], ())
    assert listed(a) == (a, ())
    assert listed(["b.png", tmp_path])[0] == ["b.png", a]


def test_a_folder_without_inputs_is_an_error(tmp_path):
    touch(tmp_path, "a.txt")
    with pytest.raises(
        BadInputError, match=r"no picture, DICOM file, WAV file, .npy or .npz in this folder \(1 other files\)"
    ):
        listed(tmp_path)


def test_a_folder_of_folders_is_one_of_classes(tmp_path):
    for name in ("dog", "cat", ".hidden", "empty"):
        (tmp_path / name).mkdir()
    (dog,), (cat, _), (_,) = (
        touch(tmp_path / "dog", "a.png"),
        touch(tmp_path / "cat", "a.png", "b.txt"),
        touch(tmp_path, "c"),
    )
    found = listing([tmp_path, "d.png"])
    assert found.items == [cat, dog, "d.png"] and found.labels == ["cat", "dog", None]
    assert [note.split(":")[0].split("/")[-1] for note in found.notes] == ["c", "b.txt"]
    assert listed(str(tmp_path)) == ([cat, dog], found.notes)
    touch(tmp_path, "own.png")  # then it is a folder of pictures
    assert listing([tmp_path]).labels == [None]


def test_a_file_without_an_ending_is_known_by_its_first_bytes(tmp_path):
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    touch(tmp_path, "IM0002", "b.dcm")
    found, notes = listed(tmp_path)
    assert found == [tmp_path / "IM0001", tmp_path / "b.dcm"] and "IM0002: passed over" in notes[0]
