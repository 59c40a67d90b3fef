"""shap's TreeExplainer, live, beside `tree_shap`: forests of scikit-learn and boosted trees, against a background."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from peers.zoo import relative

import onnxplain as ox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # shap's imports
    shap = pytest.importorskip("shap", reason="shap is not installed")
skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

pytestmark = pytest.mark.peer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 8)).astype("f")
Y = (X[:, 0] * X[:, 1] > 0.3).astype(int) + (X[:, 2] + 0.5 * RNG.normal(size=300) > 0)
ROWS, BACKGROUND = X[:7], X[100:130]


def shapley(model, rows=ROWS, background=BACKGROUND):
    """shap's interventional values of the raw scores, [N, columns, classes]."""
    with warnings.catch_warnings(action="ignore"):
        explainer = shap.TreeExplainer(model, background.astype(np.float64), feature_perturbation="interventional")
        found = np.asarray(explainer.shap_values(rows.astype(np.float64), check_additivity=False))
    return found[..., None] if found.ndim == 2 else found


def ours(proto, count, rows=ROWS, background=BACKGROUND):
    explainer = ox.Explainer(ox.load(proto), baseline=background)
    found = [explainer(rows, target) for target in range(count)]
    assert {e.method for e in found} == {"tree_shap"}
    return np.stack([e.attribution for e in found], -1)


def forest(**options):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=12, random_state=0, **options)


def extra(**options):
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(n_estimators=12, random_state=0, **options)


def boosted():
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=20, max_depth=4, random_state=0)


@pytest.mark.parametrize(
    "model",
    [forest(max_depth=4), forest(), extra(max_leaf_nodes=20)],
    ids=["forest", "grown forest", "extra trees"],
)
def test_a_forest_has_the_values_of_shap(model):
    """Its scores are probabilities, means over the trees, of three classes and of two."""
    for y in (Y, Y > 0):
        own = model.fit(X, y)
        found = ours(skl2onnx.to_onnx(own, X[:1], options={"zipmap": False}), len(own.classes_))
        assert relative(found, shapley(own)) < 1e-6


def test_boosted_trees_have_the_values_of_shap():
    """Of two classes shap explains the score of class 1; the file has it with the other sign for class 0."""
    own = boosted().fit(X, Y > 0)
    found = ours(skl2onnx.to_onnx(own, X[:1], options={"zipmap": False}), 2)
    assert relative(found[..., 1:], shapley(own)) < 1e-6


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("classes", [2, 3])
def test_boosted_trees_of_other_libraries_have_the_values_of_shap(library, classes):
    tools = pytest.importorskip("onnxmltools", reason="onnxmltools is not installed")
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    from onnxmltools.convert.common.data_types import FloatTensorType

    kind = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[library]
    options = {"xgboost": {"verbosity": 0}, "lightgbm": {"verbose": -1}}[library]
    y = Y if classes == 3 else (Y > 0).astype(int)
    own = getattr(module, kind)(n_estimators=10, max_depth=5, random_state=0, n_jobs=1, **options).fit(X, y)
    convert = {"xgboost": "convert_xgboost", "lightgbm": "convert_lightgbm"}[library]
    types = [("X", FloatTensorType([None, X.shape[1]]))]
    with warnings.catch_warnings(action="ignore"):
        found = ours(getattr(tools, convert)(own, initial_types=types), classes)
    assert relative(found[..., 1:] if classes == 2 else found, shapley(own)[..., -classes:]) < 1e-5


def test_a_background_of_one_row_and_equal_values_in_it():
    """A column in which the row is as the background gets nothing, in both."""
    own = forest(max_depth=5).fit(X, Y)
    background = X[50:51].copy()
    background[0, 3] = ROWS[0, 3]
    found = ours(skl2onnx.to_onnx(own, X[:1], options={"zipmap": False}), 3, ROWS[:1], background)
    assert relative(found, shapley(own, ROWS[:1], background)) < 1e-6
    assert np.abs(found[:, 3]).max() < 1e-15, "what a quadrature rounds is left"
