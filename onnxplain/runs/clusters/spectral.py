"""Spectral clustering of vectors, with the number of clusters that their graph itself suggests.

Each vector is joined with its nearest neighbours. Of the graph's normalised Laplacian, as many eigenvalues are 0 as the
graph has parts without a connection, and nearly 0 as it has parts with few (von Luxburg 2007). So the number of
clusters is where the eigenvalues leave 0, the eigengap: the k with the largest (λₖ₊₁ + τ) / (λₖ + τ), τ = 10⁻³. The
gap is a ratio, since eigenvalues of maps without clusters grow from one to the next by steps that grow themselves; τ is
what counts as 0. Source: Lapuschkin et al. 2019 (SpRAy).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import MissingExtraError

if TYPE_CHECKING:
    from onnxplain.arrays import Array

MOST = 8
"""So many clusters are looked for at most."""
FEWEST_NEIGHBOURS, SHARE = 4, 0.05
"""How many neighbours a vector is joined with: at least so many, and this share of all, so that λ does not depend on
how many there are. A cluster that is smaller than this share is joined with others."""
_NOTHING = 1e-3
_STARTS = 10


class Grouping(NamedTuple):
    """Vectors in clusters.

    cluster: of each vector, from 0, the largest cluster first [N]. eigenvalues: the smallest ones, ascending.
    embedding: of each vector, the eigenvectors of the smallest eigenvalues [N, ...]. neighbours: how many were joined.
    """

    cluster: Array
    eigenvalues: Array
    embedding: Array
    neighbours: int

    @property
    def number(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max()) + 1


def grouped(vectors: Array, *, neighbours: int | None = None, most: int = MOST, seed: int = 0) -> Grouping:
    """Return vectors [N, D] in clusters. neighbours: how many each is joined with; by default a twentieth of all.

    seed: of the starts of k-means, which assigns the vectors in the embedding.
    Raises MissingExtraError without scikit-learn.
    """
    libraries = _libraries()
    count = len(vectors)
    joined = neighbours or max(FEWEST_NEIGHBOURS, math.floor(SHARE * count + 0.5))
    joined = min(joined, count - 1)
    near = libraries["kneighbors_graph"](vectors, joined).toarray()
    affinity = np.maximum(near, near.T)
    laplacian, degree = libraries["laplacian"](affinity, normed=True, return_diag=True)
    last = min(most + 1, count) - 1
    values, eigenvectors = libraries["eigh"](laplacian, subset_by_index=(0, last))
    values = np.maximum(values, 0)
    number = eigengap(values)
    embedding = _signed(eigenvectors / degree[:, None])
    if number == 1:
        cluster = np.zeros(count, np.int64)
    else:
        means = libraries["KMeans"](number, n_init=_STARTS, random_state=seed)
        cluster = _by_size(means.fit_predict(embedding[:, :number]))
    return Grouping(cluster, values, embedding, joined)


def eigengap(eigenvalues: Array) -> int:
    """Return the number of clusters that ascending eigenvalues of a normalised Laplacian suggest, from 1 on."""
    shifted = np.asarray(eigenvalues) + _NOTHING
    return int(np.argmax(shifted[1:] / shifted[:-1])) + 1 if len(shifted) > 1 else 1


def _libraries() -> dict[str, Any]:
    try:
        from scipy.linalg import eigh
        from scipy.sparse.csgraph import laplacian
        from sklearn.cluster import KMeans
        from sklearn.neighbors import kneighbors_graph
    except ImportError as problem:
        raise MissingExtraError("clusters need scikit-learn: pip install 'onnxplain[clusters]'") from problem
    return {"eigh": eigh, "laplacian": laplacian, "KMeans": KMeans, "kneighbors_graph": kneighbors_graph}


def _signed(vectors: Array) -> Array:
    """Return eigenvectors, whose sign is free, with their largest entry positive."""
    largest = np.abs(vectors).argmax(0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return np.asarray(vectors * np.where(signs == 0, 1, signs))


def _by_size(cluster: Array) -> Array:
    """Return the numbers of clusters in the order of their sizes, of equal ones in that of their first vectors."""
    numbers, first, sizes = np.unique(cluster, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    place = np.empty(len(numbers), np.int64)
    place[order] = np.arange(len(numbers))
    return place[np.searchsorted(numbers, cluster)]
