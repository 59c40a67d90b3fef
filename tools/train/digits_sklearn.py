"""Three scikit-learn classifiers on the raw digits, exported by skl2onnx with its default options.

The defaults matter, because most files of users are exported with them: such a file ends in a label and a ZipMap, a
node that returns a map from class to probability per row, and not in a tensor of probabilities.
"""

import data
import onnxfile
import skl2onnx
import sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits


def classifiers() -> dict[str, ClassifierMixin]:
    """Return the untrained classifiers by the names of their files."""
    return {
        "digits_mlp_sklearn": make_pipeline(
            StandardScaler(), MLPClassifier((48, 24), alpha=1.0, max_iter=500, random_state=0)
        ),
        "digits_linear_sklearn": LogisticRegression(C=0.01, max_iter=2000),
        "digits_forest_sklearn": RandomForestClassifier(8, max_leaf_nodes=20, random_state=0),
    }


def main() -> None:
    """Train and export each of them."""
    digits = data.digits()
    made_with = f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"
    inputs = [("pixels", FloatTensorType([None, digits.x_train.shape[1]]))]
    for name, classifier in classifiers().items():
        with threadpool_limits(1):  # the rounding of a sum depends on the number of threads
            classifier.fit(digits.x_train, digits.y_train)
        model = skl2onnx.convert_sklearn(classifier, name=name, initial_types=inputs)
        onnxfile.save(model, name, made_with)


if __name__ == "__main__":
    main()
