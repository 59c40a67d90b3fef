"""Pictures of every mode come out upright and 8-bit; files that are none are refused by name."""

import hashlib
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs import decode as module
from onnxplain.inputs.decode import decode
from onnxplain.limits import Limits

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_every_eight_bit_mode(mode):
    grey = Image.fromarray(RAMP)
    picture, *_ = decode((grey if mode == "P" else grey.convert("RGB")).convert(mode))
    assert picture.mode in ("L", "RGB")
    assert np.abs(np.asarray(picture.convert("L"), int) - RAMP).max() <= 1


def test_one_bit_becomes_black_and_white():
    bits = RAMP > 100
    assert np.array_equal(np.asarray(decode(Image.fromarray(bits))[0]), bits * np.uint8(255))


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_sixteen_bits_have_the_range_that_they_use(tmp_path, bits, ending):
    """A picture of any depth is the one that its upper 8 bits hold, and keeps what is below them."""
    steps = (2**bits - 1) / 255
    deep = np.rint((RAMP + 3.0) * steps).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep.{ending}")
    picture, notes, *_ = decode(tmp_path / f"deep.{ending}")
    top = 2**bits - 1
    assert picture.mode == "F" and np.allclose(np.asarray(picture), deep * (255 / top), atol=1e-4)
    assert np.array_equal(np.rint(np.asarray(picture)), RAMP + 3)
    assert notes[0].startswith(f"16 bits reduced to 8: its largest value is {top}, and 0..{top} became 0..255; bits=")


def test_an_xray_of_twelve_bits_is_the_one_of_eight(shared, tmp_path):
    picture = Image.open(shared / "images/xray/nih_00000001_000.png").convert("L").resize((64, 64))
    Image.fromarray(np.asarray(picture).astype(np.uint16) * 16).save(tmp_path / "deep.png")
    found = np.asarray(decode(tmp_path / "deep.png").picture)
    assert abs(found - np.asarray(picture)).max() <= 1 and found.mean() > 64


def test_black_stays_black_in_sixteen_bits(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    assert np.asarray(decode(tmp_path / "deep.png").picture).max() == 0


def png_of_colours(values):
    """A PNG of 16 bits a channel, which Pillow itself cannot write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_colours_of_sixteen_bits(tmp_path):
    """Pillow reads the upper 8 bits of them; where there is next to nothing in these, the file is refused."""
    values = np.repeat(RAMP.astype(np.uint16)[..., None], 3, axis=2)
    (tmp_path / "full.png").write_bytes(png_of_colours(values * 257))
    picture, notes, *_ = decode(tmp_path / "full.png")
    assert np.array_equal(np.asarray(picture), values) and notes == ("16 bits a channel reduced to the upper 8",)
    (tmp_path / "xray.png").write_bytes(png_of_colours(values * 16))
    with pytest.raises(BadInputError, match=r"xray\.png: colours of 16 bits.*save it in grey"):
        decode(tmp_path / "xray.png")


def test_a_palette_with_transparency(tmp_path):
    picture = Image.fromarray(RAMP).convert("P")
    picture.save(tmp_path / "clear.png", transparency=bytes(range(256)))
    decoded, notes, *_ = decode(tmp_path / "clear.png")
    assert np.array_equal(np.asarray(decoded), np.asarray(picture.convert("RGB")))
    assert notes == ("transparency dropped",)


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the stored picture is the right side of the real one
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    picture, notes, *_ = decode(tmp_path / "turned.png")
    assert np.array_equal(np.asarray(picture), np.rot90(RAMP, -1))
    assert len(notes) == 1


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("L", (8, 8), value) for value in (10, 200, 90)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    picture, notes, *_ = decode(tmp_path / "moving.gif")
    assert np.asarray(picture.convert("L")).max() == 10
    assert "first of 3 frames" in notes


def test_floats_are_refused():
    with pytest.raises(BadInputError, match="mode F"):
        decode(Image.fromarray(RAMP.astype(np.float32)))


def test_the_bytes_that_were_read_are_known_by_their_hash(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png").sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert decode(Image.fromarray(RAMP)).sha256 is None


def test_broken_files_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    (tmp_path / "folder").mkdir()
    for name in ("text.png", "cut.png", "missing.png", "folder"):
        with pytest.raises(BadInputError, match=name):
            decode(tmp_path / name)


def test_a_picture_of_more_pixels_than_the_limit_is_not_decoded(tmp_path):
    Image.new("1", (3000, 2000)).save(tmp_path / "bomb.png")
    with Limits(pixels=10**6).hold(), pytest.raises(BadInputError, match=r"bomb\.png: 3000 x 2000 pixels, more than"):
        decode(tmp_path / "bomb.png")
    assert decode(tmp_path / "bomb.png").picture.size == (3000, 2000)


def test_a_header_of_a_gigapixel_is_no_error_of_pillow_s(tmp_path):
    """The size in the header of a small PNG, with the sum that checks it, is all that Pillow looks at first."""
    Image.new("L", (8, 8)).save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    struct.pack_into(">II", data, 16, 40000, 40000)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(BadInputError, match=r"bomb\.png: too large a picture .*MAX_IMAGE_PIXELS"):
        decode(tmp_path / "bomb.png")


def test_a_picture_that_is_a_program_is_not_run(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(BadInputError, match="not a picture that Pillow can read"):
        decode(tmp_path / "a.png")


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(BadInputError, match=r"a\.png' is a pipe"):
        decode(tmp_path / "a.png")


def test_the_source_is_not_changed():
    source = Image.fromarray(RAMP).convert("RGBA")
    before = source.tobytes()
    decode(source)[0].paste(0, (0, 0, 8, 8))
    assert source.tobytes() == before


@pytest.mark.parametrize(("ending", "common"), [("png", True), ("jpg", True), ("bmp", True), ("gif", True),
                                                ("tga", False), ("tiff", False), ("webp", False)])  # fmt: skip
def test_all_formats_of_pillow_are_imported_for_a_rare_one_alone(ending, common, tmp_path, monkeypatch):
    Image.fromarray(RAMP).convert("RGB").save(tmp_path / f"a.{ending}")
    asked, every = [], module.formats
    monkeypatch.setattr(module, "formats", lambda: asked.append(ending) or every())
    assert decode(tmp_path / f"a.{ending}").picture.size == RAMP.shape[::-1]
    assert bool(asked) != common
