"""Methods that learn a mask: their parts against finite differences and torch, and what they find."""

from __future__ import annotations

import numpy as np
import pytest
from one import slopes
from perturb.rows import Plain, picture

from onnxplain.errors import UsageError
from onnxplain.perturb.extremal_perturbation import ExtremalPerturbation, _out_of, _seen
from onnxplain.perturb.meaningful_perturbation import Adam, MeaningfulPerturbation, _rough
from onnxplain.perturb.smooth_mask import SmoothMask


def spot(seed=0):
    """A picture, and a function that sees a square of it only: F = s(c · (x in the square)), with its derivative."""
    x = np.zeros((1, 24, 24))
    x[0, 6:12, 4:10] = np.random.default_rng(seed).normal(size=(6, 6)) * 2
    w = np.zeros_like(x)
    w[0, 6:12, 4:10] = x[0, 6:12, 4:10] / 10
    f = lambda row: float(1 / (1 + np.exp(3 - (w * row).sum())))  # noqa: E731
    return x, f, lambda row: f(row) * (1 - f(row)) * w


def test_meaningful_perturbation_deletes_what_the_score_depends_on():
    x, f, slope = spot()
    found = MeaningfulPerturbation(steps=150).explain(Plain(x, f, slope, channel_axis=0))
    inside = found.map[6:12, 4:10].mean()
    outside = np.delete(np.delete(found.map, np.s_[2:16], 0), np.s_[0:14], 1).mean()
    assert inside > 0.4 and outside < 0.1
    assert found.raw.min() >= 0 and found.raw.max() <= 1


def test_extremal_perturbation_keeps_it_and_keeps_to_the_area():
    x, f, slope = spot()
    method = ExtremalPerturbation(areas=(0.1, 0.3), steps=300, flip=False, sigma=3.0, step=2)
    row = Plain(x, lambda row: 20 * f(row), lambda row: 20 * slope(row), channel_axis=0)
    found = method.explain(row)
    assert found.raw.shape == (2, 24, 24) and found.map.shape == (24, 24)
    np.testing.assert_allclose(found.raw.mean((1, 2)), [0.1, 0.3], atol=0.05)
    small = found.raw[0]
    assert small[6:12, 4:10].mean() > 0.5 and small[:, 14:].mean() < 0.1
    assert sum(row.asked) == method.count(row) == 600


@pytest.mark.parametrize("method", [MeaningfulPerturbation(steps=2), ExtremalPerturbation(steps=2)])
@pytest.mark.parametrize("shape", [(20, 3), (20, 1), (7, 9, 3)])
def test_every_shape_of_neighbours(method, shape):
    axis = 2 if len(shape) == 3 else None
    found = method.explain(Plain(picture(shape), lambda row: float(row.sum()), np.ones_like, channel_axis=axis))
    assert found.map.shape == shape[:2] and np.isfinite(found.map).all()


@pytest.mark.parametrize("method", [MeaningfulPerturbation(), ExtremalPerturbation()])
def test_a_table_is_refused(method):
    with pytest.raises(UsageError, match="kernel_shap"):
        method.explain(Plain(np.ones(5), float, np.ones_like))


@pytest.mark.parametrize("size", [(9, 7), (1, 8), (4, 4)])
def test_the_smooth_mask_s_adjoint_is_its_derivative(size, monkeypatch):
    monkeypatch.setattr(np, "float32", np.float64)
    mask = SmoothMask(size, 3, 4.0)
    rng = np.random.default_rng(0)
    cells, g = rng.random(mask.cells), rng.normal(size=size)
    derivative, _ = slopes(lambda c: mask(c)[0], g, cells)
    np.testing.assert_allclose(mask.adjoint(g, mask(cells)[1]), derivative, atol=1e-7)


def test_the_smooth_mask_place_by_place():
    mask = SmoothMask((7, 5), 2, 3.0)
    cells = np.random.default_rng(0).random(mask.cells)
    got = mask(cells)[0]
    for i, j in np.ndindex(7, 5):
        parts = []
        for a in range(i // 2 - 3, i // 2 + 4):  # the reach is 1 + ceil(3 / 2) cells, in whose middle discs lie
            for b in range(j // 2 - 3, j // 2 + 4):
                inside = 0 <= a < 4 and 0 <= b < 3
                distance = np.hypot(i - 2 * a - 0.5, j - 2 * b - 0.5) / 3.0
                parts.append(np.exp(-2 * max(distance - 0.5, 0) ** 2) * (cells[a, b] if inside else 0.0))
        odds = np.exp(20 * np.array(parts))
        np.testing.assert_allclose(got[i, j], (odds * parts).sum() / odds.sum(), rtol=1e-5)


def test_derivatives_of_the_terms():
    rng = np.random.default_rng(0)
    mask, one = rng.random((6, 5)), np.ones(())
    roughness = lambda m: sum((np.abs(np.diff(m, axis=a)) ** 3).sum() for a in (0, 1))  # noqa: E731
    np.testing.assert_allclose(_rough(mask, 3.0), slopes(roughness, one, mask)[0], atol=1e-6)
    wanted = np.arange(30) >= int(30 * 0.8)
    ranking = lambda m: ((np.sort(m.ravel()) - wanted) ** 2).mean()  # noqa: E731
    np.testing.assert_allclose(_out_of(mask, 0.2), slopes(ranking, one, mask)[0], atol=1e-7)


def test_the_pyramid_of_blurs_is_linear_between_levels():
    row = Plain(picture(), float, channel_axis=0)
    pyramid = ExtremalPerturbation(levels=4)._pyramid(row)
    np.testing.assert_array_equal(pyramid[-1], row.x)
    assert (np.diff(pyramid.std((1, 2, 3))) > 0).all(), "from the most blurred to x"
    mask, g = np.random.default_rng(0).random((1, 12, 10)), np.random.default_rng(1).normal(size=(1, 3, 12, 10))
    derivative, kink = slopes(lambda m: _seen(row, pyramid, m)[0], g, mask)
    got = (g * _seen(row, pyramid, mask)[1]).sum(1)
    np.testing.assert_allclose(got[kink < 1e-6], derivative[kink < 1e-6], atol=1e-6)
    np.testing.assert_allclose(_seen(row, pyramid, np.ones((1, 12, 10)))[0][0], row.x, rtol=1e-14)


def test_adam_is_torch_s():
    torch = pytest.importorskip("torch")
    start = np.random.default_rng(0).normal(size=5)
    theirs = torch.tensor(start, requires_grad=True)
    optimiser, adam, ours = torch.optim.Adam([theirs], lr=0.1), Adam(0.1), start
    for _ in range(20):
        optimiser.zero_grad()
        (theirs**4).sum().backward()
        optimiser.step()
        ours = adam.step(ours, 4 * ours**3)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    "method",
    [
        MeaningfulPerturbation(stride="8"),
        MeaningfulPerturbation(jitter=-1),
        ExtremalPerturbation(sigma=(1, 2, 3)),
        ExtremalPerturbation(blur=-2.0),
        ExtremalPerturbation(sigma=1e6),
    ],
)
def test_sizes_that_make_no_sense(method):
    with pytest.raises(UsageError, match=r"expected|larger than the input"):
        method.explain(Plain(picture(), lambda row: float(row.sum()), np.ones_like, channel_axis=0))


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (MeaningfulPerturbation, {"steps": 0}),
        (MeaningfulPerturbation, {"beta": 0.5}),
        (MeaningfulPerturbation, {"l1": -1.0}),
        (ExtremalPerturbation, {"areas": 1.5}),
        (ExtremalPerturbation, {"areas": (0.1, "x")}),
        (ExtremalPerturbation, {"areas": []}),
        (ExtremalPerturbation, {"levels": "a"}),
        (ExtremalPerturbation, {"levels": None}),
        (ExtremalPerturbation, {"flip": "no"}),
    ],
)
def test_parameters_that_make_no_sense(method, options):
    with pytest.raises(UsageError, match=f"{next(iter(options))}="):
        method(**options)


def test_the_levels_that_were_given_are_named():
    with pytest.raises(UsageError, match="levels=1: expected a whole number, 2 or more"):
        ExtremalPerturbation(levels=1)


def test_a_step_beyond_the_picture_is_one_cell():
    row = Plain(picture(), lambda row: float(row.sum()), np.ones_like, channel_axis=0)
    generator = ExtremalPerturbation(step=100_000)._mask(row)
    assert (generator.cells, generator.step) == ((1, 1), 12)
