"""Arrays as libraries give them: each is the picture that it shows, or is refused with what would help."""

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, RangeWarning, UsageError
from onnxplain.inputs import Picture, Preprocess, read_input
from onnxplain.inputs.decode import decode
from onnxplain.inputs.facts import Facts

IMAGENET = Preprocess.named("imagenet")
UNIT = Preprocess(scale=1 / 255)
SHAPE = ("N", 3, 6, 8)
RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
GREY = RGB[..., 0]


def read(source, preprocess=UNIT, shape=SHAPE):
    return read_input(source, preprocess, shape, np.float32)


@pytest.fixture(scope="module")
def wanted():
    """What a PNG of the picture becomes."""
    return {preprocess: read(Image.fromarray(RGB), preprocess).array for preprocess in (UNIT, IMAGENET)}


@pytest.mark.parametrize("preprocess", [UNIT, IMAGENET])
def test_what_opencv_scikit_image_and_torchvision_hold(preprocess, wanted):
    same = {
        "opencv": Picture(RGB[..., ::-1], colour="bgr"),
        "opencv, with transparency": Picture(np.dstack([RGB[..., ::-1], GREY]), colour="bgr"),
        "scikit-image, uint8": RGB,
        "scikit-image, floats": Picture(RGB / 255, window=(0.5, 1)),
        "scikit-image, float32": Picture((RGB / 255).astype(np.float32), window=(0.5, 1)),
        "torchvision": RGB.transpose(2, 0, 1)[None],
        "a batch": RGB[None],
        "another memory order": np.asfortranarray(RGB),
        "16 bits": Picture(RGB.astype(np.uint16) * 257, bits=16),
        "32 bits": Picture(RGB.astype(np.int32) * 16, window=(2040, 4081)),
    }
    for name, source in same.items():
        assert np.allclose(read(source, preprocess).array, wanted[preprocess], atol=1e-5), name


def test_opencv_writes_what_is_read():
    cv2 = pytest.importorskip("cv2")
    path = "a.png"
    done, data = cv2.imencode(path, RGB[..., ::-1])
    assert done and np.array_equal(read(data.tobytes()).array, read(RGB).array)
    frame = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert np.array_equal(read(Picture(frame, colour="bgr")).array, read(RGB).array)


def test_what_scikit_image_calls_a_float_of_a_picture():
    util = pytest.importorskip("skimage.util")
    found = read(Picture(util.img_as_float(RGB), window=(0.5, 1))).array
    assert np.allclose(found, read(RGB).array, atol=1e-6)
    assert np.allclose(read(Picture(util.img_as_uint(GREY), bits=16)).array, read(GREY).array, atol=1e-6)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint16), (10, np.uint16), (12, np.int16), (16, np.uint16)])
def test_bits_state_the_range_of_grey(bits, dtype):
    deep = np.arange(48).reshape(6, 8) * ((2**bits - 1) // 48)
    wanted = np.broadcast_to(deep / (2**bits - 1), (1, 3, 6, 8))
    stated = Preprocess(scale=1 / 255, bits=bits)
    for source, preprocess in (
        (Picture(deep.astype(dtype), bits=bits), UNIT),
        (Picture(deep.astype(dtype), window=(2 ** (bits - 1), 2**bits)), UNIT),
        (deep.astype(dtype), stated),
        (deep.astype(dtype)[None, ..., None], stated),
        (Image.fromarray(deep.astype(np.uint16)), stated),
    ):
        assert np.allclose(read(source, preprocess).array, wanted, atol=1e-6)


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_bits_state_the_range_of_a_file(tmp_path, ending):
    """A dark picture and a bright one keep their difference, which each one's own range would take away."""
    for name, factor in (("dark", 16), ("bright", 60)):
        Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * factor).save(tmp_path / f"{name}.{ending}")
    paths = [tmp_path / f"dark.{ending}", tmp_path / f"bright.{ending}"]
    found = read(paths, Preprocess(scale=1 / 255, bits=12))
    assert np.allclose(found.array[0] * 60, found.array[1] * 16) and np.isclose(found.array.max(), 47 * 60 / 4095)
    assert found.notes == tuple(f"{path}: 0..4095 became 0..255 (bits=12)" for path in paths)
    own = read(paths)
    assert not np.allclose(own.array[0] * 60, own.array[1] * 16) and "bits= or window= states it" in own.notes[0]


def test_a_picture_states_for_itself_what_the_preprocessing_states_for_all():
    deep = np.arange(48, dtype=np.uint16).reshape(6, 8) * 20
    twelve = Preprocess(scale=1 / 255, bits=12)
    assert np.allclose(read(Picture(deep, bits=10), twelve).array, read(deep, Preprocess(scale=1 / 255, bits=10)).array)
    assert np.allclose(read(Picture(deep, window=(512, 1024)), twelve).array[0, 0], deep / 1023)
    assert np.allclose(read(Picture(deep), twelve).array, read(deep, twelve).array)


@pytest.mark.parametrize(
    ("source", "preprocess", "said"),
    [
        (GREY.astype(np.uint16), UNIT, r"pass uint8 .*Picture\(array, bits=12\).*--bits and --window"),
        (Picture(GREY.astype(np.uint16)), UNIT, r"uint16 values .* no range of their own: state it by bits=12, or"),
        (Picture(GREY / 255), UNIT, r"float64 values .* no range of their own: state it by window=\(centre"),
        (Picture(GREY / 255, bits=8), UNIT, r"state it by window=\(centre"),
        (Picture(GREY.astype(np.int16) - 99, bits=12), UNIT, r"values from -\d+ to .* bits=12 holds 0 to 4095"),
        (Picture(GREY.astype(np.uint16) * 257, bits=12), UNIT, r"to 6\d+, and bits=12 holds 0 to 4095"),
        (Picture(GREY, bits=12), UNIT, r"8 bits a channel, and bits=12 is stated: leave it out"),
        (Image.fromarray(RGB), Preprocess(window=(40, 400)), r"8 bits a channel, and window=\(40.0, 400.0\) is stated"),
        (GREY, Preprocess(bits=12), "8 bits a channel, and bits=12 is stated"),
        (Picture(GREY, colour="bgr"), UNIT, r'colour="bgr" for a grey picture of shape \[6, 8\]; leave it out'),
        (Picture(Image.fromarray(RGB), colour="bgr"), UNIT, "colour='bgr' is for arrays"),
        (Picture(np.full((6, 8), np.nan), window=(0.5, 1)), UNIT, "holds NaN or Inf"),
        (RGB.transpose(2, 0, 1), UNIT, r"could be one picture or 3 grey ones: pass x\[None\]"),
        (np.dstack([GREY, GREY]), UNIT, r"shape \[6, 8, 2\] are no picture.*with a C of 1, 3 or 4"),
        (Picture(np.zeros((2, 2, 6, 8, 3), np.uint8)), UNIT, "are no picture; pass"),
        (Picture(np.zeros((0, 6, 8, 3), np.uint8)), UNIT, "an empty batch"),
        (RGB.transpose(2, 0, 1)[None] * 1.0, UNIT, r"values from 0 to 2\d\d, and the preprocessing makes 0 to 1 of a"),
        (RGB.transpose(2, 0, 1)[None] * 1.0, IMAGENET, r"the preprocessing makes -2.12 to 2.64 of a picture: pass"),
        (RGB.transpose(2, 0, 1)[None].astype(np.uint16) * 16, Preprocess(), "values from 0 to 3984, .*makes 0 to 255"),
    ],
)
def test_what_has_another_range_is_refused_with_what_helps(source, preprocess, said):
    with pytest.raises(BadInputError, match=f"(input|picture): .*{said}"):
        read(source, preprocess)


def test_pixels_from_0_to_1_are_told_from_normalised_ones():
    pixels = (RGB / 255).astype(np.float32).transpose(2, 0, 1)[None]
    with pytest.warns(RangeWarning, match=r"lie in 0 to 1, and those of .* in -2.12 to 2.64: for pixels .* window="):
        found = read(pixels, IMAGENET)
    assert np.array_equal(found.array, pixels)
    assert np.array_equal(read(pixels).array, pixels)  # there 0 to 1 is the model's range


def test_a_picture_is_one_source():
    for source in ([GREY, GREY], (GREY,), Picture(GREY)):
        with pytest.raises(UsageError, match=r"Picture of a \w+: expected one source; pass a list of pictures"):
            Picture(source)


def test_other_kinds_of_files_may_state_the_range_too():
    stated = {"bits": 12, "frame": 1}
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    for config in ({"preset": "tf"}, {"size": 224, "resample": 2, **half}, {"scale": 2}):
        found = Preprocess.of({**config, **stated})
        assert (found.bits, found.frame) == (12, 1) and found != Preprocess.of(config)
        assert Preprocess.from_dict(found.to_dict()) == found
    with pytest.raises(UsageError, match="expected one of imagenet, tf, raw"):
        Preprocess.of({"preset": "resnet"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bits", 0),
        ("bits", 2.5),
        ("bits", True),
        ("window", 5),
        ("window", (1, 0)),
        ("window", (1, "a")),
        ("frame", -1),
    ],
)
def test_facts_that_nothing_can_have(field, value):
    for made in (Preprocess, lambda **facts: Picture(GREY, **facts)):
        with pytest.raises(UsageError, match=f"{field} .*expected"):
            made(**{field: value})
    with pytest.raises(UsageError, match=r"bits.* and window.* both state the range"):
        Picture(GREY, bits=12, window=(1, 2))
    with pytest.raises(UsageError, match=r"bits.* and window.* both state the range"):
        Preprocess(bits=12, window=(1, 2))
    with pytest.raises(UsageError, match="colour 'gbr'"):
        Picture(GREY, colour="gbr")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I;16", "I"]
)
def test_modes_of_pillow(mode):
    """Each is the picture that Pillow shows in RGB; those of numbers without a range need one."""
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    if mode in ("I;16", "I"):
        image = Image.fromarray(ramp.astype(np.uint16) * 16 if mode == "I;16" else ramp.astype(np.int32) * 16)
        found = decode(image, Facts(bits=12)).picture
        assert np.allclose(np.asarray(found), ramp * (16 * 255 / 4095), atol=1e-4)
        return
    image = Image.fromarray(ramp).convert("P") if mode == "P" else Image.fromarray(ramp).convert("RGB").convert(mode)
    assert np.array_equal(np.asarray(decode(image).picture.convert("RGB")), np.asarray(image.convert("RGB")))
