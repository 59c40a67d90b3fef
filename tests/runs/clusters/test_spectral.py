"""Spectral clustering: known groups are found, their number by the eigengap, eigenvalues are those of theory."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.metrics import adjusted_rand_score

from onnxplain.runs.clusters.spectral import eigengap, grouped


def blobs(sizes, apart, seed=0):
    """Points around centres, and which centre each is of, in random order."""
    rng = np.random.default_rng(seed)
    centres = apart * np.eye(len(sizes), 8)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return centres[truth] + rng.standard_normal((len(truth), 8)), truth


@pytest.mark.parametrize("sizes", [(60,), (80, 40), (40, 30, 20), (30, 30, 30, 30)])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_found_and_their_number(sizes, seed):
    vectors, truth = blobs(sizes, 14, seed)
    found = grouped(vectors)
    assert found.number == len(sizes)
    assert adjusted_rand_score(truth, found.cluster) == 1
    assert np.bincount(found.cluster).tolist() == sorted(sizes, reverse=True)


def test_two_graphs_of_all_pairs_have_the_eigenvalues_of_theory():
    """Joined with all others of its group, a graph has 0 once for each group, and n / (n - 1) else."""
    vectors, _ = blobs((12, 12), 40)
    found = grouped(vectors, neighbours=11)
    np.testing.assert_allclose(found.eigenvalues, [0, 0] + [12 / 11] * 7, atol=1e-12)


def test_the_same_seed_gives_the_same_groups():
    vectors, _ = blobs((40, 30, 20), 4)
    first, second = grouped(vectors, seed=1), grouped(vectors, seed=1)
    np.testing.assert_array_equal(first.cluster, second.cluster)
    np.testing.assert_array_equal(first.embedding, second.embedding)


@pytest.mark.parametrize(
    ("eigenvalues", "count"),
    [
        ([0, 0.02, 0.06, 0.1], 1),
        ([0, 1e-17, 0.06, 0.1], 2),
        ([0, 3e-4, 1e-3, 0.09, 0.1], 3),
        ([0, 1.1, 1.1], 1),
        ([0.0], 1),
    ],
)
def test_the_eigengap(eigenvalues, count):
    assert eigengap(np.array(eigenvalues)) == count
