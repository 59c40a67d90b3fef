from typing import Any

import numpy as np
from onnx import TensorProto

class LazyValues:
    dtype: np.dtype[Any] | int
    def __init__(self, tensor: TensorProto) -> None: ...
    def load(self) -> np.ndarray[Any, Any]: ...
