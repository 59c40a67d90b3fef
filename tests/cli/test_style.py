"""The choices of a drawing are options of the commands that draw, and say the same as in Python."""

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main

MODEL = [str(BUNDLED / "digits_cnn_torch.onnx"), "--preprocess", str(BUNDLED / "digits_cnn_torch.preprocess.json")]
GIVEN = {
    "cmap": "viridis",
    "alpha": 0.4,
    "sign": "absolute",
    "vmax": "95%",
    "threshold": 0.01,
    "contours": (0.3, 0.7),
    "background": "grey",
    "size": 400,
}


def run(*words):
    return CliRunner().invoke(main, [*map(str, words), "-q"])


@pytest.fixture
def mask(tmp_path):
    marked = np.zeros(pixels(DIGITS[0]).shape[:2], np.uint8)
    marked[2:5, 3:9] = 255
    Image.fromarray(marked).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def options(**given):
    return [word for name, value in given.items() for word in (f"--{name}", value)]


def test_explain_draws_as_python_does(tmp_path, mask):
    words = options(**{**GIVEN, "contours": "0.3,0.7", "mask": mask})
    words += ["--box", "1,2,8,9"]
    done = run("explain", *MODEL, DIGITS[0], "-m", "gradient", "-o", tmp_path / "out", *words)
    assert done.exit_code == 0, done.output
    e = ox.explain(digits(), DIGITS[0], "gradient")
    drawn = e.image(**GIVEN, masks=[mask], boxes=[(1, 2, 8, 9)])
    saved = pixels(tmp_path / "out" / f"{DIGITS[0].stem}.gradient.png")
    assert np.array_equal(saved[120:400], np.asarray(drawn)[120:400])
    assert not np.array_equal(saved, np.asarray(e.image(**GIVEN)))


def test_annotations_may_name_their_input(tmp_path):
    out = tmp_path / "out"
    one = f"{DIGITS[1].name}=1,2,8,9"
    assert run("explain", *MODEL, *DIGITS[:2], "-m", "gradient", "-o", out, "--box", one).exit_code == 0
    model = digits()
    for path, boxes in zip(DIGITS[:2], ([], [(1, 2, 8, 9)]), strict=True):
        saved = pixels(out / f"{path.stem}.gradient.png")
        expected = np.asarray(ox.explain(model, path, "gradient").image(boxes=boxes))
        assert np.array_equal(saved[120:400], expected[120:400])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--alpha", "2"], "alpha=2"),
        (["--vmax", "many"], "--vmax many"),
        (["--contours", "0.5,x"], "--contours x"),
        (["--box", "1,2,3"], "boxes="),
        (["--box", "1,2,3,4", "--box", "a.png=1,2,3,4"], "give the input of each"),
        (["--box", "nowhere.png=1,2,3,4"], "nowhere.png"),
        (["--mask", "nowhere.png"], "nowhere.png"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_written(tmp_path, words, said):
    done = run("explain", *MODEL, DIGITS[0], "-m", "gradient", "-o", tmp_path / "out", *words)
    assert done.exit_code in (2, 4) and said in done.stderr
    assert not list(tmp_path.glob("out/*.png"))


def test_all_rows_of_a_table_are_one_picture(tmp_path):
    rows = np.load(BUNDLED / "wine_sample.npy") * np.array([[1.0], [0.9], [1.1]], "f")
    np.save(tmp_path / "wines.npy", rows)
    words = [BUNDLED / "wine_mlp_torch.onnx", tmp_path / "wines.npy", "-m", "deeplift", "-o", tmp_path / "out"]
    done = run("explain", *words, "--all", "beeswarm", "--cmap", "viridis")
    assert done.exit_code == 0 and done.output.count("wines.deeplift.all.png") == 3, done.output
    assert len(list((tmp_path / "out").iterdir())) == 3
    e = ox.explain(str(BUNDLED / "wine_mlp_torch.onnx"), rows, "deeplift")
    drawn = np.asarray(e.image("all", kind="beeswarm", cmap="viridis"))
    assert np.array_equal(pixels(tmp_path / "out" / "wines.deeplift.all.png"), drawn)
    for wrong, said in ((["--all", "dots"], "kind='dots'"), (["--alpha", "0.3"], "alpha: without effect")):
        done = run("explain", *words, *wrong)
        assert done.exit_code == 2 and said in done.stderr


def test_compare_takes_them_too(tmp_path):
    out = tmp_path / "grid.png"
    assert run("compare", *MODEL, DIGITS[0], "-m", "gradient", "-o", out, "--background", "none").exit_code == 0
    plain = tmp_path / "plain.png"
    assert run("compare", *MODEL, DIGITS[0], "-m", "gradient", "-o", plain).exit_code == 0
    assert not np.array_equal(pixels(out), pixels(plain))
