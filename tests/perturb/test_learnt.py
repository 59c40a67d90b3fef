"""Methods that learn a mask: their parts against finite differences and torch, and what they find."""

from __future__ import annotations

import numpy as np
import pytest
from one import slopes
from perturb.rows import Plain, picture

from onnxplain.errors import NumericalError, UsageError
from onnxplain.perturb.extremal_perturbation import ExtremalPerturbation, _out_of, _seen
from onnxplain.perturb.learnt import clipped
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


def test_a_mask_whose_steps_leave_all_numbers_is_refused():
    x, f, slope = spot()
    method = ExtremalPerturbation(steps=50, growth=1e9, sigma=3.0, step=2)
    with np.errstate(all="ignore"), pytest.raises(NumericalError, match="lower rate, weight or growth"):
        method.explain(Plain(x, f, slope, channel_axis=0))
    with pytest.raises(NumericalError, match=r"meaningful_perturbation: .*lower rate"):
        clipped(np.array([0.5, np.nan]), "meaningful_perturbation", "rate")
    np.testing.assert_array_equal(clipped(np.array([0.5, -np.inf, np.inf]), "", ""), [0.5, 0, 1])


# --- steps, against the formulas that the methods state --------------------------------------------------------------


def soft(x, w):
    """A function that is smooth and not symmetric, and its derivative."""
    f = lambda row: float(1 / (1 + np.exp(1 - (w * row).sum())))  # noqa: E731
    return f, lambda row: f(row) * (1 - f(row)) * w


def discs(cells):
    """The masks that meaningful perturbation starts from: 0 in a disc of k / 20 of the way to the corner."""
    for radius in np.linspace(0, 1, 21):
        mask = np.ones(cells)
        for at in np.ndindex(cells):
            away = np.linalg.norm([(i + 0.5) / n - 0.5 for i, n in zip(at, cells, strict=True)]) / np.sqrt(0.5)
            mask[at] = 0.0 if radius > 0 and away <= radius else 1.0
        yield mask


def enlarged(mask, size, spread):
    """Each place as the mean of the cells by a Gaussian around their centres."""
    found = mask
    for axis, n in enumerate(size):
        centres = (np.arange(mask.shape[axis]) + 0.5) * n / mask.shape[axis]
        odds = np.exp(-((np.arange(n)[:, None] + 0.5 - centres) ** 2) / (2 * spread**2))
        found = np.moveaxis(np.tensordot(odds / odds.sum(1, keepdims=True), found, (1, axis)), 0, axis)
    return found


def test_meaningful_perturbation_starts_from_the_smallest_disc_that_takes_the_score_away():
    w = np.zeros((1, 24, 20))
    w[0, 9:15, 8:13] = 1.0
    x = w + 0.1
    f, slope = soft(x, w)
    method = MeaningfulPerturbation(steps=1, rate=0.0, stride=1, spread=0.5, value=0.0, jitter=0)
    found = method.explain(Plain(x, f, slope, channel_axis=0)).raw
    scores = [f(x * enlarged(mask, (24, 20), 0.5)) for mask in discs((24, 20))]
    taken = [score <= scores[-1] + 0.01 * (scores[0] - scores[-1]) for score in scores].index(True)
    assert 2 < taken < 18
    np.testing.assert_array_equal(found, list(discs((24, 20)))[taken])


def test_meaningful_perturbation_goes_down_its_objective_by_adam():
    """The slope of l1 Σ(1 - m) + tv Σ|∇m|^beta + F by finite differences, of pictures rolled by the same numbers."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 8, 6)), rng.normal(size=(2, 8, 6)) / 3
    f, slope = soft(x, w)
    options = {"rate": 0.05, "l1": 0.02, "tv": 0.05, "beta": 3.0}
    method = MeaningfulPerturbation(steps=4, stride=2, spread=1.0, value=0.0, jitter=4, **options)
    found = method.explain(Plain(x, f, slope, channel_axis=0, seed=5))

    def objective(mask, shift):
        rough = sum((np.abs(np.diff(mask, axis=axis)) ** 3).sum() for axis in (0, 1))
        seen = np.roll(x * enlarged(mask, (8, 6), 1.0), shift, (1, 2))
        return np.array(0.02 * (1 - mask).sum() + 0.05 * rough + f(seen))

    scores = [f(x * enlarged(mask, (8, 6), 1.0)) for mask in discs((4, 3))]
    first = [score <= scores[-1] + 0.01 * (scores[0] - scores[-1]) for score in scores].index(True)
    shifts, mask, mean, square = np.random.default_rng(5), list(discs((4, 3)))[first], 0.0, 0.0
    for t in range(1, 5):
        shift = [int(shifts.integers(-2, 3)) for _ in range(2)]
        down, _ = slopes(lambda m, shift=shift: objective(m, shift), np.ones(()), mask)
        mean, square = 0.9 * mean + 0.1 * down, 0.999 * square + 0.001 * down**2
        mask = np.clip(mask - 0.05 * mean / (1 - 0.9**t) / np.sqrt(square / (1 - 0.999**t)), 0, 1)
    np.testing.assert_allclose(found.raw, mask, atol=1e-5)
    np.testing.assert_allclose(found.map, 1 - enlarged(mask, (8, 6), 1.0), atol=1e-5)


@pytest.mark.parametrize(("shape", "axis", "flip"), [((2, 8, 6), 0, True), ((8, 6, 2), 2, True), ((8, 6), None, False)])
def test_extremal_perturbation_goes_up_its_objective_with_momentum(shape, axis, flip, monkeypatch):
    """The slope of F by differences from below, since a mask of ones is at a kink; that of the area by ranking."""
    monkeypatch.setattr(np, "float32", np.float64)
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=shape), rng.normal(size=shape)
    f, slope = soft(x, w)
    options = {"rate": 0.2, "weight": 0.3, "growth": 1.5, "step": 2, "sigma": 2.0, "levels": 3, "blur": 2.0}
    method = ExtremalPerturbation(areas=0.25, steps=5, flip=flip, **options)
    found = method.explain(Plain(x, f, slope, channel_axis=axis)).raw[0]

    levels, generator = [blurred_by(x, sigma, axis) for sigma in (2.0, 1.0, 0.0)], SmoothMask((8, 6), 2, 2.0)
    width = x.ndim - 1 if axis != x.ndim - 1 else x.ndim - 2

    def score(cells, mirrored):
        m = generator(cells)[0]
        m = m if axis is None else np.expand_dims(m, axis)
        seen = np.where(m < 0.5, levels[0] + 2 * m * (levels[1] - levels[0]), levels[1] + (2 * m - 1) * (x - levels[1]))
        return f(np.flip(seen, width) if mirrored else seen)

    cells, speed = np.ones(generator.cells), 0.0
    for t in range(5):
        mask, rows = generator(cells)
        order = mask.ravel().argsort(kind="stable")
        out = np.zeros(48)
        out[order] = 2 * (mask.ravel()[order] - (np.arange(48) >= 36)) / 48
        up = -0.3 * 1.5**t * generator.adjoint(out.reshape(8, 6), rows)
        for at in np.ndindex(cells.shape):
            below = cells.copy()
            below[at] -= 1e-6
            up[at] += (score(cells, flip and t % 2 == 0) - score(below, flip and t % 2 == 0)) / 1e-6
        speed = up if t == 0 else 0.9 * speed + 0.1 * up
        cells = np.clip(cells + 0.2 * speed, 0, 1)
    assert np.ptp(cells) > 0.05, "some cells have left 1"
    np.testing.assert_allclose(found, generator(cells)[0], atol=1e-5)


def blurred_by(x, sigma, axis):
    """x under a Gaussian along all axes but that of the channels, by SciPy."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, [0 if i == axis else sigma for i in range(x.ndim)], mode="reflect") if sigma else x


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
