"""Exported models: they say what the library says, in a process that does not have it."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from exported import pictures, run, worst
from nets import BUNDLED, DIGITS, SHARED, digits, needs_shared, network, node, relu_cnn
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import UnsupportedModelError, UsageError

METHODS = ["saliency", "guided_backprop", "lrp.epsilon_plus_flat", "lrp.gamma", "deeplift"]


@pytest.mark.parametrize("method", METHODS)
def test_the_file_alone_says_what_the_library_says(method, tmp_path):
    model, path = digits(), tmp_path / "explained.onnx"
    ox.export(model, method, path, heatmap=True)
    x = pictures(model)
    for rows, target in ((1, [3]), (7, [0, 1, -1, 3, -1, 5, 9])):
        found = run(path, tmp_path, image=x[:rows], target=np.array(target))
        predicted = found["logits"].argmax(1)
        classes = [int(p) if t < 0 else t for t, p in zip(target, predicted, strict=True)]
        e = ox.Explainer(ox.load(BUNDLED / "digits_cnn_torch.onnx", precision="float64"), method)(x[:rows], classes)
        assert set(found) == {"logits", "attribution", "heatmap"}
        assert worst(found["attribution"], e.attribution) < 1e-5
        assert worst(found["heatmap"], e.relevance) < 1e-5
        np.testing.assert_allclose(found["logits"], e.prediction, rtol=1e-4, atol=1e-4)


@needs_shared
@pytest.mark.slow
def test_squeezenet_grows_by_no_more_than_a_tenth(tmp_path):
    source, path = SHARED / "exported" / "squeezenet1.1-fp32-ts9.onnx", tmp_path / "explained.onnx"
    model = ox.load(source)
    ox.export(model, "lrp.epsilon_plus_flat", path)
    assert path.stat().st_size < 1.1 * source.stat().st_size
    x = np.random.default_rng(0).normal(size=(7, 3, 224, 224)).astype("f")
    name = model.explained_input.name
    for rows in (1, 7) if model.fixed_batch is None else (model.fixed_batch,):
        e = ox.explain(model, x[:rows], "lrp.epsilon_plus_flat")
        found = run(path, tmp_path, **{name: x[:rows], "target": np.full(rows, -1)})
        assert worst(found["attribution"], e.attribution) < 1e-5


FLOATS = ["digits_cnn_torch", "digits_cnn_keras", "digits_cnn_dynamo", "digits_mlp_sklearn", "digits_linear_sklearn",
          "wine_mlp_torch"]  # fmt: skip


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon_plus_flat", "lrp.alpha_beta", "deeplift"])
@pytest.mark.parametrize("name", FLOATS)
def test_a_small_file_grows_by_the_text_of_its_nodes(name, method, tmp_path):
    """Each node that is added may take 100 bytes; the longest hold the names of rule and source node.

    What describes the file, of which the plan is the most, comes on top of that.
    """
    source, path = BUNDLED / f"{name}.onnx", tmp_path / "explained.onnx"
    model = ox.load(source)
    ox.export(model, method, path)
    proto = onnx.load(path)
    added = len(proto.graph.node) - len(model.canonical.graph.nodes)
    described = sum(each.ByteSize() for each in proto.metadata_props)
    assert path.stat().st_size < 1.1 * source.stat().st_size + 100 * added + described
    names = [node.name for node in proto.graph.node]
    last = model.canonical.graph.nodes[-1].name
    assert any(f" @ {last}/" in each for each in names), "a node says which rule it is, and at which node"


def test_a_second_seed_and_a_parameter(tmp_path):
    model, x = relu_cnn()
    ox.export(ox.load(model), "lrp.epsilon", tmp_path / "e.onnx", seed="probability", eps=0.01)
    e = ox.explain(ox.load(model, engine="numpy"), x, "lrp.epsilon", 2, seed="probability", eps=0.01)
    found = run(tmp_path / "e.onnx", tmp_path, x=x, target=np.full(3, 2))
    assert worst(found["attribution"], e.attribution) < 1e-5


@pytest.mark.parametrize("baseline", [0.4, "picture"])
def test_a_baseline_is_computed_in_the_file(baseline, tmp_path):
    model, x = relu_cnn()
    if baseline == "picture":
        baseline = np.random.default_rng(1).normal(size=x[:1].shape).astype("f")
    ox.export(ox.load(model), "deeplift", tmp_path / "e.onnx", baseline=baseline)
    e = ox.explain(ox.load(model, engine="numpy"), x, "deeplift", 1, baseline=baseline)
    found = run(tmp_path / "e.onnx", tmp_path, x=x, target=np.full(3, 1))
    assert worst(found["attribution"], e.attribution) < 1e-5


@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_cnn_keras"])
def test_the_preprocessing_in_front(name, tmp_path):
    """Pictures that have the model's size already: the rest of the preprocessing is in the file."""
    model, path = digits(name), tmp_path / "explained.onnx"
    ox.export(model, "lrp.epsilon_plus", path, with_preprocessing=True)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 1), np.uint8)
    x = np.concatenate([model.preprocess(Image.fromarray(each[..., 0])) for each in pixels])
    for rows in (1, 7):
        e = ox.explain(model, x[:rows], "lrp.epsilon_plus")
        found = run(path, tmp_path, image=pixels[:rows], target=np.full(rows, -1))
        assert worst(found["attribution"], e.attribution) < 1e-5


def test_the_preprocessing_of_colours(tmp_path):
    """Mean and deviation per channel, and the channels of the picture in the other order."""
    model, _ = relu_cnn()
    pre = {"scale": 1 / 255, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "colour": "bgr"}
    loaded = ox.load(model, preprocess=pre)
    ox.export(loaded, "input_x_gradient", tmp_path / "e.onnx", with_preprocessing=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 11, 9, 3), np.uint8)
    x = np.concatenate([loaded.preprocess(Image.fromarray(each)) for each in pixels])
    found = run(tmp_path / "e.onnx", tmp_path, image=pixels, target=np.full(3, -1))
    assert worst(found["attribution"], ox.explain(loaded, x, "input_x_gradient").attribution) < 1e-5


def test_the_file_says_where_it_comes_from(tmp_path):
    source, path = BUNDLED / "digits_cnn_torch.onnx", tmp_path / "explained.onnx"
    ox.export(digits(), "lrp.gamma", path, gamma=0.5)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    said = {each.key: each.value for each in proto.metadata_props}
    assert said["onnxplain.source.sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert said["onnxplain.method"] == "lrp.gamma"
    assert json.loads(said["onnxplain.parameters"]) == {"gamma": 0.5, "eps": 1e-6}
    assert said["onnxplain.plan"] == str(ox.Explainer(digits(), "lrp.gamma", gamma=0.5).plan)
    assert {each.domain for each in proto.opset_import} <= {"", "ai.onnx"} | {
        each.domain for each in onnx.load(source).opset_import
    }


def test_a_batch_that_the_file_fixes_stays_fixed(tmp_path):
    model, x = relu_cnn()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    ox.export(ox.load(model), "lrp.epsilon", tmp_path / "e.onnx")
    found = run(tmp_path / "e.onnx", tmp_path, x=x, target=np.full(3, -1))
    assert worst(found["attribution"], ox.explain(ox.load(model, engine="numpy"), x, "lrp.epsilon").attribution) < 1e-5


def test_what_cannot_be_exported_is_refused(tmp_path):
    path = tmp_path / "e.onnx"
    model, _ = relu_cnn()
    with pytest.raises(UsageError, match="without preprocess="):
        ox.export(ox.load(model), "gradient", path, with_preprocessing=True)
    with pytest.raises(UsageError, match="unknown seed"):
        ox.export(ox.load(model), "gradient", path, seed="nonsense")
    with pytest.raises(UsageError, match="seed by name"):
        ox.export(ox.load(model), "gradient", path, seed=np.ones(4))
    with pytest.raises(UsageError, match="no image"):
        ox.export(ox.load(BUNDLED / "wine_mlp_torch.onnx"), "gradient", path, heatmap=True)
    taken = network([node("Relu", "x", "target"), node("MatMul", "target w", "y")], (1, 4), {"w": np.ones((4, 2), "f")})
    with pytest.raises(UnsupportedModelError, match="has values named target"):
        ox.export(ox.load(taken), "gradient", path)
    model.graph.input[0].type.tensor_type.shape.dim[2].Clear()
    with pytest.raises(UsageError, match="export needs its size"):
        ox.export(ox.load(model), "gradient", path)
    assert not path.exists()


def test_the_model_is_never_written_over(tmp_path):
    source = tmp_path / "model.onnx"
    source.write_bytes((BUNDLED / "digits_cnn_torch.onnx").read_bytes())
    (tmp_path / "link.onnx").symlink_to(source)
    for name in ("model.onnx", "link.onnx", f"../{tmp_path.name}/model.onnx"):
        with pytest.raises(UsageError, match="which is read"):
            ox.export(source, "gradient", tmp_path / name)
    done = CliRunner().invoke(main, ["export", str(source), str(source)])
    assert done.exit_code == 2 and "which is read" in done.stderr
    assert source.read_bytes() == (BUNDLED / "digits_cnn_torch.onnx").read_bytes()


def test_only_the_map_of_the_input_goes_into_a_file(tmp_path):
    with pytest.raises(UsageError, match="the map of the input; layer="):
        ox.export(digits(), "gradient", tmp_path / "e.onnx", layer="/Relu_output_0")
    with pytest.raises(UsageError, match="no neighbours to smooth over"):
        ox.export(BUNDLED / "wine_mlp_torch.onnx", "gradient", tmp_path / "e.onnx", smooth=1.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_cnn_keras"])
def test_a_smoothed_map(name, tmp_path):
    """A sigma of 3 reaches beyond the 16 pixels of the picture, and is mirrored there."""
    model, path = digits(name), tmp_path / "e.onnx"
    x = pictures(model, 3)
    ox.export(model, "gradient", path, smooth=3.0, heatmap=True)
    found = run(path, tmp_path, **{model.explained_input.name: x}, target=np.full(3, -1))
    e = ox.explain(model, x, "gradient", smooth=3.0)
    assert worst(found["attribution"], e.attribution) < 1e-5 and worst(found["heatmap"], e.relevance) < 1e-5
    assert {each.key: each.value for each in onnx.load(path).metadata_props}["onnxplain.smooth"] == "3.0"


def test_a_file_that_explains_otherwise_is_not_written(tmp_path, monkeypatch):
    from onnxplain import exporting

    other = ox.Explainer(digits(), "saliency").method
    monkeypatch.setattr(exporting, "_written", lambda _, seed: exporting.whole(other, seed))
    with pytest.raises(UnsupportedModelError, match="would compute another attribution than the explainer"):
        ox.export(digits(), "gradient", tmp_path / "e.onnx")
    assert not list(tmp_path.iterdir())


def test_all_calls_have_one_default_method(tmp_path):
    out = tmp_path / "e.onnx"
    assert CliRunner().invoke(main, ["export", str(BUNDLED / "digits_cnn_torch.onnx"), str(out)]).exit_code == 0
    said = {each.key: each.value for each in onnx.load(out).metadata_props}
    assert said["onnxplain.method"] == ox.Explainer(digits()).spec.name == ox.explain(digits(), DIGITS[0]).method


def test_the_command_line(tmp_path):
    out = tmp_path / "explained.onnx"
    arguments = ["export", BUNDLED / "digits_cnn_torch.onnx", out, "-m", "lrp.epsilon", "--set", "eps=0.01", "--json"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bytes"] == out.stat().st_size
    said = {each.key: each.value for each in onnx.load(out).metadata_props}
    assert json.loads(said["onnxplain.parameters"]) == {"eps": 0.01}


def test_a_graph_that_computes_something_else_than_the_file_is_not_written(tmp_path):
    model = ox.load(relu_cnn()[0])
    first = next(each for each in model.canonical.graph.nodes if each.op == "Conv")
    first.inputs[1].values = first.inputs[1].values * np.float32(1.1)
    with pytest.raises(UnsupportedModelError, match=r"does not compute what the file does.*'c1', of Conv"):
        ox.export(model, "gradient", tmp_path / "explained.onnx")
    assert not list(tmp_path.iterdir())


def test_the_file_states_the_lowest_opset_and_any_other_that_is_asked_for(tmp_path):
    model, path, x = digits(), tmp_path / "explained.onnx", pictures(digits(), 2)
    found = {}
    for opset in (None, 15, 18, 24):
        ox.export(model, "lrp.epsilon_plus_flat", path, opset=opset)
        proto = onnx.load(path)
        assert [each.version for each in proto.opset_import if each.domain == ""] == [opset or 15]
        found[opset] = run(path, tmp_path, image=x, target=np.full(2, -1))["attribution"]
        np.testing.assert_array_equal(found[opset], found[None])
    for opset, says in ((14, "expected 15, which .* needs, to 24"), (25, "to 24"), (1.5, "a whole number")):
        with pytest.raises(UsageError, match=says):
            ox.export(model, "gradient", path, opset=opset)


def test_the_command_says_which_runtimes_take_the_file(tmp_path):
    path = tmp_path / "explained.onnx"
    done = CliRunner().invoke(main, ["export", str(BUNDLED / "digits_cnn_torch.onnx"), str(path), "-m", "gradient"])
    assert done.exit_code == 0 and "opset 15: onnxruntime 1.15 or newer" in done.stdout
    arguments = ["export", str(BUNDLED / "digits_cnn_torch.onnx"), str(path), "--opset", "20", "--json"]
    found = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert found["opset"] == 20 and found["onnxruntime"] == "1.17"


CAMS = ("cam", "grad_cam", "grad_cam_pp", "layer_cam", "hires_cam", "xgrad_cam", "eigen_cam", "guided_grad_cam")


@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_cnn_keras"])
@pytest.mark.parametrize("method", CAMS)
def test_class_activation_maps_are_nodes_of_the_file(method, name, tmp_path):
    """Channels first and last; each channel of the input has an equal part of the enlarged map."""
    model, path = digits(name), tmp_path / "explained.onnx"
    ox.export(model, method, path, heatmap=True)
    x = pictures(model, 3)
    target, scores = np.array([3, -1, 5]), onnx.load(path).graph.output[0].name
    found = run(path, tmp_path, **{model.explained_input.name: x}, target=target)
    classes = [int(p) if t < 0 else int(t) for t, p in zip(target, found[scores].argmax(1), strict=True)]
    e = ox.Explainer(digits(name, precision="float64"), method)(x, classes)
    assert worst(found["attribution"], e.attribution) < 1e-5
    assert worst(found["heatmap"], e.relevance) < 1e-5


def test_a_map_of_a_layer_and_without_the_rectifier(tmp_path):
    model, x = relu_cnn()
    for axis, size in ((2, 11), (3, 9)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    path = tmp_path / "explained.onnx"
    ox.export(ox.load(model), "grad_cam", path, layer="p1", relu=False)
    found = run(path, tmp_path, x=x, target=np.array([2, 0, 1]))
    e = ox.Explainer(ox.load(model, precision="float64"), "grad_cam", layer="p1", relu=False)(x, [2, 0, 1])
    assert e.attribution.min() < 0 and worst(found["attribution"], e.attribution) < 1e-5
    for method in ("occlusion", "guided_ig", "blur_ig", "fullgrad"):
        with pytest.raises(UsageError, match=f"and class activation maps; '{method}' is none of them"):
            ox.export(ox.load(model), method, path)
