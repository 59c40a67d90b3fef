"""Masks of the rows of a run: on the map of relevance, though they were drawn on the picture as it came."""

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import Preprocess
from onnxplain.runs.audit.masks import Border, Box, Files, check_pattern

SIZE = (40, 40)


@pytest.fixture
def preprocess():
    return Preprocess.of({"crop": 0.8, "size": SIZE}).fit((None, 3, *SIZE))


def test_a_box_and_a_border():
    box = Box((1, 2, 4, 3)).mask("a", (5, 6))
    assert box.sum() == 3
    assert box[2, 1:4].all()
    border = Border(1).mask("a", (4, 5))
    assert border.sum() == 20 - 2 * 3
    assert not border[1:-1, 1:-1].any()
    with pytest.raises(UsageError, match="a map of 4 x 5 has no inside"):
        Border(2).mask("a", (4, 5))


@pytest.mark.parametrize("size", [(100, 100), (50, 80), (200, 120), (30, 45)])
def test_a_mask_goes_where_its_pixels_go(tmp_path, preprocess, size):
    """A white square on black, preprocessed as a picture, is the reference: where it is brighter than half."""
    drawn = np.zeros(size, np.uint8)
    drawn[size[0] // 3 : size[0] // 2, size[1] // 2 : size[1] * 2 // 3] = 255
    Image.fromarray(drawn).save(tmp_path / "a.mask.png")
    mask = Files("{stem}.mask.png", tmp_path, preprocess, tmp_path / "photos").mask("a.jpg", SIZE)
    seen = preprocess(Image.fromarray(drawn).convert("RGB"))[0, 0]
    assert mask.any()
    assert (mask != (seen > 127)).mean() < 0.003


def test_an_array_is_over_the_map_itself(tmp_path, preprocess):
    given = np.zeros(SIZE, bool)
    given[3, 5] = True
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "a.png.npy", given)
    found = Files("{name}.npy", tmp_path, preprocess, tmp_path / "photos").mask("sub/a.png", SIZE)
    np.testing.assert_array_equal(found, given)


def test_an_input_without_a_file_has_no_mask(tmp_path, preprocess):
    assert Files("{stem}.png", tmp_path, preprocess, tmp_path / "photos").mask("a.jpg", SIZE) is None


def test_masks_that_do_not_fit_are_refused(tmp_path, preprocess):
    np.save(tmp_path / "a.npy", np.ones((3, 3), bool))
    with pytest.raises(BadInputError, match=r"a\.npy: a mask of 3 x 3 for a map of 40 x 40"):
        Files("{stem}.npy", tmp_path, preprocess, tmp_path / "photos").mask("a.jpg", SIZE)
    cropped_away = np.zeros((100, 100), np.uint8)
    cropped_away[:3, :3] = 255
    Image.fromarray(cropped_away).save(tmp_path / "b.png")
    with pytest.raises(BadInputError, match="nothing of the map of b is marked"):
        Files("{stem}.png", tmp_path, preprocess, tmp_path / "photos").mask("b", SIZE)


@pytest.mark.parametrize("pattern", ["mask.png", "{other}.png", "{stem", "{}.png"])
def test_a_pattern_without_the_name_is_refused(pattern):
    with pytest.raises(UsageError, match=r"expected a path with \{stem\} or \{name\} in it"):
        check_pattern(pattern)


def test_a_mask_of_another_size_than_the_picture_is_refused(tmp_path, preprocess):
    """It would be resized and cropped as the picture was, and lie in another place."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 50)).save(tmp_path / "photos" / "a.jpg")
    found = Files("{stem}.png", tmp_path, preprocess, tmp_path / "photos")
    Image.new("L", (80, 50), 255).save(tmp_path / "a.png")
    assert found.mask("a.jpg", SIZE).all()
    Image.new("L", SIZE, 255).save(tmp_path / "a.png")
    with pytest.raises(BadInputError, match=r"a\.png: a mask of 40 x 40 for a picture of 50 x 80, a\.jpg"):
        found.mask("a.jpg", SIZE)
