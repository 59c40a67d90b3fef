"""Methods that perturb the input and watch a number that the model computes. They know nothing of sessions or files.

A method is a frozen dataclass in a file of its own; its fields are the method's parameters. It explains one row
through a `Row` of `row.py`. Sizes in pixels that are not given follow from those that the papers use at
224 pixels, in proportion.
"""
