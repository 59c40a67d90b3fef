"""From what a user has (pictures, arrays, files) to what a model takes."""

from onnxplain.inputs.arrays import as_array, as_numbers, beside
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.read import Batch, by_row, read_input

__all__ = ["PRESETS", "Batch", "Preprocess", "as_array", "as_numbers", "beside", "by_row", "read_input"]
