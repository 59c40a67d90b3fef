"""Files that a user names: what may never end is not opened."""

import os

import pytest

from onnxplain import files
from onnxplain.errors import BadInputError


def test_a_regular_file_is_returned_and_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("crème\n", encoding="utf-8")
    link = tmp_path / "link"
    link.symlink_to(path)
    assert files.regular(str(link), "a text") == link
    assert files.read_text(path, "a text") == "crème\n"


def test_anything_else_is_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for name, what in {
        "": "is a folder",
        "none": "does not exist",
        "file/inner": "does not exist",
        "pipe": r"is a pipe \(FIFO\)",
        "loop": "cannot be read",
        "x" * 1000: "cannot be read",
        "a\0b": "cannot be read",
    }.items():
        with pytest.raises(BadInputError, match=f"{what}.*: expected a text"):
            files.regular(tmp_path / name, "a text")
    with pytest.raises(BadInputError, match="'/dev/zero' is a device: expected a text"):
        files.read_text("/dev/zero", "a text")


def test_a_text_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_TEXT", 3)
    (tmp_path / "long.txt").write_text("four")
    with pytest.raises(BadInputError, match=r"long\.txt' has 4 bytes: expected labels, of at most 3 bytes"):
        files.read_text(tmp_path / "long.txt", "labels")
