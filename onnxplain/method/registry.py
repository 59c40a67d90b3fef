"""All methods by name: how each is planned, seeded and read out."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method import backward, samplers, weighers
from onnxplain.method.readout import contribution, magnitude, times_input
from onnxplain.method.spec import Average, Cam, Method, Perturbation, Walk
from onnxplain.perturb.extremal_perturbation import ExtremalPerturbation
from onnxplain.perturb.kernel_shap import KernelShap
from onnxplain.perturb.lime import Lime
from onnxplain.perturb.meaningful_perturbation import MeaningfulPerturbation
from onnxplain.perturb.occlusion import Occlusion
from onnxplain.perturb.rise import Rise
from onnxplain.plan.composite import Composite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _lrp(name: str, composite: Callable[..., Composite]) -> Walk:
    return Walk(name, composite, seed="logit", conserves=True)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Walk("gradient", backward.gradient),
        Walk("saliency", backward.gradient, readout=magnitude, about="The magnitude of the gradient."),
        Walk("input_x_gradient", backward.gradient, readout=times_input, about="The gradient times the input."),
        Walk("deconvnet", backward.deconvnet),
        Walk("guided_backprop", backward.guided_backprop),
        _lrp("lrp.zero", backward.lrp_zero),
        _lrp("lrp.epsilon", backward.lrp_epsilon),
        _lrp("lrp.gamma", backward.lrp_gamma),
        _lrp("lrp.alpha_beta", backward.lrp_alpha_beta),
        _lrp("lrp.z_plus", backward.lrp_z_plus),
        _lrp("lrp.epsilon_plus", backward.lrp_epsilon_plus),
        _lrp("lrp.epsilon_plus_flat", backward.lrp_epsilon_plus_flat),
        _lrp("lrp.epsilon_gamma_box", backward.lrp_epsilon_gamma_box),
        _lrp("lrp.epsilon_alpha2_beta1", backward.lrp_epsilon_alpha2_beta1),
        _lrp("lrp.epsilon_alpha2_beta1_flat", backward.lrp_epsilon_alpha2_beta1_flat),
        _lrp("excitation_backprop", backward.excitation_backprop),
        _lrp("attnlrp", backward.attnlrp),
        _lrp("cp_lrp", backward.cp_lrp),
        Walk("deeplift", backward.deeplift, readout=contribution, baseline=True, conserves=True),
        Walk("deeplift.reveal_cancel", backward.reveal_cancel, readout=contribution, baseline=True, conserves=True),
        Average("integrated_gradients", samplers.GaussLegendre, baseline=True, conserves=True),
        Average("expected_gradients", samplers.ExpectedGradients, baseline=True, conserves=True),
        Average("smoothgrad", samplers.SmoothGrad),
        Average("vargrad", samplers.VarGrad),
        Average("deepshap", samplers.EachBaseline, baseline=True, conserves=True),
        Cam("cam", weighers.Cam, pooled=True),
        Cam("grad_cam", weighers.GradCam),
        Cam("grad_cam_pp", weighers.GradCamPlusPlus),
        Cam("layer_cam", weighers.LayerCam),
        Cam("hires_cam", weighers.HiResCam),
        Cam("score_cam", weighers.ScoreCam, baseline=True, masks=True),
        Cam(
            "guided_grad_cam",
            weighers.GradCam,
            detail="guided_backprop",
            about="Grad-CAM times guided backpropagation.",
        ),
        Perturbation("occlusion", Occlusion, seed="logit", baseline=True),
        Perturbation("rise", Rise, seed="logit", baseline=True),
        Perturbation("lime", Lime, seed="logit", baseline=True, presets={"ribeiro": {"superpixels": "quickshift"}}),
        Perturbation("kernel_shap", KernelShap, seed="logit", baseline=True, conserves=True),
        Perturbation("meaningful_perturbation", MeaningfulPerturbation, seed="probability"),
        Perturbation("extremal_perturbation", ExtremalPerturbation, seed="logit"),
    )
}

DEFAULT = "lrp.epsilon_plus_flat"
"""The method where none is asked for."""


def find(name: str | Composite) -> Method:
    """The method of this name, or an error that offers the nearest names; a composite of one's own walks relevance."""
    if isinstance(name, Composite):
        return _lrp("composite", lambda: name)
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    near = get_close_matches(str(name), METHODS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(METHODS)}"
    raise UsageError(f"unknown method {name!r}; {hint}")


def reads_baseline(method: Method, parameters: Mapping[str, Any]) -> bool:
    """Whether a method with these parameters reads a baseline: itself, to hide behind it, or in the walk it repeats."""
    known = method.parameters | dict(parameters)
    of = known.get("of")
    return method.baseline or known.get("value") == "baseline" or (of is not None and find(of).baseline)
