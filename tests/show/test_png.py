"""Pillow reads back what is written, pixel by pixel, with its texts, and finds nothing wrong."""

import io

import numpy as np
import pytest
from PIL import Image

from onnxplain.show.png import write_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (300, 200)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_written_is_read_back(size, mode):
    picture = Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8)).convert(mode)
    file = io.BytesIO()
    write_png(picture, file, {"onnxplain": '{"a": "心脏 ё"}', "Title": "x" * 100_000})
    Image.open(io.BytesIO(file.getvalue())).verify()
    with Image.open(file) as read:
        read.load()
        assert read.format == "PNG" and read.text == {"onnxplain": '{"a": "心脏 ё"}', "Title": "x" * 100_000}
        assert np.array_equal(np.asarray(read), np.asarray(picture.convert("RGB")))


def test_it_is_compressed():
    file = io.BytesIO()
    write_png(Image.new("RGB", (1000, 1000), "white"), file)
    assert len(file.getvalue()) < 30_000


def test_noise_is_as_small_as_by_pillow_at_the_same_level():
    noise, written, pillows = Image.fromarray(RNG.integers(0, 256, (400, 300, 3), np.uint8)), io.BytesIO(), io.BytesIO()
    write_png(noise, written)
    noise.save(pillows, "png", compress_level=1)
    assert len(written.getvalue()) <= 1.01 * len(pillows.getvalue())
