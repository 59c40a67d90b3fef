"""Bytes and open files are read wherever a path is."""

import io
import json

import numpy as np
import pytest
from nets import ROOT
from PIL import Image

import onnxplain as ox
from onnxplain.errors import BadInputError
from onnxplain.inputs import Preprocess, read_input
from onnxplain.limits import Limits

MODELS = ROOT / "models"
MODEL, PICTURE = MODELS / "digits_cnn_torch.onnx", MODELS / "images" / "digit_3_918.png"
FILES = {"preprocess": MODELS / "digits_cnn_torch.preprocess.json", "labels": MODELS / "digits.labels.txt"}
RAW = Preprocess.named("raw")


def loose(path):
    """The content of a file in every form that is no path."""
    data = path.read_bytes()
    return [data, bytearray(data), memoryview(data), io.BytesIO(data)]


def test_a_model_and_what_describes_it():
    wanted = ox.load(MODEL, **{name: str(path) for name, path in FILES.items()})
    expected = ox.explain(wanted, PICTURE, "gradient")
    for i, source in enumerate(loose(MODEL)):
        model = ox.load(source, **{name: loose(path)[i] for name, path in FILES.items()})
        assert (model.sha256, model.labels, model.preprocess) == (wanted.sha256, wanted.labels, wanted.preprocess)
        assert model.path is None and model.proto == wanted.proto
        e = ox.explain(model, loose(PICTURE)[i], "gradient")
        assert np.array_equal(e.attribution, expected.attribution) and e.parity.difference == expected.parity.difference
        assert e.record["input"]["files"] == expected.record["input"]["files"]
        assert e.record["input"]["names"] == ["input"] and e.labels == expected.labels
    with MODEL.open("rb") as model, PICTURE.open("rb") as picture, FILES["preprocess"].open("rb") as preprocess:
        e = ox.explain(ox.load(model, preprocess=preprocess), picture, "gradient")
    assert np.array_equal(e.attribution, expected.attribution)
    assert e.record["input"]["names"] == [str(PICTURE)]


def test_models_in_memory_are_compared():
    found = ox.compare(loose(MODEL)[0], np.zeros((1, 1, 16, 16), np.float32), ["gradient"])
    assert not isinstance(found.rows[0]["gradient"], str)
    two = ox.compare([loose(MODEL)[0], MODEL], np.zeros((1, 1, 16, 16), np.float32), ["gradient"])
    assert two.models == ("model 0", MODEL.name) and two.correlations[1]["gradient"] in (1.0, None)


def test_open_pictures_are_read_once_and_compared_by_each_method():
    model = ox.load(MODEL, **{name: str(path) for name, path in FILES.items()})
    with PICTURE.open("rb") as picture:
        found = ox.compare(model, [picture], ["gradient", "saliency"])
    assert found.names == (str(PICTURE),)
    assert not any(isinstance(each, str) for each in found.rows[0].values())


@pytest.mark.parametrize("text", ['{"cat": 0, "dog": 1}', "cat\ndog\n"])
def test_a_vocabulary(text):
    model = ox.load(MODELS / "wine_mlp_torch.onnx", vocabulary=text.encode())
    assert model.vocabulary == ("cat", "dog")


def test_arrays_in_bytes(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 8)).astype(np.float32)
    one, two = io.BytesIO(), io.BytesIO()
    np.save(one, x)
    np.savez_compressed(two, x=x)
    for file in (one, two):
        for source in (file.getvalue(), io.BytesIO(file.getvalue())):
            assert np.array_equal(read_input(source, None, ("N", 3, 6, 8), np.float32).array, x)
    np.savez(two := io.BytesIO(), x=x, y=x)
    with pytest.raises(BadInputError, match="input holds x, y"):
        read_input(two.getvalue(), None, ("N", 3, 6, 8), np.float32)


def test_an_open_file_is_read_from_where_it_stands_and_stays_open():
    file = io.BytesIO(b"a mark" + PICTURE.read_bytes())
    file.seek(6)
    found = read_input([file, PICTURE], RAW, (2, 1, 16, 16), np.float32)
    assert np.array_equal(found.array[0], found.array[1]) and found.names == ("input 0", str(PICTURE))
    assert found.hashes[0] == found.hashes[1] and not file.closed
    with pytest.raises(BadInputError, match=r"input: no bytes: expected a picture.*seek\(0\) first"):
        read_input(file, RAW, (1, 1, 16, 16), np.float32)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"no picture", "input: not a picture that Pillow can read"),
        (b"\x93NUMPY no array", "input: cannot read the array"),
        (b"", "input: no bytes"),
        (io.StringIO("text"), 'input: .* open as text: .* mode "rb"'),
    ],
)
def test_what_cannot_be_read_is_named(source, said):
    with pytest.raises(BadInputError, match=said):
        read_input(source, RAW, (1, 1, 16, 16), np.float32)


def test_files_of_other_things_are_named():
    with pytest.raises(BadInputError, match="the given bytes cannot be read as ONNX"):
        ox.load(b"no model")
    with pytest.raises(BadInputError, match="preprocess: cannot read the preprocessing as JSON"):
        Preprocess.of(b"{")
    with pytest.raises(BadInputError, match="preprocess: unknown key 'sise'"):
        Preprocess.of(json.dumps({"sise": 5}).encode())
    with pytest.raises(BadInputError, match=r"bytes: no text in UTF-8 .*: expected a text file, one name a line"):
        ox.load(MODEL, labels=b"\xff\xfe")


def test_a_file_that_never_ends_is_read_to_the_limit():
    class Endless(io.RawIOBase):
        name = "endless"

        def read(self, size=-1):
            assert size > 0
            return b"\0" * size

    with (
        Limits(file_bytes=10**6).hold(),
        pytest.raises(BadInputError, match=r"endless has .* bytes, more than the limit"),
    ):
        read_input(Endless(), RAW, (1, 1, 16, 16), np.float32)


def test_pictures_of_many_sizes_are_rows_of_one_batch(tmp_path):
    """Each row is what its picture is alone, and its map lies on its own picture."""
    model = ox.load(MODEL, preprocess={**json.loads(FILES["preprocess"].read_text()), "crop": 16})
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, size, np.uint8) for size in ((20, 40), (64, 16), (16, 16, 3), (300, 299))]
    Image.fromarray(pixels[1]).save(tmp_path / "b.png")
    Image.fromarray((pixels[3] * 257.0).astype(np.uint16)).save(tmp_path / "deep.png")
    sources = [pixels[0], tmp_path / "b.png", Image.fromarray(pixels[2]), (tmp_path / "deep.png").read_bytes()]
    together = ox.explain(model, sources, "gradient", target=3)
    for i, source in enumerate(sources):
        alone = ox.explain(model, source, "gradient", target=3)
        assert np.allclose(together.attribution[i], alone.attribution[0], atol=1e-5)
        assert together.at_original(i).shape == pixels[i].shape[:2]
        together.save(tmp_path / f"{i}.png", row=i)
    assert together.image(1).size != together.image(3).size
