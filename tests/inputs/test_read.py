"""Every kind of source becomes the same batch, and everything that does not fit is refused by name."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, NumericalError, UsageError
from onnxplain.inputs import Preprocess, read_input

SHAPE = ("N", 3, 6, 8)
RAW = Preprocess.named("raw")


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 3, 6, 8)).astype(np.float32)


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8))


def test_arrays_files_and_lists_agree(x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "one.npz", x=x)
    np.savez(tmp_path / "two.npz", x=x, y=-x)
    sources = [x, x.tolist(), [*x], str(tmp_path / "x.npy"), tmp_path / "one.npz", f"{tmp_path / 'two.npz'}:x"]
    for source in sources:
        batch = read_input(source, None, SHAPE, np.float32)
        assert np.array_equal(batch.array, x)
        assert batch.array.dtype == np.float32
        assert len(set(batch.names)) == len(batch.images) == 2


def test_a_key_names_the_array_and_each_row_has_its_picture(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 8), np.uint8)
    np.savez(tmp_path / "two.npz", x=rows, y=rows[::-1])
    batch = read_input(f"{tmp_path / 'two.npz'}:y", RAW, SHAPE, np.float32)
    assert np.array_equal(batch.array, rows[::-1])
    for image, row in zip(batch.images, rows[::-1], strict=True):
        assert np.array_equal(image, row.transpose(1, 2, 0))


def test_an_npz_of_two_asks_for_a_key(x, tmp_path):
    np.savez(tmp_path / "two.npz", x=x, y=-x)
    with pytest.raises(BadInputError, match=r"two\.npz holds x, y.*KEY"):
        read_input(tmp_path / "two.npz", None, SHAPE, np.float32)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.npz:x"])
def test_broken_array_files_are_named(tmp_path, name):
    with pytest.raises(BadInputError, match=name[:5]):
        read_input(tmp_path / name, None, SHAPE, np.float32)
    (tmp_path / name[:5]).write_bytes(b"PK\x03\x04 not an array")
    with pytest.raises(BadInputError, match=name[:5]):
        read_input(tmp_path / name, None, SHAPE, np.float32)


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(BadInputError, match=r"x\.npy"):
        read_input(tmp_path / "x.npy", None, SHAPE, np.float32)


def test_pictures_and_paths_in_one_list(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    batch = read_input([picture, str(tmp_path / "a.png"), tmp_path / "a.png"], RAW, SHAPE, np.float32)
    assert np.array_equal(batch.array, np.stack([np.asarray(picture).transpose(2, 0, 1)] * 3))
    assert all(np.array_equal(image, np.asarray(picture)) for image in batch.images)
    assert batch.names == ("picture", str(tmp_path / "a.png"), str(tmp_path / "a.png"))


def test_a_picture_without_preprocess_lists_the_presets(picture):
    with pytest.raises(UsageError, match=r"nothing is guessed.*imagenet.*tf.*raw"):
        read_input(picture, None, SHAPE, np.float32)


def test_notes_name_what_was_done(x, picture):
    assert "batch axis added" in read_input(x[0], None, SHAPE, np.float32).notes[0]
    assert "transparency" in read_input(picture.convert("RGBA"), RAW, SHAPE, np.float32).notes[0]
    assert read_input(x, None, SHAPE, np.float32).notes == ()


@pytest.mark.parametrize("rows", [slice(None), 0])
def test_swapped_layouts_are_recognised(x, rows):
    last = x.transpose(0, 2, 3, 1)
    with pytest.raises(BadInputError, match=r"channels last.*transpose\(0, 3, 1, 2\)"):
        read_input(last[rows], None, SHAPE, np.float32)
    with pytest.raises(BadInputError, match=r"channels first.*transpose\(0, 2, 3, 1\)"):
        read_input(x[rows], None, ("N", 6, 8, 3), np.float32)


@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 6), (1, 2, 3, 6, 8)])
def test_other_shapes_show_both(shape):
    with pytest.raises(BadInputError, match=r"input: shape .* but the model takes \[N, 3, 6, 8\]"):
        read_input(np.zeros(shape, np.float32), None, SHAPE, np.float32)


def test_an_input_without_a_batch_axis():
    assert read_input(np.zeros(5, np.float32), None, (5,), np.float32).array.shape == (5,)
    with pytest.raises(BadInputError, match="shape"):
        read_input(np.zeros(4, np.float32), None, (5,), np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_named_by_index(x, value):
    x[1, 2, 3, 4] = value
    with pytest.raises(NumericalError, match=r"input 0: 1 of .*\(1, 2, 3, 4\)"):
        read_input([x], None, SHAPE, np.float32)


def test_pixels_for_a_float_model_need_a_preprocess(picture):
    pixels = np.asarray(picture).transpose(2, 0, 1)[None]
    with pytest.raises(BadInputError, match="preprocessing is missing"):
        read_input(pixels, None, SHAPE, np.float32)
    assert np.array_equal(read_input(pixels, RAW, SHAPE, np.float32).array, pixels)


def test_types_are_cast_where_nothing_is_lost(x):
    assert read_input(x.astype(np.float64), None, SHAPE, np.float32).array.dtype == np.float32
    assert read_input([[1.0, 2.0]], None, ("N", 2), np.int32).array.dtype == np.int32
    for value, dtype in ((0.5, np.int64), (300, np.uint8), (-1, np.uint8), (1e300, np.float32)):
        with pytest.raises(BadInputError, match=r"\(0, 1\)"):
            read_input(np.array([[1, value]]), None, ("N", 2), dtype)


@pytest.mark.parametrize("source", [[[1, 2], [3]], np.array(["a", "b"]), np.array([1j, 2j]), object()])
def test_what_is_no_number_is_refused(source):
    with pytest.raises(BadInputError, match="input"):
        read_input(source, None, ("N", 2), np.float32)


def test_an_empty_batch_is_refused():
    for source in (np.zeros((0, 2), np.float32), []):
        with pytest.raises(BadInputError, match="input"):
            read_input(source, None, ("N", 2), np.float32)


def test_rows_of_different_sizes_do_not_stack():
    with pytest.raises(BadInputError, match="several shapes"):
        read_input([np.zeros((1, 2)), np.zeros((1, 3))], None, ("N", None), np.float32)


def test_the_given_array_is_not_shared_for_writing(x):
    batch = read_input(x, None, SHAPE, np.float32)
    assert not np.shares_memory(batch.array, x)


REAL = [
    ("exported/squeezenet1.1-fp32-ts9.onnx", "imagenet"),
    ("exported/keras-squeezenet1.0-tf-nhwc.onnx", "tf"),
    ("exported/mobilenetv2-fp32-ts12.onnx", "imagenet"),
    ("exported/tflite-v3-small_224_1.0_uint8-qdq.onnx", {"crop": 0.875}),
    ("real/squeezenet_fp16-winml.onnx", {"crop": 0.875, "mean": [103.94, 116.78, 123.68], "colour": "bgr"}),
]


@pytest.mark.parametrize(("file", "spec"), REAL, ids=[file for file, _ in REAL])
def test_real_models_see_a_goldfish(shared, file, spec):
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(shared / file, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    dtype = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}[entry.type]
    batch = read_input(shared / "images/photos/goldfish.jpg", Preprocess.of(spec), tuple(entry.shape), np.dtype(dtype))
    scores = session.run(None, {entry.name: batch.array})[0].ravel()
    names = "imagenet_labels_1001.txt" if scores.size == 1001 else "imagenet_classes_1000.txt"
    labels = (shared / "images" / names).read_text().splitlines()
    assert labels[int(scores.argmax())].startswith("goldfish")


@pytest.mark.parametrize("name", ["broken.png", "table.csv", "", "missing.png"])
@pytest.mark.parametrize("preprocess", [None, RAW])
def test_what_is_no_picture_is_no_question_of_preprocessing(tmp_path, name, preprocess):
    if name not in ("", "missing.png"):
        (tmp_path / name).write_text("1,2")
    with pytest.raises(BadInputError, match=name or tmp_path.name):
        read_input(tmp_path / name, preprocess, SHAPE, np.float32)


# --- arrays beside a preprocess ---------------------------------------------------------------------------------------

IMAGENET = Preprocess.named("imagenet")
SHAPES = {"NCHW": ("N", 3, 6, 8), "NHWC": ("N", 6, 8, 3), "grey": ("N", 1, 6, 8)}
PIXELS = np.random.default_rng(1).integers(0, 256, (2, 20, 30, 4), np.uint8)


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize(
    "array", [PIXELS[0, ..., 0], PIXELS[0, ..., :1], PIXELS[0, ..., :3], PIXELS[0]], ids=["HW", "HW1", "HWC", "HWC4"]
)
def test_an_array_of_pixels_is_the_picture_of_the_same_png(array, model, tmp_path):
    plain = array[..., 0] if array.shape[-1] == 1 else array
    Image.fromarray(plain).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", array)
    preprocess = Preprocess(scale=1 / 255, mean=(0.5,), std=(0.25,))
    want = read_input(tmp_path / "a.png", preprocess, SHAPES[model], np.float32)
    for source in (array, tmp_path / "a.npy"):
        found = read_input(source, preprocess, SHAPES[model], np.float32)
        assert np.array_equal(found.array, want.array) and found.array.dtype == want.array.dtype
        assert np.array_equal(found.images[0], want.images[0]) and len(found.notes) == len(want.notes)
        assert found.preprocessed and want.preprocessed


@pytest.mark.parametrize("model", ["NCHW", "NHWC"])
def test_an_array_of_pictures_is_one_a_row(model, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS[..., :3])
    found = read_input(tmp_path / "a.npy", IMAGENET, SHAPES[model], np.float32)
    for i, row in enumerate(PIXELS[..., :3]):
        assert np.array_equal(found.array[i : i + 1], IMAGENET.fit(SHAPES[model])(Image.fromarray(row)))
    digest = hashlib.sha256((tmp_path / "a.npy").read_bytes()).hexdigest()
    assert (found.names, found.hashes) == (tuple(f"{tmp_path / 'a.npy'}[{i}]" for i in (0, 1)), (digest, digest))


def test_floats_beside_a_preprocess_are_taken_as_they_are(x):
    found = read_input(x, IMAGENET, SHAPE, np.float32)
    assert np.array_equal(found.array, x) and not found.preprocessed
    assert found.notes == ("input: an array of float32 is taken as it is, without the preprocessing",)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.bool_, np.int8])
def test_whole_numbers_beside_a_preprocess_may_be_pixels_or_not(dtype):
    with pytest.raises(BadInputError, match=r"input: .* beside a preprocess may be pixels or not: pass uint8"):
        read_input(np.ones((1, 3, 6, 8), dtype), IMAGENET, SHAPE, np.float32)


@pytest.mark.parametrize("shape", [(6, 8, 2), (5,), (2, 2, 6, 8, 3), (2, 5, 6, 8)])
def test_pixels_in_another_order_are_no_picture(shape):
    with pytest.raises(BadInputError, match=r"input: uint8 values of shape .* are no picture.*\[N, H, W, C\]"):
        read_input(np.ones(shape, np.uint8), IMAGENET, SHAPE, np.float32)


def test_channels_first_are_pictures_where_that_is_clear(picture):
    pixels = np.asarray(picture)
    wanted = read_input(pixels, IMAGENET, SHAPE, np.float32)
    found = read_input(pixels.transpose(2, 0, 1)[None], IMAGENET, SHAPE, np.float32)
    assert np.array_equal(found.array, wanted.array)
    assert found.notes == ("input: channels first, [N, C, H, W] of [1, 3, 6, 8]",)
    with pytest.raises(BadInputError, match=r"one picture or 3 grey ones: pass x\[None\].*x\[\.\.\., None\]"):
        read_input(pixels.transpose(2, 0, 1), IMAGENET, SHAPE, np.float32)


def test_pictures_and_arrays_do_not_go_together(x, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    for source in ([tmp_path / "a.png", x], [x, tmp_path / "a.png"]):
        with pytest.raises(BadInputError, match=r"a\.png is a picture and is preprocessed, input \d.* is an array"):
            read_input(source, IMAGENET, SHAPE, np.float32)
    both = read_input([tmp_path / "a.png", np.asarray(picture)], IMAGENET, SHAPE, np.float32)
    assert np.array_equal(both.array[0], both.array[1]) and both.hashes[1] is None is not both.hashes[0]
    with pytest.raises(BadInputError, match="an empty batch"):
        read_input(PIXELS[:0, ..., :3], IMAGENET, SHAPE, np.float32)
