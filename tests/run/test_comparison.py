"""Several methods on the same inputs."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits, network, node
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import UsageError


def test_each_cell_is_what_the_method_says():
    found = ox.compare(
        digits(), [DIGITS[:1], DIGITS[1:2]], ["gradient", "lrp.gamma"], options={"lrp.gamma": {"gamma": 1}}
    )
    assert [list(row) for row in found.rows] == [["gradient", "lrp.gamma"]] * 2
    wanted = ox.explain(digits(), DIGITS[1:2], "lrp.gamma", gamma=1)
    np.testing.assert_array_equal(found.rows[1]["lrp.gamma"].attribution, wanted.attribution)


def test_a_method_that_does_not_apply_says_why(tmp_path):
    smooth = network([node("Sigmoid", "x", "s"), node("Softplus", "s", "y")], (1, 3), {})
    found = ox.compare(ox.load(smooth), [np.ones((1, 3), "f")], ["gradient", "guided_backprop"])
    assert "force=True" in found.rows[0]["guided_backprop"]
    found.save(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as saved:
        assert saved.format == "PNG"
    assert found._repr_html_().startswith("<img")
    with pytest.raises(UsageError, match=r"saved as \.png"):
        found.save(tmp_path / "grid.jpg")


def test_nothing_to_compare():
    with pytest.raises(UsageError, match="at least one"):
        ox.compare(digits(), [], ["gradient"])


def test_the_command(tmp_path):
    picture, out = BUNDLED / "images" / "digit_3_918.png", tmp_path / "grid.png"
    words = [
        "compare",
        BUNDLED / "digits_cnn_torch.onnx",
        picture,
        picture,
        "-m",
        "gradient",
        "-m",
        "deeplift",
        "-o",
        out,
    ]
    prepared = ["--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "--json"]
    done = CliRunner().invoke(main, [str(word) for word in (*words, *prepared)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["rows"][1]["methods"]["deeplift"]["delta"] == pytest.approx(0, abs=1e-4)
    assert said["rows"][1]["methods"]["gradient"]["label"] == "3"
    with Image.open(out) as saved:
        assert saved.width > 3 * 240
