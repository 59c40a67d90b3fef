"""The words of other libraries: what a parameter or a method of theirs is called here.

Keywords are those of captum, pytorch-grad-cam, shap, zennit, innvestigate and lime. A hint is given only where the word
is of use for the method that was asked for.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Collection

CALLED: dict[str, tuple[str, ...]] = {
    "baseline": ("baselines", "background", "background_data", "data", "masker", "reference_inputs"),
    "eps": ("epsilon",),
    "grid": ("grid_size",),
    "layer": ("target_layers", "target_layer", "layers", "layer_name", "last_conv_layer_name"),
    "p": ("p1", "preservation_probability"),
    "random_seed": ("random_state", "rseed"),
    "relu": ("relu_attributions",),
    "samples": ("n_samples", "nsamples", "num_samples", "nb_samples", "nt_samples", "n_masks", "augment_by_n"),
    "segments": ("n_segments",),
    "sigma": ("stdevs", "noise_scale", "noise", "stdev_spread"),
    "steps": ("n_steps", "num_steps", "x_steps", "max_iter"),
    "stride": ("strides",),
    "superpixels": ("feature_mask", "segmentation_fn"),
    "target": ("targets", "target_category", "output_index", "class_index", "class_idx"),
    "value": ("hide_color", "mask_value"),
    "width": ("kernel_width",),
    "window": ("sliding_window_shapes", "patch_size", "window_size"),
}
"""By a word of this library: the words that others have for it."""

DECIDED = "how many runs go at once is decided by the memory; leave it out"
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(("perturbations_per_eval", "internal_batch_size", "batch_size", "nt_samples_batch_size"), DECIDED),
    "return_convergence_delta": "every result has it, as .delta",
    "additional_forward_args": "pass a dict with an array for each input of the model",
    "neuron_selector": "target=onnxplain.Neuron(value, channel, position) explains a value inside the network",
    "abs": "the method 'saliency' is the magnitude of the gradient",
    "multiply_by_inputs": "the methods 'gradient' and 'input_x_gradient' are one without it and one with it",
    "link": "the default explains the logit, seed='probability' the probability",
    "aug_smooth": "smooth= is a Gaussian over the map, and the method 'smoothgrad' averages over noise",
    "reshape_transform": "the grid of tokens is found by the graph itself; layer= names another value",
    "canonizers": "the graph is prepared at load; `onnxplain inspect` lists what was folded",
    "attr_output": "seed= is what the walk starts from, a word or an array like the scores",
    "show_progress": "bars are shown on a terminal, and -q hides them",
}
"""Words of other libraries that no parameter here stands for, and what there is in their place."""

ALWAYS = ("baseline", "layer", "smooth", "target", "seed", "book")
"""The keywords of every explainer and of its call."""

METHODS: dict[str, tuple[str, ...]] = {
    "gradient": ("vanilla", "vanillagradient", "vanillabackprop", "backprop", "sensitivity"),
    "saliency": ("saliencymap", "saliencymaps", "absgradient"),
    "input_x_gradient": ("inputtimesgradient", "inputtgradient", "gradientxinput", "gradientinput", "gradxinput"),
    "deconvnet": ("deconvolution", "deconv"),
    "guided_backprop": ("guidedbackpropagation", "guidedgradient", "guidedbackproprelumodel"),
    "smoothgrad": ("noisetunnel",),
    "integrated_gradients": ("ig", "intgrad", "layerintegratedgradients"),
    "expected_gradients": ("gradientshap", "gradientexplainer", "layergradientshap"),
    "deeplift": ("rescale", "layerdeeplift", "deepliftrescale"),
    "deeplift.reveal_cancel": ("revealcancel",),
    "deepshap": ("deepliftshap", "deepexplainer", "deep", "layerdeepliftshap"),
    "lrp.epsilon_plus_flat": ("lrp", "layerlrp", "lrpsequentialpresetaflat", "presetaflat"),
    "lrp.epsilon": ("lrpepsilonrule", "epsilonrule"),
    "lrp.zero": ("lrpz", "lrp0", "zerorule"),
    "lrp.gamma": ("gammarule",),
    "lrp.z_plus": ("lrpzplus", "deeptaylor", "alpha1beta0", "lrpalpha1beta0"),
    "lrp.alpha_beta": ("lrpalpha2beta1", "alpha2beta1"),
    "lrp.epsilon_alpha2_beta1": ("lrpsequentialpreseta", "preseta"),
    "grad_cam": ("layergradcam", "gcam"),
    "grad_cam_pp": ("gradcamplusplus", "gradcam++", "layergradcamplusplus"),
    "occlusion": ("featureablation", "ablation", "slidingwindow"),
    "kernel_shap": ("shap", "kernelexplainer", "shapley", "shapleyvalues"),
    "blur_ig": ("blurintegratedgradients",),
    "guided_ig": ("guidedintegratedgradients",),
    "shapley_sampling": ("shapleyvaluesampling", "permutation", "permutationexplainer", "samplingexplainer"),
    "tree_shap": ("treeshap", "treeexplainer", "gputreeexplainer", "fasttreeshap", "interventional"),
    "lime": ("limeimage", "limeimageexplainer", "limetabular", "limetabularexplainer", "limebase"),
    "meaningful_perturbation": ("fong2017", "perturbation"),
}
"""By a method's name: what others call it, in small letters and without separators."""


def parameter(word: str, known: Collection[str]) -> str:
    """Return what a keyword that a method does not have may be meant for, as a clause; "" where nothing is known.

    known: the parameters of the method.
    """
    if word in ELSEWHERE:
        return ELSEWHERE[word]
    names = [*known, *ALWAYS]
    own = [name for name, words in CALLED.items() if word.lower() in words and name in names]
    near = get_close_matches(word, names, n=1, cutoff=0.75)
    return f"here it is called {own[0]!r}" if own else f"did you mean {near[0]!r}?" if near else ""


def method(word: object, known: Collection[str]) -> str:
    """Return the hint for a method of an unknown name: what it is called here, or the names that are most like it."""
    plain = _plain(str(word))
    for name in known:
        short = _plain(name)
        if plain in (short, short.removeprefix("lrp"), *METHODS.get(name, ())):
            return f"here it is called {name!r}"
    return offer(word, known)


def _plain(name: str) -> str:
    """Return a name in small letters and without separators, so that `GradCAM` is `grad_cam`."""
    return "".join(each for each in name.lower() if each.isalnum() or each == "+")
