"""From what a user has (pictures, arrays, files) to what a model takes."""

from onnxplain.inputs.arrays import as_array, as_numbers, beside
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.read import ReadInput, read_input, rows_of_item

__all__ = ["PRESETS", "Preprocess", "ReadInput", "as_array", "as_numbers", "beside", "read_input", "rows_of_item"]
