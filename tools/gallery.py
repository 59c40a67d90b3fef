"""Draw the pictures of the README from the bundled models, and save them in models/gallery/."""

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
    """Explain three digits by each of the methods."""
    model = ox.load(MODELS / "digits_cnn_torch.onnx", preprocess=MODELS / "digits_cnn_torch.preprocess.json")
    pictures = sorted((MODELS / "images").glob("digit_*.png"))
    return ox.compare(model, [pictures[i] for i in (3, 5, 8)], methods)


def wine() -> ox.Comparison:
    """Explain one wine by two methods that walk backward and by Shapley values."""
    names = {"labels": MODELS / "wine.labels.txt", "features": MODELS / "wine.features.txt"}
    model = ox.load(MODELS / "wine_mlp_torch.onnx", **names)
    return ox.compare(model, [MODELS / "wine_sample.npy"], ["deeplift", "lrp.epsilon_plus_flat", "kernel_shap"])


def main() -> None:
    """Draw and save all pictures."""
    folder = MODELS / "gallery"
    folder.mkdir(exist_ok=True)
    digits(WALKS).save(folder / "digits_walked.png")
    digits(OTHERS).save(folder / "digits_perturbed.png")
    wine().save(folder / "wine.png")


if __name__ == "__main__":
    main()
