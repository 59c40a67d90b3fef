"""Make the files of tests/trees/data: small ensembles of trees of five libraries, by each library's own exporter.

`python tools/trees.py`, with scikit-learn, skl2onnx, onnxmltools, xgboost, lightgbm and catboost installed. Each file
holds the versions of what made it, and is compressed. The data are scikit-learn's wines: 13 columns,
3 classes, or the first against the others.
"""

from __future__ import annotations

import lzma
import warnings
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "trees" / "data"
SIZES = {"n_estimators": 6, "max_depth": 3, "random_state": 0}


def sklearn(x: Any, classes: dict[int, Any]) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield a forest, boosted trees, and members whose probabilities are averaged."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import BaggingClassifier, GradientBoostingClassifier, RandomForestClassifier

    forest = RandomForestClassifier(**SIZES)
    models = {
        "sklearn_forest_3": (forest, 3),
        "sklearn_forest_2": (forest, 2),
        "sklearn_boosting_3": (GradientBoostingClassifier(n_estimators=3, max_depth=3, random_state=0), 3),
        "sklearn_boosting_2": (GradientBoostingClassifier(**SIZES), 2),
        "sklearn_bagging_3": (BaggingClassifier(RandomForestClassifier(3, max_depth=2), 3, random_state=0), 3),
    }
    for name, (model, count) in models.items():
        yield name, to_onnx(model.fit(x, classes[count]), x[:1], options={"zipmap": False})


def boosters(x: Any, classes: dict[int, Any]) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield an ensemble of XGBoost, LightGBM and CatBoost for each number of classes."""
    from catboost import CatBoostClassifier
    from lightgbm import LGBMClassifier
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier

    inputs = {"initial_types": [("x", FloatTensorType([None, x.shape[1]]))]}
    for count, y in classes.items():
        yield f"xgboost_{count}", convert_xgboost(XGBClassifier(**SIZES).fit(x, y), **inputs)
        lightgbm = LGBMClassifier(**SIZES, verbose=-1).fit(x, y)
        yield f"lightgbm_{count}", convert_lightgbm(lightgbm, **inputs, zipmap=count == 2)
        catboost = CatBoostClassifier(iterations=6, depth=3, verbose=0, random_seed=0, allow_writing_files=False)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "trees.onnx"
            catboost.fit(x, y).save_model(str(path), format="onnx")
            yield f"catboost_{count}", onnx.load(path)


def main() -> None:
    """Write the files."""
    from sklearn.datasets import load_wine

    data = load_wine()
    x, classes = data.data.astype(np.float32), {3: data.target, 2: (data.target == 0).astype(int)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    makers = {"sklearn": ("scikit-learn", "skl2onnx"), "xgboost": ("xgboost", "onnxmltools")}
    makers |= {"lightgbm": ("lightgbm", "onnxmltools"), "catboost": ("catboost",)}
    for make in (sklearn, boosters):
        for name, proto in make(x, classes):
            made_by = ", ".join(f"{each} {version(each)}" for each in makers[name.split("_")[0]])
            onnx.helper.set_model_props(proto, {"made_by": made_by})
            small = lzma.compress(proto.SerializeToString(), preset=9 | lzma.PRESET_EXTREME)
            (FOLDER / f"{name}.onnx.xz").write_bytes(small)
            print(name, made_by)
    np.save(FOLDER / "wines.npy", x[::12])


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        main()
