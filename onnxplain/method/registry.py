"""The registry: all methods by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.method import hints, paths, samplers, weighers
from onnxplain.method.along_path import PathSpec
from onnxplain.method.averages import AverageSpec
from onnxplain.method.backward import WALKS, of_composite
from onnxplain.method.cam import CamSpec
from onnxplain.method.channels import AblatedChannels, MaskedChannels, PooledChannels, RunChannels
from onnxplain.method.full_gradient import FullGrad, FullGradSpec
from onnxplain.method.perturbation import PerturbationSpec
from onnxplain.method.tree_shap import TreeShap, TreeShapSpec
from onnxplain.perturb.extremal_perturbation import ExtremalPerturbation
from onnxplain.perturb.kernel_shap import KernelShap
from onnxplain.perturb.lime import Lime
from onnxplain.perturb.meaningful_perturbation import MeaningfulPerturbation
from onnxplain.perturb.occlusion import Occlusion
from onnxplain.perturb.rise import Rise
from onnxplain.perturb.shapley_sampling import ShapleySampling
from onnxplain.plan.composite import Composite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.method.spec import MethodSpec


METHODS: dict[str, MethodSpec] = {
    method.name: method
    for method in (
        *WALKS.values(),
        FullGradSpec("fullgrad", FullGrad, seed="logit", conserves=True),
        AverageSpec("integrated_gradients", samplers.GaussLegendre, baseline=True, conserves=True),
        PathSpec("guided_ig", paths.GuidedPath, baseline=True, conserves=True),
        PathSpec("blur_ig", paths.BlurPath, conserves=True),
        AverageSpec("expected_gradients", samplers.ExpectedGradients, baseline=True, conserves=True),
        AverageSpec("smoothgrad", samplers.SmoothGrad),
        AverageSpec("vargrad", samplers.VarGrad),
        AverageSpec("deepshap", samplers.EachBaseline, baseline=True, conserves=True),
        CamSpec("cam", weighers.Cam, reads=PooledChannels),
        CamSpec("grad_cam", weighers.GradCam),
        CamSpec("grad_cam_pp", weighers.GradCamPlusPlus),
        CamSpec("layer_cam", weighers.LayerCam),
        CamSpec("hires_cam", weighers.HiResCam),
        CamSpec("xgrad_cam", weighers.XGradCam),
        CamSpec("score_cam", weighers.ScoreCam, baseline=True, reads=MaskedChannels),
        CamSpec("ablation_cam", weighers.AblationCam, reads=AblatedChannels),
        CamSpec("eigen_cam", weighers.EigenCam, reads=RunChannels),
        CamSpec(
            "guided_grad_cam",
            weighers.GradCam,
            detail="guided_backprop",
            about="Grad-CAM times guided backpropagation.",
        ),
        PerturbationSpec("occlusion", Occlusion, seed="logit", baseline=True),
        PerturbationSpec("rise", Rise, seed="logit", baseline=True),
        PerturbationSpec("lime", Lime, seed="logit", baseline=True, presets={"ribeiro": {"superpixels": "quickshift"}}),
        PerturbationSpec("kernel_shap", KernelShap, seed="logit", baseline=True, conserves=True, many=True),
        PerturbationSpec("shapley_sampling", ShapleySampling, seed="logit", baseline=True, conserves=True, many=True),
        TreeShapSpec("tree_shap", TreeShap, seed="logit", baseline=True, conserves=True),
        PerturbationSpec("meaningful_perturbation", MeaningfulPerturbation, seed="probability"),
        PerturbationSpec("extremal_perturbation", ExtremalPerturbation, seed="logit"),
    )
}

DEFAULT = "lrp.epsilon_plus_flat"
"""The method where none is asked for."""


def find(name: str | Composite) -> MethodSpec:
    """Return the method of this name, or the one that walks relevance by a composite of the user's own.

    Raises UsageError, which offers the nearest names, for an unknown one.
    """
    if isinstance(name, Composite):
        return of_composite(name)
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    raise UsageError(f"unknown method {name!r}; {hints.method(name, METHODS)}")


def reads_baseline(method: MethodSpec, parameters: Mapping[str, Any]) -> bool:
    """Whether a method with these parameters reads a baseline: itself, to hide parts of the input, or in its walks."""
    known = method.parameters | dict(parameters)
    of = known.get("of")
    return method.baseline or known.get("value") == "baseline" or (of is not None and find(of).baseline)
