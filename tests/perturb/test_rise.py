"""RISE against a direct replica of the paper, with the same random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from perturb.rows import Plain, linear, picture
from scipy.ndimage import zoom

from onnxplain.errors import UsageError
from onnxplain.perturb.rise import Rise
from onnxplain.resample import interpolation


def replica(x, f, samples, grid, p, seed):
    """The map of the paper, and the scores: one mask after another, by scipy's enlarging."""
    rng = np.random.default_rng(seed)
    size = x.shape[1:]
    cell = [-(-n // grid) for n in size]
    offsets = [rng.integers(0, c, samples) for c in cell]
    cells = rng.random((samples, grid, grid), np.float32) < p
    total, scores, shown = np.zeros(size), [], np.zeros(size)
    for i in range(samples):
        factor = [c * (grid + 1) / grid for c in cell]
        large = zoom(cells[i].astype(float), factor, order=1, mode="nearest", grid_mode=True)
        top, left = offsets[0][i], offsets[1][i]
        mask = large[top : top + size[0], left : left + size[1]]
        scores.append(f(x * mask))
        total += scores[-1] * mask
        shown += mask
    return total / samples / p, np.mean(scores), shown / samples / p


@pytest.mark.parametrize(("grid", "p"), [(4, 0.5), (3, 0.3)])
def test_the_paper_s_map(grid, p):
    x = picture((3, 12, 18))
    _, f = linear(x)
    paper, mean, shown = replica(x, f, 60, grid, p, seed=3)
    plain = Rise(samples=60, grid=grid, p=p, centre=False).explain(Plain(x, f, channel_axis=0, seed=3)).map
    np.testing.assert_allclose(plain, paper, atol=2e-5 * np.abs(paper).max())
    centred = Rise(samples=60, grid=grid, p=p).explain(Plain(x, f, channel_axis=0, seed=3)).map
    np.testing.assert_allclose(centred, paper - mean * shown, atol=2e-5 * np.abs(paper).max())


def test_a_table_s_column_gets_its_weight_times_input_times_the_share_hidden():
    """With independent cells E[F | seen] - E[F] = w x (1 - p) for a linear F."""
    x = np.array([1.0, -2.0, 0.5, 3.0])
    w, f = linear(x)
    found = Rise(samples=40_000, p=0.4).explain(Plain(x, f, at_once=1000))
    np.testing.assert_allclose(found.map, w * x * 0.6, atol=0.1)


def test_how_many_fit_at_once_changes_no_mask():
    x = picture()
    _, f = linear(x)
    a, b = (Rise(samples=50).explain(Plain(x, f, channel_axis=0, at_once=n)).map for n in (7, 50))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_large_constant_in_the_score_changes_no_centred_map():
    x = picture()
    _, f = linear(x)
    a, b = (
        Rise(samples=200).explain(Plain(x.astype("f"), lambda row, c=c: f(row) + c, channel_axis=0)).map
        for c in (0.0, 1e9)
    )
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max())


def test_masks_are_between_0_and_1_and_even_on_the_mean():
    masks = np.concatenate(list(Rise(samples=3000)._masks(Plain(picture((1, 28, 35)), float, channel_axis=0))))
    assert masks.shape == (3000, 28, 35)
    assert masks.min() >= 0 and masks.max() <= 1
    assert np.abs(masks.mean(0) - 0.5).max() < 0.05


def test_pixels_of_8_bits_are_rounded_and_ids_refused():
    x = np.arange(48, dtype=np.uint8).reshape(1, 6, 8)
    found = Rise(samples=30).explain(Plain(x, lambda row: float(row.sum()), channel_axis=0))
    assert np.isfinite(found.map).all()
    with pytest.raises(UsageError, match="token ids"):
        Rise(samples=3).explain(Plain(np.arange(4), float))


@pytest.mark.parametrize(
    "options", [{"samples": 0}, {"grid": 2.5}, {"p": 0}, {"p": 1.0}, {"p": "half"}, {"centre": "no"}]
)
def test_parameters_that_make_no_sense(options):
    with pytest.raises(UsageError, match=f"{next(iter(options))}="):
        Rise(**options)


@pytest.mark.parametrize(("source", "size"), [(7, 256), (4, 4), (1, 5), (10, 3)])
def test_interpolation_is_torch_s_where_torch_is(source, size):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=source)
    like = torch.nn.functional.interpolate(torch.tensor(x)[None, None], size, mode="linear", align_corners=False)
    np.testing.assert_allclose(interpolation(source, size) @ x, like[0, 0].numpy(), atol=1e-12)
