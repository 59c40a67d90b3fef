"""A wrong keyword names the method that the user wrote, and words of other libraries are understood."""

from __future__ import annotations

import inspect

import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.method import hints
from onnxplain.method.registry import METHODS, find

MODEL = ox.load(relu_cnn()[0])


def refusal(method, **keywords):
    with pytest.raises(UsageError) as caught:
        ox.Explainer(MODEL, method, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    ("method", "word", "called"),
    [
        ("integrated_gradients", "n_steps", "steps"),
        ("integrated_gradients", "baselines", "baseline"),
        ("deepshap", "background_data", "baseline"),
        ("grad_cam", "target_layers", "layer"),
        ("guided_grad_cam", "target_layer", "layer"),
        ("kernel_shap", "nsamples", "samples"),
        ("lime", "kernel_width", "width"),
        ("occlusion", "sliding_window_shapes", "window"),
        ("occlusion", "strides", "stride"),
        ("smoothgrad", "stdevs", "sigma"),
        ("smoothgrad", "nt_samples", "samples"),
        ("lrp.epsilon", "epsilon", "eps"),
        ("smoothgrad", "targets", "target"),
    ],
)
def test_a_keyword_of_another_library_is_told_in_this_ones_words(method, word, called):
    own = refusal(method, **{word: 1})
    assert own.startswith(f"method {method!r} has no parameter {word!r}: here it is called {called!r}; it takes: ")


def test_a_keyword_that_is_no_use_here_says_what_is():
    assert "decided by the memory; leave it out; it takes: window" in refusal("occlusion", perturbations_per_eval=8)
    assert ".delta; it takes: steps" in refusal("integrated_gradients", return_convergence_delta=True)


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "guided_grad_cam", "lrp.epsilon", "rise"])
def test_an_unknown_keyword_names_the_method_that_was_asked_for(method):
    own = refusal(method, nonsense=1)
    assert own.startswith(f"method {method!r} has no parameter 'nonsense'; it takes: ")


def test_a_keyword_that_is_misspelt():
    assert refusal("integrated_gradients", step=3).startswith(
        "method 'integrated_gradients' has no parameter 'step': did you mean 'steps'? it takes: steps"
    )


def test_a_hint_is_of_use_for_the_method():
    """A gradient has no window, so nothing is said of one."""
    assert refusal("gradient", sliding_window_shapes=3) == (
        "method 'gradient' has no parameter 'sliding_window_shapes'; it takes: none"
    )


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("GradCAM", "grad_cam"),
        ("GradCAM++", "grad_cam_pp"),
        ("GradCAMPlusPlus", "grad_cam_pp"),
        ("LayerGradCam", "grad_cam"),
        ("IntegratedGradients", "integrated_gradients"),
        ("InputXGradient", "input_x_gradient"),
        ("input_t_gradient", "input_x_gradient"),
        ("GuidedBackprop", "guided_backprop"),
        ("Deconvolution", "deconvnet"),
        ("DeepLift", "deeplift"),
        ("DeepLiftShap", "deepshap"),
        ("GradientShap", "expected_gradients"),
        ("KernelExplainer", "kernel_shap"),
        ("NoiseTunnel", "smoothgrad"),
        ("EpsilonPlusFlat", "lrp.epsilon_plus_flat"),
        ("lrp.alpha_2_beta_1", "lrp.alpha_beta"),
        ("lrp", "lrp.epsilon_plus_flat"),
        ("LRP", "lrp.epsilon_plus_flat"),
        ("HiResCAM", "hires_cam"),
    ],
)
def test_a_method_of_another_library_is_told_in_this_ones_words(word, name):
    with pytest.raises(UsageError) as caught:
        find(word)
    assert str(caught.value) == f"unknown method {word!r}; here it is called {name!r}"


def test_the_table_speaks_of_what_there_is():
    parameters = {each for method in METHODS.values() for each in method.parameters} | {*hints.ALWAYS}
    assert set(hints.CALLED) <= parameters and set(hints.METHODS) <= set(METHODS)
    words = [word for words in hints.CALLED.values() for word in words]
    assert len(words) == len(set(words)) and not set(words) & set(hints.ELSEWHERE)
    assert not set(words) & parameters, "what is a parameter of some method is no other library's word"
    called = [word for words in hints.METHODS.values() for word in words]
    assert len(called) == len(set(called)) and all(word == hints._plain(word) for word in called)
    explainer = (
        inspect.signature(ox.Explainer.__init__).parameters.keys()
        | inspect.signature(ox.Explainer.__call__).parameters.keys()
    )
    assert set(hints.ALWAYS) <= explainer
