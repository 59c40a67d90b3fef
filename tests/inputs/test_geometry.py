"""Resizing and cropping as torchvision's documentation states them, computed with Pillow alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import Preprocess

BICUBIC = Image.Resampling.BICUBIC


def picture(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), BICUBIC)


@pytest.mark.parametrize(("height", "width"), [(210, 333), (333, 210), (120, 97), (64, 64)])
@pytest.mark.parametrize(("crop", "short"), [(0.9, 71), (1.0, 64), (1, 64), (80, 80)])
def test_the_short_side_is_brought_to_its_length_and_the_centre_is_cut(height, width, crop, short):
    """Resize: the long side becomes int(short · long / short side). CenterCrop: from round(rest / 2) on."""
    found = Preprocess(size=64, crop=crop, resize="bicubic").fit(("N", 3, 64, 64))(picture(height, width))
    tall, wide = (int(short * side / min(height, width)) for side in (height, width))
    pixels = np.asarray(picture(height, width).resize((wide, tall), BICUBIC))
    top, left = round((tall - 64) / 2), round((wide - 64) / 2)
    np.testing.assert_array_equal(found[0], pixels[top : top + 64, left : left + 64].transpose(2, 0, 1))


def test_a_size_that_is_no_square_is_covered():
    """210 x 333 covers 96 x 192 at a width of 192, and so at a height of 121."""
    found = Preprocess(size=(96, 192), crop=1.0, resize="bicubic").fit(("N", 3, 96, 192))(picture(210, 333))
    pixels = np.asarray(picture(210, 333).resize((192, 121), BICUBIC))
    np.testing.assert_array_equal(found[0], pixels[12:108].transpose(2, 0, 1))


def test_imagenet_s_means_and_deviations_are_red_s_first():
    x = Preprocess.named("imagenet").fit(("N", 3, 224, 224))(Image.new("RGB", (300, 300), (10, 20, 30)))
    due = (10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (30 / 255 - 0.406) / 0.225
    np.testing.assert_allclose(x[0, :, 7, 7], due, rtol=1e-5)


def test_a_strip_is_not_enlarged_without_bounds():
    """Its short side of one pixel becomes 256, and its long side of 60,000 fifteen million."""
    strip = Image.new("L", (60000, 1))
    fitted = Preprocess(size=224, crop=256).fit(("N", 1, 224, 224))
    with pytest.raises(BadInputError, match=r"before its centre is cut out: 15360000 x 256 pixels, more than"):
        fitted(strip)


def test_a_size_of_a_configuration_has_the_limit_of_pixels():
    with pytest.raises(BadInputError, match=r"picture: 1000000 x 1000000 pixels, more than the limit"):
        Preprocess(size=(10**6, 10**6)).fit(("N", 1, None, None))(picture(8, 8))
    with pytest.raises(UsageError, match="crop 1e-320: expected a fraction"):
        Preprocess(size=8, crop=1e-320)
