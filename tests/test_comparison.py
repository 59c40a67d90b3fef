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


def altered(factor):
    """The network of the digits with another last weight: a copy of its file."""
    proto = onnx.load(BUNDLED / "digits_cnn_torch.onnx")
    weight = next(each for each in reversed(proto.graph.initializer) if len(each.dims) == 2)
    values = onnx.numpy_helper.to_array(weight)
    noise = np.random.default_rng(0).normal(size=values.shape).astype("f") * values.std()
    weight.CopyFrom(onnx.numpy_helper.from_array(values + factor * noise, weight.name))
    return proto


def several(*factors):
    known = {"preprocess": BUNDLED / "digits_cnn_torch.preprocess.json", "labels": BUNDLED / "digits.labels.txt"}
    return [ox.load(altered(factor), **known) for factor in factors]


def test_several_models_have_a_row_each_for_the_class_of_the_first():
    models = dict(zip("abc", several(0, 0.01, 40), strict=True))
    found = ox.compare(models, DIGITS[:2], ["gradient", "deeplift"])
    assert found.models == tuple("abcabc") and found.names == tuple(str(each) for each in DIGITS[:2] for _ in range(3))
    own = ox.explain(models["c"], DIGITS[0], "gradient")
    wanted = ox.explain(models["a"], DIGITS[0], "gradient")
    assert own.target != wanted.target == found.rows[2]["gradient"].target, "the models predict different classes"
    same = ox.explain(models["c"], DIGITS[1], "deeplift", target=found.rows[3]["deeplift"].labels[0])
    np.testing.assert_array_equal(found.rows[5]["deeplift"].attribution, same.attribution)


def test_how_like_the_maps_of_models_are():
    models = several(0, 0.01, 40)
    found = ox.compare(models, DIGITS[:1], ["gradient", "cam"], ox.Neuron("/Relu_output_0", 1))
    assert found.models == ("model 0", "model 1", "model 2")
    assert [row["cam"] for row in found.correlations] == [None] * 3, "no method without a map has a correlation"
    found = ox.compare(models, DIGITS[:2], "gradient")
    for i, row in enumerate(found.correlations):
        maps = (found.rows[j]["gradient"].relevance.ravel() for j in (i, i - i % 3))
        assert row["gradient"] == pytest.approx(np.corrcoef(*maps)[0, 1])
    values = [row["gradient"] for row in found.correlations]
    assert values[0] == pytest.approx(1) == values[3] and 1 > values[1] > 0.99 > values[2]


def test_classes_that_are_not_the_same_are_not_compared():
    proto, x = relu_cnn()
    other = network(
        [node("Flatten", "x", "f"), node("MatMul", "f w", "y")], x.shape, {"w": np.ones((x[0].size, 7), "f")}
    )
    found = ox.compare([proto_ := ox.load(proto), ox.load(other)], x[:1], "gradient")
    assert "the models have 4 and 7 classes: load both with labels" in found.rows[1]["gradient"]
    assert found.picture().width > 0 and proto_.classes == 4


def test_a_label_names_the_class_in_each_model():
    """The second model has its classes in another order."""
    w = np.random.default_rng(0).normal(size=(3, 3)).astype("f")
    nets = [network([node("MatMul", "x w", "y")], (1, 3), {"w": w[:, order]}) for order in ([0, 1, 2], [2, 0, 1])]
    models = [ox.load(net, labels=names) for net, names in zip(nets, (["a", "b", "c"], ["c", "a", "b"]), strict=True)]
    found = ox.compare(models, np.ones((1, 3), "f"), "gradient")
    assert (
        found.correlations[1]["gradient"] == pytest.approx(1)
        and found.rows[0]["gradient"].labels == found.rows[1]["gradient"].labels
    )


def test_files_of_the_same_name_are_called_by_their_paths(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        onnx.save(altered(0), tmp_path / name / "net.onnx")
    x = np.zeros((1, 1, 16, 16), "f")
    paths = [str(tmp_path / name / "net.onnx") for name in "ab"]
    assert ox.compare(paths, x, "gradient").models == tuple(paths)
    assert ox.compare([*paths[:1], BUNDLED / "digits_cnn_torch.onnx"], x, "gradient").models == (
        "net.onnx",
        "digits_cnn_torch.onnx",
    )
    with pytest.raises(UsageError, match="at least one model"):
        ox.compare([], x)


def test_the_command_with_several_models(tmp_path):
    onnx.save(altered(0.01), other := tmp_path / "other.onnx")
    words = ["compare", BUNDLED / "digits_cnn_torch.onnx", other, *DIGITS[:2], "-m", "gradient", "-m", "deeplift"]
    words += ["-o", tmp_path / "grid.png", "--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json"]
    done = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert [row["model"] for row in rows] == ["digits_cnn_torch.onnx", "other.onnx"] * 2
    assert 0.99 < rows[1]["methods"]["gradient"]["correlation"] < 1
    done = CliRunner().invoke(main, [*map(str, words)])
    assert "correlation of each map with that of digits_cnn_torch.onnx" in done.stdout
    assert f"gradient {rows[3]['methods']['gradient']['correlation']:.3f}" in " ".join(done.stdout.split())
    done = CliRunner().invoke(main, ["compare", str(other), str(other)])
    assert done.exit_code == 2 and "at least one input" in done.stderr


def test_several_targets_have_a_row_each(tmp_path):
    model = digits()
    found = ox.compare(model, DIGITS[:2], ["gradient", "lrp.epsilon"], targets=[3, "7"])
    assert [row["gradient"].target[0] for row in found.rows] == [3, 7, 3, 7]
    assert found.names == tuple(str(path) for path in DIGITS[:2] for _ in range(2))
    one = ox.compare(model, DIGITS[1], ["gradient"], target=7).rows[0]["gradient"]
    assert np.array_equal(found.rows[3]["gradient"].attribution, one.attribution)
    for given in ({"target": 3, "targets": [3]}, {"targets": []}, {"targets": "37"}):
        with pytest.raises(UsageError, match="targets="):
            ox.compare(model, DIGITS[0], ["gradient"], **given)
    with pytest.raises(UsageError, match="11"):
        ox.compare(model, DIGITS[0], ["gradient"], targets=[3, 11])


@pytest.mark.parametrize(("ending", "mark"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_grid_is_saved_as_a_picture_or_a_figure(tmp_path, ending, mark):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    found = ox.compare(digits(), DIGITS[0], ["gradient"])
    found.save(tmp_path / f"grid.{ending}")
    if ending == "png":
        with Image.open(tmp_path / "grid.png") as saved:
            assert json.loads(saved.text["onnxplain"])["rows"] == [{"gradient": found.rows[0]["gradient"].record}]
    assert (tmp_path / f"grid.{ending}").read_bytes().startswith(mark)
    found.rows[0]["gradient"].save(tmp_path / f"one.{ending}")
    assert (tmp_path / f"one.{ending}").read_bytes().startswith(mark)
    with pytest.raises(UsageError, match=r"\.gif"):
        found.save(tmp_path / "grid.gif")


def test_what_an_explainer_takes_is_given_to_all_methods_or_to_one():
    methods, asked = ["gradient", "lrp.gamma", "lrp.epsilon", "deeplift"], {"lrp.gamma": {"seed": "one", "eps": 1e-4}}
    found = ox.compare(
        digits(), DIGITS[:2], methods, [3, 5], asked, baseline=0.25, smooth=1.0, seed="contrast", eps=1e-2
    )
    for i, (row, target) in enumerate(zip(found.rows, [3, 5], strict=True)):
        for name, e in row.items():
            own = {
                "smooth": 1.0,
                **({"baseline": 0.25} if name == "deeplift" else {}),
                **({"eps": 1e-2} if name.startswith("lrp") else {}),
            }
            own |= {"eps": 1e-4} if name == "lrp.gamma" else {}
            seed = "one" if name == "lrp.gamma" else "contrast"
            due = ox.explain(digits(), DIGITS[i], name, target, seed=seed, **own)
            assert e.record["parameters"] == due.record["parameters"] and e.target == due.target
            np.testing.assert_allclose(e.attribution, due.attribution, atol=1e-6 * np.abs(due.attribution).max())


def test_a_parameter_that_no_method_has_is_refused_and_a_layer_is_for_those_that_walk():
    with pytest.raises(UsageError, match="'window' is no parameter of any method that is compared: gradient"):
        ox.compare(digits(), DIGITS[:1], ["gradient"], window=4)
    with pytest.raises(UsageError, match="3 targets for 2 rows"):
        ox.compare(digits(), DIGITS[:2], ["gradient"], [1, 2, 3])
    inner = next(n.outputs[0].name for n in digits().canonical.graph.nodes if n.op == "Relu")
    (row,) = ox.compare(digits(), DIGITS[:1], ["gradient", "occlusion"], layer=inner).rows
    assert row["gradient"].record["layer"] == inner and "layer=" in row["occlusion"]


def test_single_sigmoids_are_compared_for_their_class():
    weights = np.random.default_rng(0).normal(size=(2, 4, 1)).astype("f")
    models = [
        ox.load(network([node("MatMul", "x w", "s"), node("Sigmoid", "s", "y")], (1, 4), {"w": w}), labels=["cat"])
        for w in weights
    ]
    found = ox.compare(models, np.random.default_rng(1).normal(size=(6, 4)).astype("f"), ["gradient"])
    assert len(found.rows) == 12 and not any(isinstance(row["gradient"], str) for row in found.rows)


def test_the_command_takes_what_explain_takes(tmp_path):
    given = ["compare", BUNDLED / "digits_cnn_torch.onnx", DIGITS[0], "-o", tmp_path / "grid.png", "--json"]
    given += ["--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "-m", "lrp.epsilon", "-m", "deeplift"]
    asked = [
        "--set",
        "eps=0.01",
        "--set",
        "lrp.epsilon:eps=0.5",
        "--baseline",
        "0.25",
        "--seed",
        "one",
        "--smooth",
        "1",
    ]
    done = CliRunner().invoke(main, [*map(str, given), *asked])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["rows"][0]["methods"]
    due = ox.explain(digits(), DIGITS[0], "lrp.epsilon", eps=0.5, smooth=1.0, seed="one")
    assert found["lrp.epsilon"]["arrived"] == pytest.approx(float(due.conservation.arrived[0]), rel=1e-3)
    wrong = CliRunner().invoke(main, [*map(str, given), "--set", "windows=4"])
    assert wrong.exit_code == 2 and "no parameter of any method" in wrong.stderr


def test_annotations_of_an_input_that_is_not_there_are_refused(tmp_path):
    found, boxes = ox.compare(digits(), DIGITS[0], ["gradient"]), {"nowhere.png": [(1, 1, 5, 5)]}
    for draw in (found.picture, found.rows[0]["gradient"].image):
        with pytest.raises(UsageError, match=r"boxes= names 'nowhere\.png'"):
            draw(boxes=boxes)
    assert found.picture(boxes={DIGITS[0].name: [(1, 1, 5, 5)]})
