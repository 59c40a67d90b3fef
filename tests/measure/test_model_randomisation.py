"""Model randomisation: what reads no weights never changes, and what reads one layer changes with it."""

from __future__ import annotations

import numpy as np
from nets import relu_cnn
from onnx import numpy_helper

import onnxplain as ox


def input_only(model):
    """An edge detector: it explains nothing of the model."""
    return lambda feeds, _: np.abs(np.gradient(feeds["x"], axis=-1))


def first_layer_only(model):
    """|x| filtered by the first layer's weights."""
    w = model.canonical.graph.tensors()["w1"].values
    return lambda feeds, _: feeds["x"] * w.std((0, 2, 3))[:, None, None] + w.ravel()[:99].reshape(11, 9)


def evaluate(methods, **options):
    model, x = relu_cnn()
    return ox.evaluate(ox.load(model), x, methods, "model_randomisation", **options)


def test_what_reads_no_weights_keeps_its_map():
    found = evaluate([input_only])["model_randomisation", "input_only"]
    for name, values in found.values.items():
        np.testing.assert_allclose(values, 1, err_msg=name)
    assert found.curves["spearman cascading"].shape == (3, 4)


def test_what_reads_the_first_layer_changes_when_the_cascade_gets_there():
    curves = evaluate([first_layer_only])["model_randomisation", "first_layer_only"].curves
    for how in ("cascading", "independent"):
        np.testing.assert_allclose(curves[f"spearman {how}"][:, :3], 1)
        assert (curves[f"spearman {how}"][:, 3] < 0.9).all()
        assert (curves[f"ssim {how}"][:, 3] < 0.9).all()


def test_a_cascade_keeps_what_it_has_randomised():
    def last_layer_only(model):
        w = model.canonical.graph.tensors()["w3"].values
        return lambda feeds, _: feeds["x"] + 9 * np.resize(w, (11, 9))

    curves = evaluate([last_layer_only])["model_randomisation", "last_layer_only"].curves
    np.testing.assert_allclose(curves["spearman cascading"][:, 1:], curves["spearman cascading"][:, 1:2].repeat(3, 1))
    np.testing.assert_allclose(curves["spearman independent"][:, 2:], 1)
    for how in ("cascading", "independent"):
        assert (curves[f"spearman {how}"][:, 1] < 0.9).all()


def test_a_map_that_turns_its_sign_has_forgotten_nothing():
    before = relu_cnn()[0].graph.initializer[2]

    def turning(model):
        same = np.array_equal(model.canonical.graph.tensors()["w3"].values, numpy_helper.to_array(before))
        return lambda feeds, _: feeds["x"] if same else -feeds["x"]

    found = evaluate([turning])["model_randomisation", "turning"]
    for name, values in found.values.items():
        np.testing.assert_allclose(values, 1, err_msg=name)


def test_noise_is_like_nothing_and_numbers_are_means_over_the_steps():
    e = evaluate(["gradient"])
    control, gradient = (e["model_randomisation", name] for name in ("random", "gradient"))
    assert abs(control.mean("spearman_cascading")) < 0.1
    assert gradient.mean("spearman_all") < 0.9
    np.testing.assert_allclose(
        gradient.values["spearman_cascading"], gradient.curves["spearman cascading"][:, 1:].mean(1)
    )
    np.testing.assert_allclose(gradient.values["spearman_all"], gradient.curves["spearman cascading"][:, -1])


def test_layers_go_in_groups_and_the_last_has_them_all():
    each, two = (evaluate(["gradient"], steps=steps)["model_randomisation", "gradient"] for steps in (10, 2))
    assert two.curves["spearman cascading"].shape == (3, 3)
    np.testing.assert_array_equal(each.values["spearman_all"], two.values["spearman_all"])


def test_a_table_has_no_structural_similarity():
    from nets import BUNDLED

    x = np.load(BUNDLED / "wine_sample.npy")
    e = ox.evaluate(ox.load(BUNDLED / "wine_mlp_torch.onnx"), x, ["deeplift"], "model_randomisation")
    assert set(e["model_randomisation", "deeplift"].values) == {
        f"spearman_{how}" for how in ("cascading", "all", "independent")
    }
    assert "ssim" not in str(e)
