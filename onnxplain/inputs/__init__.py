"""What a user has, pictures, sounds, arrays, becomes what a model takes: arrays of its shape and element type."""

from onnxplain.inputs.arrays import as_array, as_numbers, beside, held
from onnxplain.inputs.facts import Picture
from onnxplain.inputs.preprocess import PRESETS, Preprocess
from onnxplain.inputs.read import Item, ReadInput, Source, read_input, rows_of_item
from onnxplain.inputs.sound import Sound

__all__ = [
    "PRESETS",
    "Item",
    "Picture",
    "Preprocess",
    "ReadInput",
    "Sound",
    "Source",
    "as_array",
    "as_numbers",
    "beside",
    "held",
    "read_input",
    "rows_of_item",
]
