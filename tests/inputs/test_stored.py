"""Files of arrays that are broken or that lie: each is refused by name, and nothing is allocated for what it claims."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from onnxplain.errors import BadInputError
from onnxplain.inputs.stored import stored
from onnxplain.limits import Limits

GOOD = np.arange(6, dtype="f").reshape(2, 3)


def npy(array=GOOD, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def claiming(shape, descr="<f4"):
    """An .npy whose header states another shape or type than its 24 bytes of data have."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + GOOD.tobytes()


def archive(content, name="a.npy", kind=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as packed:
        packed.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_what_numpy_wrote_is_read(tmp_path, version):
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, GOOD, version)
    np.savez_compressed(tmp_path / "x.npz", a=GOOD, b=GOOD + 1)
    np.savez(tmp_path / "one.npz", a=np.asfortranarray(GOOD))
    np.testing.assert_array_equal(stored(str(tmp_path / "x.npy"))[0], GOOD)
    np.testing.assert_array_equal(stored(f"{tmp_path}/x.npz:b")[0], GOOD + 1)
    np.testing.assert_array_equal(stored(f"{tmp_path}/one.npz")[0], GOOD)
    assert stored("picture.png") == (None, None)


BROKEN = {
    "an empty file": (b"", ".npy", "cannot read"),
    "no array": (b"some text, and more of it", ".npy", "cannot read"),
    "a pickle": (pickle.dumps(GOOD), ".npy", "cannot read"),
    "objects": (npy(np.array([{}, 1], object), allow_pickle=True), ".npy", "Python objects"),
    "half of it": (npy()[:-5], ".npy", "24 bytes|claims|cannot read"),
    "a shape of a million million": (claiming((10**6, 10**6)), ".npy", "claims 4000000000000 bytes"),
    "a shape that no number holds": (claiming((2**62, 2**62)), ".npy", "claims"),
    "a shape below 0": (claiming((-1, 3)), ".npy", "a size below 0"),
    "a wide type": (claiming((6,), "<U99999999"), ".npy", "claims"),
    "brackets": (b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000, ".npy", "cannot read"),
    "an archive cut short": (archive(npy())[:-10], ".npz", "cannot read"),
    "an archive of a text": (archive(b"text"), ".npz", "cannot read"),
    "a nested claim": (archive(claiming((10**6, 10**6))), ".npz", "claims 4000000000000 bytes"),
    "objects in an archive": (archive(npy(np.array([{}], object), allow_pickle=True)), ".npz", "Python objects"),
    "an archive of nothing": (archive(b"", "a.npy", zipfile.ZIP_STORED), ".npz", "cannot read"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name(tmp_path, name):
    content, ending, message = BROKEN[name]
    path = tmp_path / f"broken{ending}"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=rf"broken\{ending}.*({message})"):
        stored(str(path))


def test_a_broken_stream_in_an_archive_is_refused(tmp_path):
    data = bytearray(archive(npy(np.arange(2000.0))))
    data[100:140] = b"\xff" * 40
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(BadInputError, match=r"x\.npz: cannot read the array"):
        stored(str(tmp_path / "x.npz"))


def test_an_archive_claims_no_more_than_its_bytes_can_hold(tmp_path):
    """The size of an entry stands in its directory, too, which may lie."""
    data = bytearray(archive(npy()))
    at = data.rfind(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, at)[0] == len(npy())
    struct.pack_into("<I", data, at, 2**31)
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(BadInputError, match=r"x\.npz: 'a' claims 2147483648 bytes, more than the file can hold"):
        stored(str(tmp_path / "x.npz"))


def test_an_array_within_a_small_file_has_a_limit(tmp_path):
    """Zeros are packed a thousandfold."""
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    assert (tmp_path / "bomb.npz").stat().st_size < 10**5
    with Limits(array_bytes=10**6).hold(), pytest.raises(BadInputError, match=r"8000000 bytes.*limit array_bytes"):
        stored(str(tmp_path / "bomb.npz"))
    assert stored(str(tmp_path / "bomb.npz"))[0].shape == (10**6,)


def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(BadInputError, match=r"x\.npy' is a pipe"):
        stored(str(tmp_path / "x.npy"))
    (tmp_path / "y.npy").symlink_to("/dev/zero")
    with pytest.raises(BadInputError, match=r"y\.npy' is a device"):
        stored(str(tmp_path / "y.npy"))
