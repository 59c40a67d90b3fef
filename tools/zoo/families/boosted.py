"""Boosted trees of XGBoost, LightGBM and CatBoost, converted by onnxmltools or by the library itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

MODELS: dict[str, dict[str, Any]] = {
    "xgboost": {},
    "xgboost_binary": {},
    "xgboost_deep": {"max_depth": 8},
    "xgboost_forest": {"num_parallel_tree": 3, "subsample": 0.8},
    "lightgbm": {},
    "lightgbm_binary": {},
    "lightgbm_dart": {"boosting_type": "dart"},
    "lightgbm_forest": {"boosting_type": "rf", "subsample": 0.8, "subsample_freq": 1},
    "catboost": {},
    "catboost_binary": {},
}


def _xgboost(member: str, x: Any, y: Any) -> tuple[Any, Any]:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=10, random_state=0, n_jobs=1, **MODELS[member]).fit(x, y)
    proto = convert_xgboost(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))])
    return proto, lambda rows: model.predict(rows.astype("float32"), output_margin=True)


def _lightgbm(member: str, x: Any, y: Any) -> tuple[Any, Any]:
    from lightgbm import LGBMClassifier
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = LGBMClassifier(n_estimators=10, random_state=0, n_jobs=1, verbose=-1, **MODELS[member]).fit(x, y)
    proto = convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], zipmap=False)
    return proto, lambda rows: model.predict(rows, raw_score=True)


def _catboost(_: str, x: Any, y: Any) -> tuple[Any, Any]:
    import tempfile
    from pathlib import Path

    import onnx
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=10, random_seed=0, verbose=False, thread_count=1, allow_writing_files=False)
    model.fit(x, y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.save_model(str(path), format="onnx")
        proto = onnx.load(path)
    return proto, lambda rows: model.predict(rows, prediction_type="RawFormulaVal")


def _make(name: str, folder: Path) -> Any:
    from importlib.metadata import version

    from kept import Made
    from table_truth import data, pair, truth

    member = name.rsplit("/", 1)[-1]
    library = member.split("_")[0]
    x, y = data(2 if member.endswith("binary") else 3)
    proto, margin = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library](member, x, y)
    functions = {"margin": lambda rows: pair(margin(rows))}
    if functions["margin"](x[:1]).shape[1] == 1:
        functions["margin of two"] = lambda rows: pair(margin(rows)) * [-1.0, 1.0]
        functions["margin against 0"] = lambda rows: pair(margin(rows)) * [0.0, 1.0]
    made = Made(name, library, explained=proto.graph.input[0].name)
    made.libraries = {each: version(each) for each in (library, "onnxmltools")}
    made.path(folder).parent.mkdir(parents=True, exist_ok=True)
    made.path(folder).write_bytes(proto.SerializeToString())
    return made, truth(functions, smooth=False, name=made.explained)


FAMILY = Family("boosted", "table", ("xgboost", "lightgbm", "catboost", "onnxmltools"), list(MODELS), _make)
