"""Preprocessing equals its formula, torchvision's transforms, and the bounds that it states."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import PRESETS, Preprocess

NCHW = ("N", 3, 224, 224)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def noise(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def transforms(shared):
    try:
        from torchvision import transforms
    except ModuleNotFoundError as problem:
        pytest.skip(f"torchvision is not installed: {problem}")
    except RuntimeError:  # its wheel wants another build of PyTorch; a helper declares the missing operators
        sys.path.insert(0, str(shared))
        import torchvision_cpu  # noqa: F401
        from torchvision import transforms

        sys.path.remove(str(shared))
    return transforms


@pytest.mark.parametrize("size", [(300, 500), (501, 333), (120, 97), (256, 256), (224, 1000)])
def test_imagenet_equals_torchvision(transforms, size):
    picture = noise(*size)
    theirs = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    ours = Preprocess.named("imagenet").fit(NCHW)(picture)
    assert ours.dtype == np.float32
    assert np.abs(ours[0] - theirs(picture).numpy()).max() < 1e-5


@pytest.mark.parametrize(("crop", "short"), [(0.9, 213), (1.0, 192), (200, 200)])
def test_crops_equal_torchvision(transforms, crop, short):
    from torchvision.transforms import InterpolationMode

    picture = noise(210, 333)
    resize = transforms.Resize(short, InterpolationMode.BICUBIC)
    theirs = transforms.Compose([resize, transforms.CenterCrop(192), transforms.PILToTensor()])
    ours = Preprocess(size=192, crop=crop, resize="bicubic").fit(("N", 3, 192, 192))(picture)
    assert np.array_equal(ours[0], theirs(picture).numpy())


def test_a_crop_beyond_the_border_is_black(transforms):
    picture = noise(100, 40)
    theirs = transforms.Compose([transforms.Resize(40), transforms.CenterCrop(64), transforms.PILToTensor()])
    ours = Preprocess(size=64, crop=40).fit(("N", 3, 64, 64))(picture)
    assert np.array_equal(ours[0], theirs(picture).numpy())


def test_tf_is_its_formula_in_channels_last():
    picture = noise(256, 256)
    x = Preprocess.named("tf").fit(("batch", 224, 224, 3))(picture)
    pixels = np.asarray(picture, np.float64)[16:240, 16:240]
    assert x.shape == (1, 224, 224, 3)
    assert np.abs(x[0] - (pixels / 127.5 - 1)).max() < 1e-6


def test_raw_stretches_and_keeps_pixels():
    picture = noise(60, 90)
    x = Preprocess.named("raw").fit((1, 3, 20, 30))(picture)
    pixels = np.asarray(picture.resize((30, 20), Image.Resampling.BILINEAR))
    assert np.array_equal(x[0], pixels.transpose(2, 0, 1))


def test_bgr_means_are_in_the_models_order():
    picture = Image.new("RGB", (4, 4), (10, 20, 30))
    x = Preprocess(mean=(1, 2, 3), colour="bgr").fit((1, 3, 4, 4))(picture)
    assert x[0, :, 0, 0].tolist() == [29, 18, 7]


def test_grey_is_luma():
    picture = noise(28, 28)
    x = Preprocess(scale=1 / 255).fit(("N", 1, 28, 28))(picture)
    luma = np.asarray(picture, np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(x[0, 0] * 255 - luma).max() <= 0.51


@pytest.mark.parametrize("shape", [("N", 3, 8, 8), ("N", 8, 8, 3), ("N", 1, 8, 8), ("N", 8, 8, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_bounds_hold_and_are_reached(shape, dtype, colour):
    grey = 1 in shape
    one = {"mean": 0.4, "std": 0.3} if grey else {"mean": MEAN, "std": STD}
    pre = Preprocess(scale=1 / 255, colour="grey" if grey else colour, **one).fit(shape, dtype)
    low, high = pre.bounds()
    assert low.dtype == high.dtype == dtype
    assert np.array_equal(pre(Image.new("RGB", (8, 8), "black")), np.broadcast_to(low, (1, *shape[1:])))
    assert np.array_equal(pre(Image.new("RGB", (8, 8), "white")), np.broadcast_to(high, (1, *shape[1:])))
    x = pre(noise(8, 8))
    assert ((low <= x) & (x <= high)).all()


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("shape", [("N", 3, 16, 16), ("N", 16, 16, 3)])
def test_undo_gives_the_pixels_back(shape, colour):
    picture = noise(16, 16)
    pre = Preprocess(scale=1 / 255, mean=MEAN, std=STD, colour=colour).fit(shape)
    assert np.array_equal(pre.undo(pre(picture)), np.asarray(picture))
    assert np.array_equal(pre.undo(pre(picture)[0]), np.asarray(picture))


def test_undo_of_grey_is_three_equal_channels():
    pre = Preprocess(scale=1 / 255, mean=0.3, std=0.3).fit(("N", 1, 16, 16))
    shown = pre.undo(pre(noise(16, 16)))
    assert np.array_equal(shown, np.asarray(noise(16, 16).convert("L").convert("RGB")))


@pytest.mark.parametrize("name", PRESETS)
def test_a_fitted_preset_survives_json(name):
    pre = Preprocess.named(name).fit(NCHW)
    assert Preprocess.from_dict(json.loads(json.dumps(pre.to_dict()))) == pre


def test_fit_completes_only_what_is_open():
    pre = Preprocess.named("imagenet")
    assert pre.fit(("N", 3, 227, 227)).size == (227, 227)
    assert pre.fit(("N", 3, "h", None)).size == (224, 224)
    assert pre.fit((None, None, None, 3)).layout == "NHWC"
    assert pre.fit((-1, 3, -1, -1)).layout == "NCHW"
    assert Preprocess.named("tf").fit(("N", 64, 64, 1)).colour == "grey"
    assert Preprocess.named("raw").fit((1, 8, 8, 3), np.uint8)(noise(8, 8)).dtype == np.uint8


def test_describe_names_every_step():
    line = Preprocess.named("imagenet").fit(NCHW).describe()
    for word in ("short side 256", "bilinear", "crop 224x224", "rgb", "0.485", "0.225", "NCHW", "float32"):
        assert word in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("pre", "shape", "word"),
    [
        ({}, ("N", 3, 8, 3), "layout"),
        ({}, ("N", None, None, None), "no axis holds"),
        ({"layout": "NHWC"}, NCHW, "layout NHWC"),
        ({}, ("N", 784), "takes no pictures"),
        ({}, ("N", 3, None, None), "size"),
        ({"size": 224}, ("N", 3, 227, 227), "227"),
        ({"colour": "grey"}, NCHW, "grey"),
        ({"mean": MEAN}, ("N", 1, 8, 8), "mean"),
    ],
)
def test_fit_refuses_what_it_would_have_to_guess(pre, shape, word):
    with pytest.raises(UsageError, match=word):
        Preprocess(**pre).fit(shape)


def test_integer_inputs_take_raw_pixels_only():
    with pytest.raises(UsageError, match="raw"):
        Preprocess.named("imagenet").fit(NCHW, np.uint8)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", [0, 3]),
        ("size", "224"),
        ("resize", "cubic"),
        ("crop", -1),
        ("crop", 12.5),
        ("scale", 0),
        ("mean", [1, 2]),
        ("mean", float("nan")),
        ("std", [1, 0, 1]),
        ("colour", "gray"),
        ("layout", "CHW"),
        ("dtype", "float31"),
        ("sise", 224),
    ],
)
def test_a_wrong_field_is_named(field, value, tmp_path):
    with pytest.raises(UsageError, match=field):
        Preprocess.from_dict({field: value})
    file = tmp_path / "pre.json"
    file.write_text(json.dumps({field: value}))
    with pytest.raises(BadInputError, match=f"pre.json.*{field}"):
        Preprocess.from_file(file)


def test_of_takes_names_dicts_files_and_itself(tmp_path):
    file = tmp_path / "pre.json"
    file.write_text('{"size": 8}')
    wanted = Preprocess(size=(8, 8))
    assert [Preprocess.of(spec) for spec in (wanted, {"size": 8}, file, str(file))] == [wanted] * 4
    assert Preprocess.of("tf") == Preprocess.named("tf")
    with pytest.raises(UsageError, match="imagenet, tf, raw"):
        Preprocess.of("imagnet")


def test_an_unfitted_preprocess_says_what_is_missing():
    with pytest.raises(UsageError, match="fit"):
        Preprocess.named("imagenet")(noise(8, 8))


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_file_that_is_no_json_object_is_named(tmp_path, text):
    (tmp_path / "pre.json").write_text(text)
    with pytest.raises(BadInputError, match=r"pre\.json"):
        Preprocess.from_file(tmp_path / "pre.json")
