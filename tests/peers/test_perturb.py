"""Methods that perturb: against captum on the same samples, and on models by scikit-learn and a quantiser."""

from __future__ import annotations

import numpy as np
import pytest
from nets import BUNDLED, DIGITS, digits, relu_cnn

import onnxplain as ox
from onnxplain.graph.runtime import open_session

pytestmark = pytest.mark.peer
BLOCKS = np.arange(99).reshape(11, 9) // 20  # five superpixels


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def forward(torch, model):
    """The file as a function of torch tensors, for captum."""
    session = open_session(model)
    return lambda x: torch.tensor(session.run(None, {"x": np.asarray(x, np.float32)})[0])


def test_captum_s_occlusion(torch):
    attr = pytest.importorskip("captum.attr")
    model, x = relu_cnn()
    ours = ox.explain(ox.load(model), x, "occlusion", target=2, window=3, stride=2, baseline=0.3)
    theirs = attr.Occlusion(forward(torch, model)).attribute(
        torch.tensor(x), (3, 3, 3), strides=(3, 2, 2), baselines=0.3, target=2
    )
    # captum gives the whole drop to every place of a window, in every channel
    np.testing.assert_allclose(ours.relevance * 9, theirs.numpy()[:, 0], atol=1e-5)


def test_captum_s_exact_shapley_values(torch):
    attr = pytest.importorskip("captum.attr")
    model, x = relu_cnn()
    ours = ox.explain(ox.load(model), x[:1], "kernel_shap", target=1, superpixels=BLOCKS, value="baseline")
    mask = torch.tensor(BLOCKS)[None, None].expand(1, 3, 11, 9).contiguous()
    theirs = attr.ShapleyValues(forward(torch, model)).attribute(torch.tensor(x[:1]), feature_mask=mask, target=1)
    sums = np.bincount(BLOCKS.ravel(), ours.relevance[0].ravel())
    np.testing.assert_allclose(sums, [theirs.numpy()[0, 0][label == BLOCKS][0] for label in range(5)], atol=1e-5)


def test_captum_s_kernel_shap_is_near(torch):
    attr = pytest.importorskip("captum.attr")
    model, x = relu_cnn()
    torch.manual_seed(0)
    mask = torch.tensor(BLOCKS)[None, None].expand(1, 3, 11, 9).contiguous()
    theirs = attr.KernelShap(forward(torch, model)).attribute(
        torch.tensor(x[:1]), feature_mask=mask, target=1, n_samples=2000
    )
    ours = ox.explain(ox.load(model), x[:1], "kernel_shap", target=1, superpixels=BLOCKS, value="baseline")
    sums = np.bincount(BLOCKS.ravel(), ours.relevance[0].ravel())
    captum = np.array([theirs.numpy()[0, 0][label == BLOCKS][0] for label in range(5)])
    np.testing.assert_allclose(sums, captum, atol=0.05 * np.abs(captum).max())


def test_captum_s_lime_on_the_same_samples(torch):
    attr, models = (pytest.importorskip(name) for name in ("captum.attr", "captum._utils.models.linear_model"))
    pytest.importorskip("sklearn")
    model, x = relu_cnn()
    keep = np.random.default_rng(5).integers(0, 2, (40, 5), np.int8)
    keep[0] = 1
    draws = iter(torch.tensor(keep[:, None], dtype=torch.float32))
    lime = attr.LimeBase(
        forward(torch, model),
        models.model.SkLearnLinearModel("linear_model.Ridge", alpha=1.0),
        similarity_func=lambda _, __, z, **___: np.exp(-((1 - (z.mean() ** 0.5).item()) ** 2) / 0.25**2) ** 0.5,
        perturb_func=lambda *_, **__: next(draws),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda z, original, **_: original * z[0][torch.tensor(BLOCKS)],
        to_interp_rep_transform=None,
    )
    theirs = lime.attribute(torch.tensor(x[:1]), target=1, n_samples=40, additional_forward_args=None)
    ours = ox.explain(
        ox.load(model), x[:1], "lime", target=1, superpixels=BLOCKS, value="baseline", samples=40, random_seed=5
    )
    sums = np.bincount(BLOCKS.ravel(), ours.relevance[0].ravel())
    np.testing.assert_allclose(sums, theirs.numpy().ravel(), atol=1e-4 * np.abs(sums).max())


@pytest.mark.parametrize("name", ["RandomForestClassifier", "GradientBoostingClassifier"])
def test_ensembles_by_scikit_learn(name):
    ensemble = pytest.importorskip("sklearn.ensemble")
    convert = pytest.importorskip("skl2onnx").to_onnx
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype("f")
    labels = (x[:, 1] + x[:, 3] > 0).astype(int) + (x[:, 1] > 1)
    fitted = getattr(ensemble, name)(max_depth=4, random_state=0).fit(x, labels)
    model = ox.load(convert(fitted, x[:1], options={"zipmap": False}))
    row, baseline = x[:1], x.mean(0)
    e = ox.explain(model, row, "kernel_shap", baseline=baseline)
    asked = ox.explain(model, baseline[None], "occlusion", target=int(e.target[0]))
    np.testing.assert_allclose(e.attribution.sum(), e.score - asked.score, atol=1e-5)
    assert e.target[0] == fitted.predict(row)[0]
    top = set(np.argsort(np.abs(e.attribution[0]))[-2:])
    assert top & {1, 3}, "columns that decide come first"


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_model_quantised_by_onnxruntime(tmp_path, form):
    quantization = pytest.importorskip("onnxruntime.quantization")
    prepared = digits()
    pictures = iter([{"image": prepared.preprocess(path)} for path in _open(DIGITS)])
    name = next(v.name for v in prepared.canonical.graph.inputs)

    class Reader(quantization.CalibrationDataReader):
        def get_next(self):
            found = next(pictures, None)
            return found and {name: found["image"]}

    path = tmp_path / "int8.onnx"
    quantization.quantize_static(
        str(BUNDLED / "digits_cnn_torch.onnx"),
        str(path),
        Reader(),
        quant_format=getattr(quantization.QuantFormat, form),
    )
    integer = ox.load(path, preprocess=BUNDLED / "digits_cnn_torch.preprocess.json")
    a, b = (ox.explain(model, DIGITS[3], "occlusion", target=3) for model in (prepared, integer))
    assert np.corrcoef(a.relevance.ravel(), b.relevance.ravel())[0, 1] > 0.95, "int8 looks where float32 looks"
    (scores,) = open_session(integer.proto).run([integer.canonical.scores], {name: b.inputs})
    np.testing.assert_allclose(b.prediction, scores.reshape(1, -1), atol=1e-5)


def _open(paths):
    from PIL import Image

    return [Image.open(path) for path in paths]
