"""Several methods on the same inputs."""

import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import UsageError
from onnxplain.method.backward import table_lrp


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


TOKENS = network(
    [node("Gather", "e x", "g"), node("Flatten", "g", "f"), node("Gemm", "f w", "y")],
    None,
    {"e": np.arange(12, dtype="f").reshape(6, 2), "w": np.arange(12, dtype="f").reshape(6, 2)},
    inputs=[onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ["N", 3])],
)


def test_a_method_that_refuses_the_input_says_why_in_its_place():
    model, ids = ox.load(TOKENS), np.array([[1, 2, 3], [4, 5, 0]])
    found = ox.compare(model, ids, ["meaningful_perturbation", "gradient"])
    assert len(found.rows) == 2
    assert "int64" in found.rows[1]["meaningful_perturbation"]
    np.testing.assert_array_equal(
        found.rows[1]["gradient"].attribution, ox.explain(model, ids[1:], "gradient").attribution
    )


def test_a_method_that_refuses_the_target_or_lacks_a_parameter_says_why_in_its_place():
    found = ox.compare(digits(), DIGITS[:1], ["cam", "gradient"], ox.Neuron("/Relu_output_0", 1))
    assert "explains a class" in found.rows[0]["cam"]
    assert found.rows[0]["gradient"].score.shape == (1,)
    model, x = relu_cnn()
    found = ox.compare(ox.load(model), x, ["gradient", "lrp.epsilon_gamma_box"])
    assert len(found.rows) == len(x) and "low= and high=" in found.rows[0]["lrp.epsilon_gamma_box"]


@pytest.mark.parametrize(
    ("methods", "options", "said"),
    [
        (["gradient", "gradiant"], {}, "did you mean 'gradient'"),
        (["gradient", "lrp.gamma"], {"options": {"lrp.gamma": {"gama": 1}}}, "no parameter 'gama'"),
        (["gradient", "saliency"], {"target": "cat"}, "without labels"),
        (["gradient"], {"options": {"gradeint": {}}}, "options= is for 'gradeint', which is not compared"),
        (["gradient", "gradient"], {}, "two called 'gradient': pass a dict"),
        ([ox.Explainer], {}, "expected a name, a composite"),
        (3, {}, "methods=3: expected a name"),
    ],
)
def test_what_is_asked_wrongly_still_fails(methods, options, said):
    with pytest.raises(UsageError, match=said):
        ox.compare(ox.load(TOKENS), np.array([[1, 2, 3]]), methods, **options)


def test_a_composite_of_ones_own_and_a_name_of_ones_own():
    mine = ox.Composite(table_lrp(0.25))
    methods = {"gradient": "gradient", "mine": mine, "sharper": "lrp.gamma"}
    found = ox.compare(digits(), DIGITS[:1], methods, options={"sharper": {"gamma": 2}})
    assert list(found.rows[0]) == list(methods)
    for name, wanted in (("mine", {"eps": 0.25}), ("sharper", {"gamma": 2})):
        method = {"mine": "lrp.epsilon", "sharper": "lrp.gamma"}[name]
        attribution = ox.explain(digits(), DIGITS[:1], method, **wanted).attribution
        np.testing.assert_array_equal(found.rows[0][name].attribution, attribution)
    assert found.picture().size[0] > 0
    assert [list(row) for row in ox.compare(digits(), DIGITS[:1], mine).rows] == [["composite"]]


def test_a_path_is_a_model():
    x = np.random.default_rng(0).random((1, 1, 16, 16), np.float32)
    path = BUNDLED / "digits_cnn_torch.onnx"
    for given in (path, str(path)):
        found = ox.compare(given, x, "gradient").rows[0]["gradient"].attribution
        np.testing.assert_array_equal(found, ox.explain(path, x, "gradient").attribution)


def test_one_input_and_one_method_need_no_list():
    found = ox.compare(digits(), str(DIGITS[0]), "gradient")
    assert [list(row) for row in found.rows] == [["gradient"]]
    assert [list(row) for row in ox.compare(digits(), Image.open(DIGITS[0]), "gradient").rows] == [["gradient"]]


def test_nothing_to_compare():
    with pytest.raises(UsageError, match="at least one"):
        ox.compare(digits(), [], ["gradient"])
    with pytest.raises(UsageError, match="at least one"):
        ox.compare(digits(), DIGITS[:1], None)


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


@pytest.mark.parametrize(
    ("out", "said"),
    [("digit.png", "which is read"), ("grid.jpg", r"saved as .png"), ("missing/grid.png", "does the folder exist")],
)
def test_the_command_writes_over_nothing_that_it_reads(out, said, tmp_path):
    picture = tmp_path / "digit.png"
    picture.write_bytes(DIGITS[0].read_bytes())
    words = ["compare", BUNDLED / "digits_cnn_torch.onnx", picture, "-o", tmp_path / out]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2 and said in done.stderr
    assert picture.read_bytes() == DIGITS[0].read_bytes()
    assert list(tmp_path.iterdir()) == [picture]


def test_a_file_of_several_rows_is_taken_row_by_row(tmp_path):
    x = np.concatenate([digits().preprocess(Image.open(path)) for path in DIGITS[:2]])
    np.save(tmp_path / "rows.npy", x)
    np.savez(tmp_path / "rows.npz", some=x, other=x[:1])
    sources = [tmp_path / "rows.npy", DIGITS[0], f"{tmp_path}/rows.npz:some"]
    found = ox.compare(digits(), sources, "gradient")
    ends = "rows.npy[0]", "rows.npy[1]", DIGITS[0].name, "some[0]", "some[1]"
    assert len(found.rows) == 5
    assert all(name.endswith(end) for name, end in zip(found.names, ends, strict=True))
    for i, row in zip((0, 1, 0, 0, 1), found.rows, strict=True):
        wanted = ox.explain(digits(), x[i : i + 1], "gradient").attribution
        np.testing.assert_array_equal(row["gradient"].attribution, wanted)
