"""Pictures of every mode come out upright and 8-bit; files that are none are refused by name."""

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs.decode import decode

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_every_eight_bit_mode(mode):
    grey = Image.fromarray(RAMP)
    picture, _ = decode((grey if mode == "P" else grey.convert("RGB")).convert(mode))
    assert picture.mode in ("L", "RGB")
    assert np.abs(np.asarray(picture.convert("L"), int) - RAMP).max() <= 1


def test_one_bit_becomes_black_and_white():
    bits = RAMP > 100
    assert np.array_equal(np.asarray(decode(Image.fromarray(bits))[0]), bits * np.uint8(255))


def test_sixteen_bits_keep_their_range(tmp_path):
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    picture, notes = decode(tmp_path / "deep.png")
    assert np.array_equal(np.asarray(picture), RAMP)
    assert notes == ("16 bits reduced to 8",)


def test_a_palette_with_transparency(tmp_path):
    picture = Image.fromarray(RAMP).convert("P")
    picture.save(tmp_path / "clear.png", transparency=bytes(range(256)))
    decoded, notes = decode(tmp_path / "clear.png")
    assert np.array_equal(np.asarray(decoded), np.asarray(picture.convert("RGB")))
    assert notes == ("transparency dropped",)


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the stored picture is the right side of the real one
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    picture, notes = decode(tmp_path / "turned.png")
    assert np.array_equal(np.asarray(picture), np.rot90(RAMP, -1))
    assert len(notes) == 1


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("L", (8, 8), value) for value in (10, 200, 90)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    picture, notes = decode(tmp_path / "moving.gif")
    assert np.asarray(picture.convert("L")).max() == 10
    assert "first of 3 frames" in notes


def test_floats_are_refused():
    with pytest.raises(BadInputError, match="mode F"):
        decode(Image.fromarray(RAMP.astype(np.float32)))


def test_broken_files_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    (tmp_path / "folder").mkdir()
    for name in ("text.png", "cut.png", "missing.png", "folder"):
        with pytest.raises(BadInputError, match=name):
            decode(tmp_path / name)


def test_the_source_is_not_changed():
    source = Image.fromarray(RAMP).convert("RGBA")
    before = source.tobytes()
    decode(source)[0].paste(0, (0, 0, 8, 8))
    assert source.tobytes() == before
