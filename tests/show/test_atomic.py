"""A file is written whole or not at all, and nothing is left behind."""

import pytest

from onnxplain.errors import UsageError
from onnxplain.show import save_atomic


def test_a_file_is_replaced(tmp_path):
    target = tmp_path / "map.npz"
    for content in (b"one", b"two"):
        save_atomic(target, lambda file, content=content: file.write(content))
        assert target.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["map.npz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "map.npz"
    target.write_bytes(b"old")

    def write(file):
        file.write(b"half of it")
        raise error

    with pytest.raises(error):
        save_atomic(target, write)
    assert target.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["map.npz"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    save_atomic(tmp_path / "atomic", lambda file: file.write(b""))
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save_atomic(tmp_path / "link", lambda file: file.write(b"new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("missing/map.npz", "folder"):
        with pytest.raises(UsageError, match=name.split("/", maxsplit=1)[0]):
            save_atomic(tmp_path / name, lambda file: file.write(b"x"))
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
