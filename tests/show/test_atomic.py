"""A file is written whole or not at all, and nothing is left behind."""

import errno
import os
import signal

import pytest

from onnxplain.cli.stopping import TerminatedError, tidying_up
from onnxplain.errors import BadInputError, UsageError
from onnxplain.show import save_atomic
from onnxplain.show.atomic import check_file, check_folder, make_folder


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


def test_a_full_disk_leaves_the_old_file_and_is_told(tmp_path):
    target = tmp_path / "map.npz"
    target.write_bytes(b"old")

    def write(file):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(BadInputError, match=r"map\.npz: cannot be written whole \(No space left on device\)"):
        save_atomic(target, write)
    assert target.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["map.npz"]


def test_sigterm_while_a_file_is_written_leaves_nothing(tmp_path):
    with pytest.raises(TerminatedError), tidying_up():
        save_atomic(tmp_path / "map.npz", lambda file: (file.write(b"half"), os.kill(os.getpid(), signal.SIGTERM)))
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_pipe_or_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        for write in (check_file, lambda path: save_atomic(path, lambda file: file.write(b"x"))):
            with pytest.raises(UsageError, match="a pipe, a socket or a device"):
                write(path)
    assert (tmp_path / "pipe").is_fifo()


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


def test_a_folder_is_checked_before_it_is_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "closed").mkdir(mode=0o500)
    check_folder(tmp_path / "new" / "one")
    assert not (tmp_path / "new").exists()
    for name in ("file", "file/below"):
        with pytest.raises(UsageError, match="file is a file"):
            check_folder(tmp_path / name)
        with pytest.raises(UsageError, match="cannot make this folder"):
            make_folder(tmp_path / name)
    if os.access(tmp_path / "closed", os.W_OK):
        pytest.skip("this user may write to any folder")
    with pytest.raises(UsageError, match="cannot be written to"):
        check_folder(tmp_path / "closed" / "one")


def test_what_is_read_is_kept_by_whatever_name(tmp_path):
    for name in ("read", "other"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "read")
    (tmp_path / "hard").hardlink_to(tmp_path / "read")
    for name in ("read", "link", "hard", "../" + tmp_path.name + "/read"):
        with pytest.raises(UsageError, match="which is read"):
            check_file(tmp_path / name, None, tmp_path / "other", tmp_path / "read")
    check_file(tmp_path / "new", tmp_path / "read", tmp_path / "missing", "not\0here")
    with pytest.raises(UsageError, match="is a folder"):
        check_file(tmp_path)
