"""Contenders of other libraries: PyTorch, zennit, captum, lime, shap and pytorch-grad-cam, on the same network.

Each function returns one that prepares, as those of contenders.py. `settings` are those of settings.py, by the names of
onnxplain. The libraries are called as their documentation does it, with the score of class 1 as the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from settings import AT_ONCE, SIGMA, features, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], Any]


def torch_gradient(net: Any, x: Any) -> Callable[[], Run]:
    """Compute the gradient of a score with respect to the input, or to the embeddings, in PyTorch, in eager mode."""
    import torch

    after = net
    if np.issubdtype(x.dtype, np.integer):
        with torch.no_grad():
            x, after = net.embedded(torch.from_numpy(x)).numpy(), net.after

    def run() -> Any:
        leaf = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(after(leaf)[:, 1].sum(), leaf)

    return lambda: run


def torch_rise(net: Any, x: Any) -> Callable[[], Run]:
    """Score masked inputs in PyTorch and add up the masks by the scores, as the authors of RISE do it."""
    import torch

    count, picture = settings_of("rise")["samples"], torch.from_numpy(x)

    def run() -> Any:
        total = torch.zeros(x.shape[2:])
        with torch.no_grad():
            for start in range(0, count, AT_ONCE):
                grid = (torch.rand(min(AT_ONCE, count - start), 1, 8, 8) < 0.5).float()
                masks = torch.nn.functional.interpolate(grid, scale_factor=32, mode="bilinear")[..., :224, :224]
                total += (net(picture * masks)[:, 1, None, None] * masks[:, 0]).sum(0)
        return total

    return lambda: run


def zennit(net: Any, x: Any, composite: str) -> Callable[[], Run]:
    """Explain with a composite of zennit and its canonizer for ResNets, which folds BatchNorms."""
    import torch
    from zennit import composites, rules, types
    from zennit.attribution import Gradient
    from zennit.torchvision import ResNetCanonizer

    options = {"canonizers": [ResNetCanonizer()]}
    chosen = {
        "epsilon": lambda: composites.LayerMapComposite(
            [*composites.layer_map_base(), (types.Linear, rules.Epsilon())], **options
        ),
        "epsilon_plus_flat": lambda: composites.EpsilonPlusFlat(**options),
    }[composite]()
    seed = torch.eye(1000)[[1] * len(x)]

    def run() -> Any:
        with Gradient(net, chosen) as attributor:
            return attributor(torch.from_numpy(x), seed)

    return lambda: run


def captum(net: Any, x: Any, method: str) -> Callable[[], Run]:
    """Explain with captum."""
    import torch
    from captum import attr

    picture, many = torch.from_numpy(x), {"perturbations_per_eval": AT_ONCE}
    given = settings_of(method)
    patches = {"feature_mask": torch.from_numpy(features())[None, None], "n_samples": given.get("samples"), **many}
    side = (3, given.get("window"), given.get("window"))
    explainer, options = {
        "deeplift": (attr.DeepLift, {}),
        "integrated_gradients": (attr.IntegratedGradients, {"n_steps": given.get("steps")}),
        "smoothgrad": (
            lambda net: attr.NoiseTunnel(attr.Saliency(net)),
            {"nt_samples": given.get("samples"), "stdevs": SIGMA, "abs": False},
        ),
        "occlusion": (attr.Occlusion, {"sliding_window_shapes": side, "strides": side, **many}),
        "lime": (attr.Lime, patches),
        "kernel_shap": (attr.KernelShap, patches),
        "grad_cam": (lambda net: attr.LayerGradCam(net, net.layer4), {}),
        "guided_backprop": (attr.GuidedBackprop, {}),
    }[method]
    made = explainer(net)
    return lambda: lambda: made.attribute(picture, target=1, **options)


def lime(net: Any, x: Any) -> Callable[[], Run]:
    """Explain with the library of the authors of LIME."""
    import torch
    from lime.lime_image import LimeImageExplainer

    def scores(pictures: Any) -> Any:
        with torch.no_grad():
            return net(torch.from_numpy(np.moveaxis(pictures, -1, 1).astype("f"))).numpy()

    about = {"labels": (1,), "top_labels": None, "batch_size": AT_ONCE}
    picture, count = np.moveaxis(x[0], 0, -1).astype(float), settings_of("lime")["samples"]
    return lambda: (
        lambda: LimeImageExplainer().explain_instance(
            picture, scores, num_samples=count, segmentation_fn=lambda _: features(), **about
        )
    )


def shap(net: Any, x: Any) -> Callable[[], Run]:
    """Explain with shap's KernelExplainer, whose features are the patches of the picture."""
    import torch
    from shap import KernelExplainer

    patches = torch.from_numpy(features())
    picture, count = torch.from_numpy(x), settings_of("kernel_shap")["samples"]

    def scores(shown: Any) -> Any:
        masks = torch.from_numpy(shown.astype("f"))[:, patches][:, None]
        with torch.no_grad():
            return np.concatenate([net(picture * each)[:, 1].numpy() for each in masks.split(AT_ONCE)])

    number = int(patches.max()) + 1
    explainer = KernelExplainer(scores, np.zeros((1, number)))
    return lambda: lambda: explainer.shap_values(np.ones((1, number)), nsamples=count, silent=True)


def grad_cam(net: Any, x: Any) -> Callable[[], Run]:
    """Explain with pytorch-grad-cam."""
    import torch
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    explainer = GradCAM(model=net, target_layers=[net.layer4])
    return lambda: lambda: explainer(input_tensor=torch.from_numpy(x), targets=[ClassifierOutputTarget(1)])


PEERS: dict[str, tuple[str, Callable[..., Callable[[], Run]]]] = {
    "torch:gradient": ("torch", torch_gradient),
    "torch:rise": ("torch", torch_rise),
    "zennit": ("zennit", zennit),
    "captum": ("captum", captum),
    "lime": ("lime", lime),
    "shap": ("shap", shap),
    "pytorch-grad-cam": ("pytorch_grad_cam", grad_cam),
}
"""By the name of a contender, or its beginning: the module that it needs, and the function that loads it."""


def peer(name: str, net: Any, x: Any) -> Callable[[], Run]:
    """Load the contender of another library by its name."""
    if name in PEERS:
        return PEERS[name][1](net, x)
    library, _, what = name.partition(":")
    return PEERS[library][1](net, x, what)


def module_of(name: str) -> str:
    """Return the module that the contender of another library needs."""
    return PEERS[name if name in PEERS else name.partition(":")[0]][0]
