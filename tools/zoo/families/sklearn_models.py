"""Classifiers and pipelines of scikit-learn, converted by skl2onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic": ("linear_model.LogisticRegression", {}),
    "logistic_binary": ("linear_model.LogisticRegression", {}),
    "ridge": ("linear_model.RidgeClassifier", {}),
    "sgd_log": ("linear_model.SGDClassifier", {"loss": "log_loss"}),
    "perceptron": ("linear_model.Perceptron", {}),
    "linear_svc": ("svm.LinearSVC", {}),
    "svc_linear": ("svm.SVC", {"kernel": "linear", "decision_function_shape": "ovr"}),
    "svc_rbf": ("svm.SVC", {"kernel": "rbf"}),
    "svc_rbf_binary": ("svm.SVC", {"kernel": "rbf"}),
    "svc_rbf_probability": ("svm.SVC", {"kernel": "rbf", "probability": True}),
    "svc_poly": ("svm.SVC", {"kernel": "poly"}),
    "svc_sigmoid": ("svm.SVC", {"kernel": "sigmoid"}),
    "nu_svc": ("svm.NuSVC", {"nu": 0.3}),
    "mlp": ("neural_network.MLPClassifier", {"hidden_layer_sizes": (16, 8), "max_iter": 60}),
    "mlp_tanh_binary": ("neural_network.MLPClassifier", {"activation": "tanh", "max_iter": 60}),
    "lda": ("discriminant_analysis.LinearDiscriminantAnalysis", {}),
    "qda": ("discriminant_analysis.QuadraticDiscriminantAnalysis", {}),
    "gaussian_nb": ("naive_bayes.GaussianNB", {}),
    "gaussian_process": ("gaussian_process.GaussianProcessClassifier", {"n_restarts_optimizer": 0}),
    "k_neighbours": ("neighbors.KNeighborsClassifier", {"n_neighbors": 5}),
    "nearest_centroid": ("neighbors.NearestCentroid", {}),
    "tree": ("tree.DecisionTreeClassifier", {"max_depth": 5}),
    "tree_binary": ("tree.DecisionTreeClassifier", {"max_depth": 5}),
    "forest": ("ensemble.RandomForestClassifier", {"n_estimators": 20, "max_depth": 5}),
    "forest_binary": ("ensemble.RandomForestClassifier", {"n_estimators": 20, "max_depth": 5}),
    "extra_trees": ("ensemble.ExtraTreesClassifier", {"n_estimators": 20, "max_depth": 5}),
    "gradient_boosting": ("ensemble.GradientBoostingClassifier", {"n_estimators": 10}),
    "gradient_boosting_binary": ("ensemble.GradientBoostingClassifier", {"n_estimators": 10}),
    "hist_boosting": ("ensemble.HistGradientBoostingClassifier", {"max_iter": 10}),
    "hist_boosting_binary": ("ensemble.HistGradientBoostingClassifier", {"max_iter": 10}),
    "ada_boost": ("ensemble.AdaBoostClassifier", {"n_estimators": 10}),
    "voting_soft": ("ensemble.VotingClassifier", {"voting": "soft", "flatten_transform": False}),
    "voting_hard": ("ensemble.VotingClassifier", {"voting": "hard", "flatten_transform": False}),
    "bagging": ("ensemble.BaggingClassifier", {"n_estimators": 5}),
    "stacking": ("ensemble.StackingClassifier", {}),
    "calibrated": ("calibration.CalibratedClassifierCV", {}),
    "one_vs_rest": ("multiclass.OneVsRestClassifier", {}),
    "scaler_logistic": ("preprocessing.StandardScaler", {}),
    "minmax_mlp": ("preprocessing.MinMaxScaler", {}),
    "robust_svc": ("preprocessing.RobustScaler", {}),
    "normalizer_logistic": ("preprocessing.Normalizer", {}),
    "polynomial_logistic": ("preprocessing.PolynomialFeatures", {"degree": 2}),
    "pca_logistic": ("decomposition.PCA", {"n_components": 3}),
    "imputer_forest": ("impute.SimpleImputer", {}),
    "selected_forest": ("feature_selection.SelectKBest", {"k": 3}),
    "power_logistic": ("preprocessing.PowerTransformer", {}),
    "bins_logistic": ("preprocessing.KBinsDiscretizer", {"n_bins": 4, "encode": "onehot-dense"}),
}
"""Name -> class in scikit-learn and its options; what follows a transformer is said by the last word of the name."""
ROUGH = ("tree", "forest", "boost", "bins", "neighbours", "bagging", "stacking", "voting", "perceptron_", "centroid")
"""Words in the names of models that have no slopes."""


def classifier(member: str) -> Any:
    """Return an untrained classifier or pipeline."""
    import importlib

    def make(path: str, options: dict[str, Any]) -> Any:
        room, name = path.rsplit(".", 1)
        kind = getattr(importlib.import_module(f"sklearn.{room}"), name)
        seeded = {"random_state": 0} if "random_state" in kind().get_params() else {}
        return kind(**options, **seeded)

    if member in WRAPPED:
        path, options = MODELS[member]
        room, name = path.rsplit(".", 1)
        kind = getattr(importlib.import_module(f"sklearn.{room}"), name)
        return kind(*WRAPPED[member](lambda inner: make(*MODELS[inner])), **options)
    model = make(*MODELS[member])
    if hasattr(model, "transform") and not hasattr(model, "predict"):
        from sklearn.pipeline import make_pipeline

        tail = {"svc": "svc_rbf"}.get(member.rsplit("_", 1)[-1], member.rsplit("_", 1)[-1])
        return make_pipeline(model, make(*MODELS[tail]))
    return model


WRAPPED: dict[str, Callable[[Callable[[str], Any]], tuple[Any, ...]]] = {
    "voting_soft": lambda of: ([(each, of(each)) for each in ("logistic", "gaussian_nb", "tree")],),
    "voting_hard": lambda of: ([(each, of(each)) for each in ("logistic", "gaussian_nb", "tree")],),
    "bagging": lambda of: (of("tree"),),
    "stacking": lambda of: ([(each, of(each)) for each in ("logistic", "tree")],),
    "calibrated": lambda of: (of("linear_svc"),),
    "one_vs_rest": lambda of: (of("logistic"),),
}


def functions(model: Any) -> dict[str, Callable[[Any], Any]]:
    """Return the scores that a fitted classifier has, by name, each in double precision."""
    from table_truth import logit, pair

    found: dict[str, Callable[[Any], Any]] = {}
    if hasattr(model, "decision_function"):
        found["decision"] = lambda x: pair(model.decision_function(x))
        if found["decision"](_row(model)).shape[1] == 1:
            found["decision of two"] = lambda x: pair(model.decision_function(x)) * [-1.0, 1.0]
    if hasattr(model, "predict_proba"):
        found["probability"] = lambda x: pair(model.predict_proba(x))
        found["log probability"] = lambda x: logit(pair(model.predict_proba(x)))
    return found


def _row(model: Any) -> Any:
    import numpy as np

    return np.zeros((1, model.n_features_in_))


def _make(name: str, folder: Path) -> Any:
    import warnings
    from importlib.metadata import version

    from kept import Made
    from skl2onnx import to_onnx
    from table_truth import data, truth

    member = name.rsplit("/", 1)[-1]
    x, y = data(2 if member.endswith("binary") else 3)
    with warnings.catch_warnings(action="ignore"):
        model = classifier(member).fit(x.astype("float64"), y)
        options = {"zipmap": False} if hasattr(model, "predict_proba") and len(member) % 2 else None
        proto = to_onnx(model, x[:1], options=options)
        found = truth(functions(model), smooth=not any(word in member for word in ROUGH))
    made = Made(name, "skl2onnx", explained="X")
    made.libraries = {each: version(each) for each in ("scikit-learn", "skl2onnx")}
    made.path(folder).parent.mkdir(parents=True, exist_ok=True)
    made.path(folder).write_bytes(proto.SerializeToString())
    return made, found


FAMILY = Family("sklearn", "table", ("sklearn", "skl2onnx"), list(MODELS), _make)
