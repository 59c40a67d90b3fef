"""Draw the README's gallery from the bundled models into models/gallery/, one picture a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Sequence

MODELS = Path(__file__).resolve().parents[1] / "models"
WALKS = ("gradient", "guided_backprop", "lrp.epsilon_plus_flat", "deeplift", "integrated_gradients")
OTHERS = ("grad_cam", "occlusion", "rise", "lime", "meaningful_perturbation")


def digits(methods: Sequence[str]) -> ox.Comparison:
    """Three digits by some methods."""
    model = ox.load(MODELS / "digits_cnn_torch.onnx", preprocess=MODELS / "digits_cnn_torch.preprocess.json")
    pictures = sorted((MODELS / "images").glob("digit_*.png"))
    return ox.compare(model, [pictures[i] for i in (3, 5, 8)], methods)


def wine() -> ox.Comparison:
    """One bottle, by two walks and by Shapley values."""
    names = {"labels": MODELS / "wine.labels.txt", "features": MODELS / "wine.features.txt"}
    model = ox.load(MODELS / "wine_mlp_torch.onnx", **names)
    return ox.compare(model, [MODELS / "wine_sample.npy"], ["deeplift", "lrp.epsilon_plus_flat", "kernel_shap"])


def main() -> None:
    """Write all pictures."""
    folder = MODELS / "gallery"
    folder.mkdir(exist_ok=True)
    digits(WALKS).save(folder / "digits_walked.png")
    digits(OTHERS).save(folder / "digits_perturbed.png")
    wine().save(folder / "wine.png")


if __name__ == "__main__":
    main()
