"""Classifiers and pipelines of scikit-learn without a method named: Shapley values by all coalitions on the file."""

from __future__ import annotations

import warnings

import numpy as np
import onnxruntime
import pytest
from trees.made import brute

import onnxplain as ox

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

pytestmark = pytest.mark.peer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4)).astype("f")
Y = (X[:, 0] * X[:, 1] > 0.3).astype(int) + (X[:, 2] + 0.5 * RNG.normal(size=150) > 0)
ROWS, BACKGROUND = X[:2], X[100:105]


def members():
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.tree import DecisionTreeClassifier

    made = LogisticRegression(), GaussianNB(), DecisionTreeClassifier(max_depth=4, random_state=0)
    return [(type(each).__name__, each) for each in made]


def voting(kind):
    from sklearn.ensemble import VotingClassifier

    return VotingClassifier(members(), voting=kind, flatten_transform=False)


def stacking():
    from sklearn.ensemble import StackingClassifier

    return StackingClassifier(members()[::2])


def ada_boost():
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(n_estimators=6, random_state=0)


def neighbours():
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(5)


def coupled():
    from sklearn.svm import SVC

    return SVC(probability=True, random_state=0)


def binned():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    bins = KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    return make_pipeline(bins, LogisticRegression())


def partly_binned():
    """Of the four columns two have slopes and two jump, so that a walk would hold them for nothing."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

    bins = KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    parts = ColumnTransformer([("scaled", StandardScaler(), [0, 1]), ("binned", bins, [2, 3])])
    return make_pipeline(parts, LogisticRegression())


MODELS = {
    "soft vote": lambda: voting("soft"),
    "hard vote": lambda: voting("hard"),
    "stacking": stacking,
    "AdaBoost": ada_boost,
    "neighbours": neighbours,
    "coupled probabilities": coupled,
    "bins": binned,
    "bins beside numbers": partly_binned,
}


def deployed(proto, logarithm):
    """What the untouched file says of rows by plain onnxruntime, as logarithms where its softmax is cut off."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(x):
        p = np.asarray(session.run(None, {"X": x})[1], np.float64)
        return np.log(p) if logarithm else p

    return run


@pytest.mark.parametrize("name", MODELS)
def test_without_a_method_a_pipeline_without_slopes_gets_exact_shapley_values(name):
    with warnings.catch_warnings(action="ignore"):  # options that scikit-learn means to remove
        own = MODELS[name]().fit(X.astype(np.float64), Y)
        proto = skl2onnx.to_onnx(own, X[:1], options={"zipmap": False})
    explainer = ox.Explainer(ox.load(proto), baseline=BACKGROUND)
    e = explainer(ROWS, 1, seed="contrast")
    assert e.method == "kernel_shap" and explainer.because
    run = deployed(proto, logarithm=any(each.startswith("Softmax") for each in e.record["cut"]))

    def score(x):
        found = run(x)
        return found[:, [1]] - np.delete(found, 1, 1).mean(1, keepdims=True)

    wanted = np.stack([brute(score, row, BACKGROUND)[:, 0] for row in ROWS])
    np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=1e-5 * max(1, np.abs(wanted).max()))
    assert np.abs(wanted).max() > 0.01


def test_columns_of_words_that_are_numbered_get_exact_shapley_values():
    """Words have no slope: they are shown and hidden column by column."""
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    words = RNG.choice(np.array(["ash", "elm", "oak"], object), (60, 3))
    own = make_pipeline(OrdinalEncoder(), LogisticRegression()).fit(words, RNG.integers(0, 3, 60))
    types = [("X", StringTensorType([None, 3]))]
    proto = skl2onnx.convert_sklearn(own, initial_types=types, options={"zipmap": False})
    e = ox.explain(ox.load(proto), words[:2], target=1, seed="contrast", baseline=words[50:55])
    run = deployed(proto, logarithm=True)
    wanted = [
        brute(lambda x: run(x)[:, [1]] - run(x)[:, [0, 2]].mean(1)[:, None], row, words[50:55]) for row in words[:2]
    ]
    np.testing.assert_allclose(e.attribution, np.stack(wanted)[..., 0], rtol=0, atol=1e-5)
    assert e.method == "kernel_shap" and np.abs(wanted).max() > 0.01
