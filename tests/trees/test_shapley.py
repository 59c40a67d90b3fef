"""Ensembles as they are read against onnxruntime, and their Shapley values against all coalitions."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from trees.made import GRID, MODES, WHOLE, Tree, brute, ensemble5, regressor, run

from onnxplain.errors import UnsupportedModelError
from onnxplain.trees import shapley as module
from onnxplain.trees.read import ensemble_of
from onnxplain.trees.shapley import shapley


def rows(rng, n, columns, missing=True, grid=GRID):
    """Rows of which many values lie on a threshold, or beside it by the smallest step, and some are missing."""
    x = rng.choice(grid, (n, columns))
    if grid is WHOLE:  # onnxruntime cuts some values off to whole numbers before it looks for them in a set
        return x
    x = np.where(rng.random(x.shape) < 0.3, np.nextafter(x, np.float32(rng.choice([-9, 9]))), x)
    return np.where(missing & (rng.random(x.shape) < 0.1), np.float32(np.nan), x).astype("f")


def made(kind, seed, columns=6, depth=4, count=5, **options):
    rng = np.random.default_rng(seed)
    modes = [*MODES, "BRANCH_MEMBER"] if kind == "members" else MODES
    trees = [Tree(rng, columns, 2, depth, modes, WHOLE if kind == "members" else GRID) for _ in range(count)]
    make = {"regressor": regressor, "version 5": ensemble5, "members": ensemble5}[kind]
    return make(trees, columns, 2, **options), rng


def read(proto):
    return ensemble_of(gs.import_onnx(proto).nodes[0])


KINDS = ["regressor", "version 5", "members"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_an_ensemble_says_what_onnxruntime_says_on_and_beside_thresholds(kind, seed):
    proto, rng = made(kind, seed)
    x = rows(rng, 500, 6, grid=WHOLE if kind == "members" else GRID)
    np.testing.assert_allclose(read(proto).scores(x), run(proto, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_shapley_values_are_those_of_all_coalitions(kind):
    proto, rng = made(kind, 7)
    x, background = (rows(rng, n, 6, grid=WHOLE if kind == "members" else GRID) for n in (6, 5))
    found = shapley(read(proto), np.arange(6), 6, x, background)
    wanted = [brute(lambda given: run(proto, given), each, background) for each in x]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert np.abs(found).max() > 0.1


@pytest.mark.parametrize(("columns", "depth"), [(9, 7), (14, 11)])
def test_deep_leaves_are_computed_like_those_with_a_table(monkeypatch, columns, depth):
    proto, rng = made("regressor", 3, columns=columns, depth=depth, count=3)
    x, background = rows(rng, 130, columns), rows(rng, 70, columns)
    given = read(proto), np.arange(columns), columns, x, background
    tables = shapley(*given)
    monkeypatch.setattr(module, "SMALL", 1)
    np.testing.assert_allclose(shapley(*given), tables, rtol=0, atol=1e-12)


def test_more_players_on_a_path_than_a_whole_number_has_bits():
    """A chain of 70 branches on 70 columns: the sum over the leaves telescopes, so the law of sums is not trivial."""
    rng = np.random.default_rng(0)
    tree = Tree(rng, 70, 1, 0, MODES)
    leaf = lambda: rng.normal(size=1).astype("f")  # noqa: E731
    tree.nodes = [each for i in range(70) for each in ((i, "BRANCH_GT", 0.0, False, 2 * i + 2, 2 * i + 1), leaf())]
    tree.nodes.append(leaf())
    proto = regressor([tree], 70, 1)
    x, z = np.ones((2, 70), "f"), np.ones((1, 70), "f")
    x[:, 60] = z[:, 3] = -1
    found = shapley(read(proto), np.arange(70), 70, x, z)[..., 0]
    due = (run(proto, x) - run(proto, z))[:, 0]
    np.testing.assert_allclose(found.sum(1), due, rtol=0, atol=1e-6)
    assert set(np.flatnonzero(found[0])) == {3, 60}, "all other columns are the same in both rows"


def test_columns_of_one_player_are_shown_and_hidden_together():
    proto, rng = made("regressor", 5)
    x, background = rows(rng, 3, 6), rows(rng, 4, 6)
    groups = np.array([0, 0, 1, 2, 2, 2])
    found = shapley(read(proto), groups, 3, x, background)
    wanted = [brute(lambda given: run(proto, given), each, background, groups) for each in x]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    alone = shapley(read(proto), np.arange(6), 6, x, background)
    assert np.abs(found[:, 2] - alone[:, 3:].sum(1)).max() > 1e-3, "which is not the sum of what each gets alone"


@pytest.mark.parametrize(("aggregate", "name"), list(enumerate(["AVERAGE", "SUM", "MIN", "MAX"])))
def test_means_are_read_and_minima_of_several_trees_refused(aggregate, name):
    for proto in (
        made("version 5", 2, aggregate=aggregate)[0],
        made("regressor", 2, aggregate_function=name)[0],
    ):
        x = rows(np.random.default_rng(1), 50, 6)
        if aggregate < 2:
            np.testing.assert_allclose(read(proto).scores(x), run(proto, x), rtol=0, atol=1e-5)
        else:
            with pytest.raises(
                UnsupportedModelError, match=rf"'trees': it takes the {name} over its trees.*kernel_shap"
            ):
                read(proto)


def test_the_minimum_of_one_tree_is_that_tree():
    proto, rng = made("regressor", 4, count=1, aggregate_function="MIN")
    x = rows(rng, 50, 6)
    np.testing.assert_allclose(read(proto).scores(x), run(proto, x), rtol=0, atol=1e-6)


def changed(proto, name, change):
    """The file with an attribute of its node changed."""
    for each in proto.graph.node[0].attribute:
        if each.name == name:
            change(each)
    return proto


def to_itself(attribute):
    attribute.ints[0] = 0


def to_nowhere(attribute):
    attribute.ints[0] = 99


def one_number(attribute):
    attribute.ints[1] = 0


def no_mode(attribute):
    attribute.strings[0] = b"BRANCH_LIKE"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("nodes_truenodeids", to_itself, "form no trees"),
        ("nodes_truenodeids", to_nowhere, "a node that is not there"),
        ("nodes_nodeids", one_number, "one number"),
        ("nodes_modes", no_mode, "'BRANCH_LIKE'"),
        ("target_ids", to_nowhere, "no target"),
        ("target_nodeids", to_nowhere, "belongs to no leaf"),
    ],
)
def test_what_is_no_tree_is_refused_by_name(name, change, said):
    proto = changed(made("regressor", 0)[0], name, change)
    with pytest.raises(UnsupportedModelError, match=f"TreeEnsembleRegressor 'trees': .*{said}"):
        read(proto)


def test_base_values_are_added():
    proto, rng = made("regressor", 1, base=[0.5, -2.0])
    x = rows(rng, 20, 6)
    np.testing.assert_allclose(read(proto).scores(x), run(proto, x), rtol=0, atol=1e-5)
