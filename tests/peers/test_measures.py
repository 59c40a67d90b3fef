"""Measures against captum's and Quantus', live, on the same maps and the same perturbations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from nets import SHARED, network, node, relu_cnn

import onnxplain as ox
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.fill import fill
from onnxplain.measure.infidelity import Infidelity
from onnxplain.measure.judged import judges
from onnxplain.measure.sensitivity import Sensitivity
from onnxplain.measure.similarity import spearman, ssim, unit

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.peer


def small():
    model, x = relu_cnn()
    model = ox.load(model, precision="float64")
    return EvaluationSet.of(model, x, None, 0.2, 5)


# --- captum: its functions take any forward and any explanation -------------------------------------------------------


@pytest.fixture(scope="module")
def captum():
    return pytest.importorskip("captum.metrics", reason="captum is not installed")


@pytest.mark.parametrize("method", ["gradient", "deeplift", "lrp.epsilon"])
def test_infidelity_equals_captum(captum, method):
    """Contributions are divided by x - x₀, as captum says for attributions that are multiplied by the input."""
    data = small()
    judged, measure = judges([method], data)[0], Infidelity(samples=20)
    found = measure(data, judged)
    for i, target in enumerate(data.target):
        x, baseline = (
            torch.from_numpy(data.batch.x[i : i + 1]).double(),
            torch.from_numpy(data.baseline_of(i).copy()).double(),
        )
        hidden = torch.from_numpy(measure.masks((11, 9), data.rng(i))[:, None]) * (x - baseline)
        slopes = torch.from_numpy(judged.maps.attribution[i : i + 1].astype(float))
        slopes = slopes if method == "gradient" else slopes / (x - baseline)

        def score(points, i=i, target=target):
            return torch.from_numpy(data.scores(data.moved(i, points.numpy()))[:, target])

        for name, normalise in (("infidelity", False), ("unexplained", True)):
            theirs = captum.infidelity(
                score, lambda _, h=hidden, x=x: (h, x - h), x, slopes, n_perturb_samples=20, normalize=normalise
            )
            size = (score(x) - score(x - hidden)).pow(2).mean() if normalise else 1.0
            np.testing.assert_allclose(found.values[name][i], (theirs / size).item(), rtol=1e-5)


def test_sensitivity_equals_captum(captum):
    data = small()
    judged, measure = judges(["lrp.epsilon"], data)[0], Sensitivity(samples=6, radius=0.05)
    found = measure(data, judged)
    for i, target in enumerate(data.target):
        near = torch.from_numpy(np.stack(list(measure.near(data, i))))

        def explain(points, i=i, target=target):
            rows = points[0].numpy()
            return (torch.from_numpy(judged.at(data.moved(i, rows), [target] * len(rows)).attribution),)

        x = torch.from_numpy(data.batch.x[i : i + 1])
        theirs = captum.sensitivity_max(explain, x, perturb_func=lambda *_, near=near: (near,), n_perturb_samples=6)
        assert found.values["max_sensitivity"][i] == pytest.approx(theirs.item(), rel=1e-6)


# --- Quantus: it takes a torch module, and numpy maps -----------------------------------------------------------------


@pytest.fixture(scope="module")
def quantus():
    if SHARED.is_dir():
        import peers.zoo  # noqa: F401  declares operators without which torchvision, which Quantus wants, fails
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("quantus", reason="Quantus is not installed")


class Run(torch.nn.Module):
    """The scores of a data's model."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def forward(self, x):
        return torch.from_numpy(self.data.scores(self.data.batch.moved("x", x.numpy().astype("f"))))


def judged_by(quantus, metric, data, maps):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = data.batch.x, np.array(data.target)
        return np.array(
            metric(model=Run(data).eval(), x_batch=x, y_batch=y, a_batch=maps, channel_first=True, softmax=False)
        )


@pytest.mark.parametrize(("order", "curve"), [("morf", "morf"), ("lerf", "lerf")])
def test_pixel_flipping_equals_region_perturbation_of_quantus(quantus, order, curve):
    """Its curves lack the start; a picture of whole regions, so that no padding comes in."""
    rng = np.random.default_rng(0)
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Flatten", "r", "f"), node("Gemm", "f v", "y")]
    weights = {"w": rng.normal(size=(4, 3, 3, 3)).astype("f"), "v": rng.normal(size=(4 * 36, 3)).astype("f")}
    x = rng.normal(size=(3, 3, 8, 8)).astype("f")
    data = EvaluationSet.of(ox.load(network(nodes, x.shape, weights)), x, None, 0.0, 5)
    judged = judges(["lrp.epsilon"], data)[0]
    found = ox.evaluate(data.model, x, ["lrp.epsilon"], random_seed=5, region=2, steps=9)
    fills = np.stack([fill("uniform", data, i, data.rng(i)) for i in range(3)]).reshape(3, -1)

    def put(arr, indices, **_):
        arr = arr.copy()
        np.put_along_axis(arr, indices, np.take_along_axis(fills, indices, 1), 1)
        return arr

    metric = quantus.RegionPerturbation(
        patch_size=2, order=order, regions_evaluation=9, perturb_func=put, normalise=False, abs=False,
        disable_warnings=True, return_aggregate=False, display_progressbar=False,
    )  # fmt: skip
    theirs = judged_by(quantus, metric, data, judged.maps.attribution)
    ours = found["pixel_flipping", "lrp.epsilon"].curves[curve]
    np.testing.assert_allclose(ours[:, 1:], theirs, rtol=1e-4, atol=1e-5)


def test_deletion_equals_pixel_flipping_of_quantus(quantus):
    """It deletes features, so the input has one channel; its curves lack the start."""
    rng = np.random.default_rng(0)
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Flatten", "r", "f"), node("Gemm", "f v", "y")]
    weights = {"w": rng.normal(size=(4, 1, 3, 3)).astype("f"), "v": rng.normal(size=(4 * 36, 3)).astype("f")}
    x = rng.normal(size=(3, 1, 8, 8)).astype("f")
    data = EvaluationSet.of(ox.load(network(nodes, x.shape, weights)), x, None, 0.0, 0)
    maps = judges(["deeplift"], data)[0].maps.attribution
    found = ox.evaluate(data.model, x, ["deeplift"], "insertion_deletion", steps=16, score="logit")
    metric = quantus.PixelFlipping(
        features_in_step=4, perturb_baseline=0.0, normalise=False, abs=False,
        disable_warnings=True, return_aggregate=False, display_progressbar=False,
    )  # fmt: skip
    theirs = judged_by(quantus, metric, data, maps)
    np.testing.assert_allclose(found["insertion_deletion", "deeplift"].curves["deletion"][:, 1:], theirs, atol=1e-5)


def test_similarities_equal_those_of_quantus(quantus):
    a, b = (unit(each) for each in np.random.default_rng(0).normal(size=(2, 20, 17)))
    assert spearman(a, b) == pytest.approx(quantus.similarity_func.correlation_spearman(a.ravel(), b.ravel()))
    # its data range is that of both maps, here 0..1
    assert max(a.max(), b.max()) - min(a.min(), b.min()) == pytest.approx(1, abs=1e-2)
    assert ssim(a, b) == pytest.approx(quantus.similarity_func.ssim(a, b), abs=1e-3)


# --- localisation, concentration and ROAD -----------------------------------------------------------------------------


def by_quantus(metric, maps, masks=None, model=None, x=None, y=None):
    """The numbers of a metric that reads maps [N, H, W], and masks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = np.zeros((len(maps), 1, *maps.shape[1:])) if x is None else x
        given = {} if masks is None else {"s_batch": masks[:, None]}
        y = np.zeros(len(maps), int) if y is None else y
        return np.array(metric(model=model, x_batch=x, y_batch=y, a_batch=maps[:, None].copy(), **given))


QUIET = {"normalise": False, "disable_warnings": True, "return_aggregate": False, "display_progressbar": False}


def maps_and_masks():
    rng = np.random.default_rng(0)
    maps, masks = rng.normal(size=(6, 8, 9)), np.zeros((6, 8, 9), bool)
    for i, (mask, relevance) in enumerate(zip(masks, maps, strict=True)):
        mask[i : i + 3, 2:7] = True
        relevance[mask] += 1
    return maps, masks


def test_localisation_equals_quantus(quantus):
    """Of the mass it takes the sum of all relevance, which is a share for positive maps alone, as in its paper.

    Where positions tie, it counts a hit if any of them lies inside, so that a constant map always hits; here the share
    of them that lies inside counts.
    """
    from onnxplain.measure.localisation import pointing_game, relevance_mass, relevance_rank

    maps, masks = maps_and_masks()
    pairs = (
        (pointing_game, quantus.PointingGame, maps),
        (relevance_rank, quantus.RelevanceRankAccuracy, maps),
        (relevance_mass, quantus.RelevanceMassAccuracy, np.maximum(maps, 0)),
    )
    for ours, theirs, judged in pairs:
        found = [ours(*pair) for pair in zip(judged, masks, strict=True)]
        np.testing.assert_allclose(found, by_quantus(theirs(abs=False, **QUIET), judged, masks), rtol=1e-12)
    flat = np.ones_like(maps)
    flat[:, 0, 0] = 0  # it refuses a constant map
    assert by_quantus(quantus.PointingGame(abs=False, **QUIET), flat, masks).min() == 1
    assert pointing_game(flat[0], masks[0]) == masks[0].sum() / 71


def test_concentration_equals_quantus(quantus):
    """It adds 1e-7 to each |R| for the Gini index, and 1e-12 to each share for the entropy."""
    from onnxplain.measure.concentration import entropy, gini

    maps, _ = maps_and_masks()
    for ours, theirs in ((gini, quantus.Sparseness), (entropy, quantus.Complexity)):
        found = [ours(each) for each in maps]
        np.testing.assert_allclose(found, by_quantus(theirs(abs=True, **QUIET), maps), rtol=1e-6)


def test_imputation_equals_quantus(quantus, monkeypatch):
    from onnxplain.measure import imputation

    monkeypatch.setattr(imputation, "TOLERANCE", 1e-12)
    rng = np.random.default_rng(0)
    x, removed = rng.normal(size=(3, 12, 9)), rng.random((12, 9)) < 0.6
    theirs = quantus.functions.perturb_func.noisy_linear_imputation(x, np.flatnonzero(removed), noise=0.0)
    np.testing.assert_allclose(imputation.imputed(x, removed), theirs, atol=1e-9)


def test_road_equals_quantus(quantus):
    """A picture of one channel, as it removes features; it removes the most relevant first, and has no start."""
    rng = np.random.default_rng(0)
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Flatten", "r", "f"), node("Gemm", "f v", "y")]
    weights = {"w": rng.normal(size=(4, 1, 3, 3)).astype("f"), "v": rng.normal(size=(4 * 64, 3)).astype("f")}
    x = rng.normal(size=(12, 1, 10, 10)).astype("f")
    data = EvaluationSet.of(ox.load(network(nodes, x.shape, weights)), x, None, 0.0, 0)
    judged = judges(["gradient"], data)[0]
    found = ox.evaluate(data.model, x, ["gradient"], "road", noise=0.0)
    metric = quantus.ROAD(percentages=[*range(10, 100, 10)], noise=0.0, abs=False, **QUIET)
    theirs = judged_by(quantus, metric, data, judged.maps.attribution).item()
    ours = found["road", "gradient"].curves["morf"][:, 1:].mean(0)
    assert 0.1 < ours.mean() < 0.9
    np.testing.assert_allclose(ours, [theirs[each] for each in range(10, 100, 10)])
