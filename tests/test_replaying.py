"""Replay: a record makes the same bits again, and says by name what is missing, changed or otherwise."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import BadInputError, UsageError
from onnxplain.method.backward import table_lrp

OF_EACH_KIND = {
    "gradient": {},
    "lrp.epsilon_gamma_box": {"low": -4.0, "high": 4.0},
    "deeplift": {"baseline": 0.25},
    "integrated_gradients": {"steps": 4},
    "expected_gradients": {"samples": 6, "random_seed": 3},
    "smoothgrad": {"samples": 3, "of": "lrp.gamma", "gamma": 0.5},
    "grad_cam": {},
    "guided_grad_cam": {},
    "occlusion": {"window": 4, "stride": 4},
    "rise": {"samples": 20},
    "kernel_shap": {"samples": 40},
    "meaningful_perturbation": {"steps": 2},
}


@pytest.fixture
def copies(tmp_path):
    """A model and two pictures that a test may change, and what to load it with."""
    shutil.copy(BUNDLED / "digits_cnn_torch.onnx", tmp_path / "m.onnx")
    for path in DIGITS[:2]:
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / "m.onnx", [tmp_path / path.name for path in DIGITS[:2]], digits().preprocess


@pytest.mark.parametrize("method", OF_EACH_KIND)
def test_every_kind_of_method_gives_the_same_bits_again(method, copies, tmp_path):
    path, pictures, preprocess = copies
    e = ox.explain(ox.load(path, preprocess=preprocess), pictures, method, smooth=0.5, **OF_EACH_KIND[method])
    e.save(tmp_path / "e.json")
    found = ox.replay(tmp_path / "e.json")
    assert found.same and not found.differences and "same bits" in str(found)
    np.testing.assert_array_equal(found.explanation.attribution, e.attribution)
    asked = {"layer": None, "explained": None}  # of a map of activations: by name, where it chose one by itself
    assert {**found.explanation.record, **asked} == {**e.record, **asked}


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_targets_seeds_layers_and_settings_are_restored(engine, copies, tmp_path):
    path, pictures, preprocess = copies
    model = ox.load(path, preprocess=preprocess, engine=engine, threads=1)
    inner = next(n.outputs[0].name for n in model.canonical.graph.nodes if n.op == "Relu")
    asked = [
        ("lrp.epsilon", 3, {"layer": inner}),
        ("gradient", ox.Neuron(inner, 2, "max"), {}),
        ("lrp.epsilon", [3, 1], {"seed": np.eye(10)[:2] * 2}),
        ("gradient", None, {"seed": "softmax"}),
    ]
    for method, target, options in asked:
        e = ox.explain(model, pictures, method, target, **options)
        e.save(tmp_path / "e.npz")
        found = ox.replay(tmp_path / "e.npz")
        assert found.same and found.explanation.record == e.record, (method, target)


def test_one_row_of_a_batch_and_of_a_file(copies, tmp_path):
    path, _, _ = copies
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 1, 16, 16)).astype("f"))
    e = ox.explain(ox.load(path, engine="numpy"), tmp_path / "x.npy", "lrp.epsilon")
    for part in (e, e[2], e[1:3], e[::-1]):
        found = ox.replay(part)
        assert found.explanation.record["input"] == part.record["input"]
        np.testing.assert_allclose(found.explanation.attribution, part.attribution, rtol=1e-4, atol=1e-6)
        assert found.same or found.share < 1e-5


def test_a_changed_model_and_a_changed_input_are_refused(copies, tmp_path):
    path, pictures, preprocess = copies
    ox.explain(ox.load(path, preprocess=preprocess), pictures, "gradient").save(tmp_path / "e.json")
    good = pictures[1].read_bytes()
    shutil.copy(DIGITS[5], pictures[1])
    with pytest.raises(BadInputError, match=f"{pictures[1].name} is not the file that was explained"):
        ox.replay(tmp_path / "e.json")
    pictures[1].unlink()
    with pytest.raises(BadInputError, match="does not exist"):
        ox.replay(tmp_path / "e.json")
    (tmp_path / "moved.png").write_bytes(good)
    assert ox.replay(tmp_path / "e.json", inputs=[pictures[0], tmp_path / "moved.png"]).same
    with pytest.raises(BadInputError, match="sha256 is another one"):
        ox.replay(tmp_path / "e.json", inputs=[tmp_path / "moved.png", pictures[0]])
    pictures[1].write_bytes(good)
    proto = onnx.load(path)
    proto.doc_string = "another file"
    onnx.save(proto, path)
    with pytest.raises(BadInputError, match=r"m\.onnx is not the file that was explained"):
        ox.replay(tmp_path / "e.json")
    assert ox.replay(tmp_path / "e.json", model=BUNDLED / "digits_cnn_torch.onnx").same
    path.unlink()
    with pytest.raises(BadInputError, match="does not exist"):
        ox.replay(tmp_path / "e.json")


def test_what_is_otherwise_is_named_and_how_far_it_is(copies, tmp_path):
    path, pictures, preprocess = copies
    e = ox.explain(ox.load(path, preprocess=preprocess), pictures[0], "lrp.epsilon")
    record = json.loads(json.dumps(e.to_dict()))
    record["versions"]["onnxruntime"] = "1.20.0"
    same = ox.replay(record)
    assert same.same and same.differences == {"version of onnxruntime": ("1.20.0", e.record["versions"]["onnxruntime"])}
    record["parameters"]["eps"] = 0.5
    found = ox.replay(record)
    assert not found.same and found.distance is None and "1.20.0 then" in str(found)
    e.save(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as arrays:
        kept = dict(arrays)
    other = json.loads(str(kept["record"]))
    other["parameters"]["eps"] = 0.5
    np.savez(tmp_path / "other.npz", **{**kept, "record": np.array(json.dumps(other))})
    found = ox.replay(tmp_path / "other.npz")
    due = np.abs(
        ox.explain(ox.load(path, preprocess=preprocess), pictures[0], "lrp.epsilon", eps=0.5).attribution
        - e.attribution
    )
    assert found.distance == pytest.approx(due.max()) and found.share == pytest.approx(
        due.max() / np.abs(e.attribution).max()
    )
    assert "nothing that the record states is otherwise" in str(found)


def test_what_was_in_memory_has_to_be_given():
    proto, x = relu_cnn()
    e = ox.explain(ox.load(proto), x, "deeplift", baseline=x[:1] / 2, target=1)
    model = ox.load(proto)
    with pytest.raises(BadInputError, match="model was in memory"):
        ox.replay(e)
    with pytest.raises(BadInputError, match="baseline was an array of shape"):
        ox.replay(e, model)
    with pytest.raises(BadInputError, match=r"input\[0\].*in memory"):
        ox.replay(e, model, baseline=x[:1] / 2)
    with pytest.raises(BadInputError, match="inputs= is not what was explained"):
        ox.replay(e, model, x + 1, baseline=x[:1] / 2)
    with pytest.raises(BadInputError, match="the baseline is not the array"):
        ox.replay(e, model, x, baseline=x[1:2])
    assert ox.replay(e, model, x, baseline=x[:1] / 2).same
    row = ox.replay(e[1], model, x[1:2], baseline=x[:1] / 2)
    assert row.same or row.share < 1e-5
    with pytest.raises(BadInputError, match="is not the file that was explained"):
        ox.replay(e, ox.load(relu_cnn(seed=1)[0]), x, baseline=x[:1] / 2)


def test_other_inputs_and_fixed_ones():
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("x", "z")]
    inputs.append(helper.make_tensor_value_info("t", TensorProto.FLOAT, [4]))
    nodes = [node("Mul", "x z", "a"), node("Add", "a t", "b"), node("MatMul", "b w", "y")]
    proto = network(nodes, None, {"w": np.eye(4, 3, dtype="f")}, inputs=inputs)
    x, z = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f")
    model = ox.load(proto, input="z", fixed={"t": np.arange(4, dtype="f")})
    e = ox.explain(model, {"x": x, "z": z}, "gradient", target=1)
    assert ox.replay(e, model, {"x": x, "z": z}).same
    with pytest.raises(BadInputError, match="'x' is not the array that was given"):
        ox.replay(e, model, {"x": z, "z": z})
    with pytest.raises(BadInputError, match="'x' were in memory"):
        ox.replay(e, model)


def test_the_inputs_that_were_fixed_and_named_are_loaded_so_again(tmp_path):
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("x", "z")]
    proto = network(
        [node("Mul", "x z", "a"), node("MatMul", "a w", "y")], None, {"w": np.eye(4, 3, dtype="f")}, inputs=inputs
    )
    onnx.save(proto, tmp_path / "m.onnx")
    x, z = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f")
    e = ox.explain(ox.load(tmp_path / "m.onnx", input="z"), {"x": x, "z": z}, "gradient", target=1)
    assert ox.replay(e, inputs={"x": x, "z": z}).same


def test_a_composite_has_to_be_given():
    proto, x = relu_cnn()
    mine = ox.Composite(table_lrp(1e-4))
    e = ox.explain(ox.load(proto), x, mine, target=1)
    with pytest.raises(UsageError, match="composite"):
        ox.replay(e, ox.load(proto), x)
    assert ox.replay(e, ox.load(proto), x, method=mine).same


def test_what_is_no_record_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2")
    (tmp_path / "b.json").write_text("{}")
    np.savez(tmp_path / "c.npz", a=np.zeros(3))
    for name, said in (("a.json", "no JSON"), ("b.json", "no record of an explanation"), ("c.npz", "no explanation")):
        with pytest.raises(BadInputError, match=said):
            ox.replay(tmp_path / name)


def test_the_command_ends_with_the_code_of_what_it_found(copies, tmp_path):
    path, pictures, _ = copies
    run = lambda *args: CliRunner().invoke(main, list(map(str, args)))  # noqa: E731
    with_ = ["--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "-m", "lrp.epsilon", "-o", tmp_path / "out"]
    assert run("explain", path, *pictures, *with_).exit_code == 0
    records = sorted((tmp_path / "out").glob("*.json"))
    done = run("replay", *records)
    assert done.exit_code == 0 and done.stdout.count("same bits") == 2, done.output
    record = json.loads(records[0].read_text())
    record["parameters"]["eps"] = 0.5
    (tmp_path / "out" / "edited.json").write_text(json.dumps(record))
    differs = run("replay", tmp_path / "out" / "edited.json", records[1], "--json")
    assert differs.exit_code == 6 and [each["same"] for each in json.loads(differs.stdout)] == [False, True]
    digit = pictures[0].read_bytes()
    pictures[0].write_bytes(pictures[1].read_bytes())
    assert run("replay", records[0]).exit_code == 4
    both = run("replay", *records)
    assert both.exit_code == 4 and both.stdout.count("same bits") == 1 and pictures[0].name in both.stderr
    (tmp_path / "moved.png").write_bytes(digit)
    assert run("replay", records[0], "--input", tmp_path / "moved.png").exit_code == 0
    path.rename(tmp_path / "moved.onnx")
    assert run("replay", records[1]).exit_code == 4
    assert run("replay", records[1], "--model", tmp_path / "moved.onnx").exit_code == 0
