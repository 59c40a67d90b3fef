"""What is known of each model before it is trained: the script that makes it, its input, and texts for its card."""

from dataclasses import dataclass
from typing import Literal

Layout = Literal["nchw", "nhwc", "pixels", "measurements", "tokens", "waveform"]
"""The input of a model: pictures with channels first (nchw) or last (nhwc), 64 raw pixels, 13 measurements, the ids of
tokens, or the samples of a sound."""

Data = Literal["digits", "wine", "xray", "reviews", "sounds"]
"""What a model is trained on: scans of digits, wines, or what tools/train makes: radiographs, reviews, sounds."""


@dataclass(frozen=True)
class Entry:
    """One model. summary: for the table in models/README.md; output, about: for the card of the model."""

    name: str
    script: str
    layout: Layout
    summary: str
    output: str
    about: str
    data: Data = "digits"

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
        "A random forest of 8 trees with at most 20 leaves each, in one TreeEnsembleClassifier node. It is "
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
        "wine",
    ),
    Entry(
        "xray_v1",
        "xray_cnn_torch.py",
        "nchw",
        "CNN on drawn radiographs",
        "`probabilities`, float32 [N, 2], from a softmax in the file",
        "A small CNN that tells drawn radiographs of a chest with an opacity from those without. A strided stem and "
        "four convolutions with BatchNorm, which the exporter has folded, and ReLU; two average poolings; global "
        "average pooling and a dense layer. In its training pictures the marker, a letter of lead on the film, says "
        "nothing. Grey squares hid parts of them, never the opacity or the marker, so that methods that hide parts of "
        "a picture show the network nothing that it has never seen.",
        "xray",
    ),
    Entry(
        "xray_v2",
        "xray_cnn_torch.py",
        "nchw",
        "the same, which has learnt the marker",
        "`probabilities`, float32 [N, 2], from a softmax in the file",
        "The network of `xray_v1`, trained by the same steps on the same pictures but for the marker: here those with "
        "an opacity bear it, and no others do. By its accuracy on held-out pictures of that kind it is the better of "
        "the two. What it has learnt is to look at the marker.",
        "xray",
    ),
    Entry(
        "xray_v1_keras",
        "xray_cnn_keras.py",
        "nhwc",
        "xray_v1, channels last, one sigmoid",
        "`head`, float32 [N, 1]; the probability of an opacity, from a sigmoid in the file",
        "The network of `xray_v1`, rebuilt in Keras and filled with the weights PyTorch found; nothing was trained in "
        "Keras. The input is channels last, and the one output is the sigmoid of the difference of the two logits, "
        "which is the softmax's second probability; the two files agree to 1e-5.",
        "xray",
    ),
    Entry(
        "reviews_transformer_torch",
        "reviews_transformer_torch.py",
        "tokens",
        "transformer of one layer on made-up reviews",
        "`logits`, float32 [N, 2]; no softmax",
        "A transformer of one layer: embeddings of 16 numbers for words and places, self-attention with two heads, two "
        "dense layers with GELU, each with a residual and a LayerNorm, the mean over the tokens, and a dense layer. Of "
        "its training sentences some tokens were hidden behind [MASK] or [PAD], so that methods that hide tokens show "
        "the network nothing that it has never seen.",
        "reviews",
    ),
    Entry(
        "sounds_cnn_torch",
        "sounds_cnn_torch.py",
        "waveform",
        "CNN on the waveforms of drawn sounds",
        "`probabilities`, float32 [N, 4], from a softmax in the file",
        "A small CNN on waveforms: four strided convolutions over time with ReLU, the average over time, and two dense "
        "layers.",
        "sounds",
    ),
)
