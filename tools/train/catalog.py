"""What is known of each model before it is trained: the script that makes it, its input, and texts for its card."""

from dataclasses import dataclass
from typing import Literal

Layout = Literal["nchw", "nhwc", "pixels", "measurements"]
"""The input of a model: pictures with channels first (nchw) or last (nhwc), 64 raw pixels, or 13 measurements."""


@dataclass(frozen=True)
class Entry:
    """One model. summary: for the table in models/README.md; output, about: for the card of the model."""

    name: str
    script: str
    layout: Layout
    summary: str
    output: str
    about: str

    @property
    def data(self) -> Literal["digits", "wine"]:
        """The data set that the model is trained on."""
        return "wine" if self.layout == "measurements" else "digits"

    @property
    def takes_pictures(self) -> bool:
        """Whether the input is a picture, so that a preprocess.json belongs to the model."""
        return self.layout in ("nchw", "nhwc")


ZIPMAP = (
    "`output_label` (int64 [N], the predicted class) and `output_probability` (one map from class to "
    "probability per row, made by the ZipMap at the end)"
)

ENTRIES = (
    Entry(
        "digits_cnn_torch",
        "digits_cnn_torch.py",
        "nchw",
        "residual CNN, BatchNorm not folded",
        "`logits`, float32 [N, 10]; no softmax",
        "A small residual CNN: a stem, one residual block, max pooling, a strided convolution, global "
        "average pooling and a dense layer, with BatchNorm after every convolution. The exporter was told to "
        "leave BatchNorm in the file instead of folding it into the convolutions.\n\n"
        "`digits_cnn_keras` is the same network with the same weights, as another exporter writes it: the "
        "softmax of these logits and the probabilities of that file agree to 1e-5.",
    ),
    Entry(
        "digits_cnn_keras",
        "digits_cnn_keras.py",
        "nhwc",
        "the same CNN, channels last, with softmax",
        "`head`, float32 [N, 10]; probabilities, from a softmax in the file",
        "The network of `digits_cnn_torch`, rebuilt in Keras and filled with the weights PyTorch found; "
        "nothing was trained in Keras. The input is channels last, the exporter has folded BatchNorm into "
        "the convolutions, and the file ends in a softmax. Its probabilities and the softmax of the other "
        "file's logits agree to 1e-5.",
    ),
    Entry(
        "digits_cnn_dynamo",
        "digits_cnn_dynamo.py",
        "nchw",
        "depthwise CNN, SiLU and GELU",
        "`logits`, float32 [N, 10]; no softmax",
        "A second small CNN, made of what the residual one lacks: a depthwise convolution followed by a "
        "pointwise one, SiLU and GELU instead of ReLU, average pooling, and a flattening head. The exporter "
        "has folded its one BatchNorm into the depthwise convolution and writes SiLU as Sigmoid and Mul.",
    ),
    Entry(
        "digits_mlp_sklearn",
        "digits_sklearn.py",
        "pixels",
        "StandardScaler + MLPClassifier",
        ZIPMAP,
        "A scikit-learn pipeline: StandardScaler, then an MLPClassifier with hidden layers of 48 and 24 "
        "ReLUs. Exported with skl2onnx's default options, so that the file ends as most such files do.",
    ),
    Entry(
        "digits_linear_sklearn",
        "digits_sklearn.py",
        "pixels",
        "LogisticRegression",
        ZIPMAP,
        "Multinomial logistic regression on the raw pixels. One weight per pixel and class: the model for "
        "which the right attribution can be written down by hand.",
    ),
    Entry(
        "digits_forest_sklearn",
        "digits_sklearn.py",
        "pixels",
        "RandomForestClassifier",
        ZIPMAP,
        "A random forest of 20 trees with at most 40 leaves each, in one TreeEnsembleClassifier node. It is "
        "piecewise constant: it has no useful gradient, so only methods that perturb the input apply.",
    ),
    Entry(
        "wine_mlp_torch",
        "wine_mlp_torch.py",
        "measurements",
        "MLP for a table, normalises its input",
        "`logits`, float32 [N, 3]; no softmax",
        "A tabular MLP with hidden layers of 16 and 8 ReLUs. The normalisation is part of the graph, so "
        "attributions land on the measurements in their own units.",
    ),
)
