"""Methods that perturb the input and watch how a number that the model computes changes.

A method is a frozen dataclass in a file of its own, and its fields are the parameters of the method. It explains one
row of the input at a time through a `Row` (see `row.py`), which scores perturbed rows; nothing here knows of sessions
or files. Default sizes in pixels are those of the papers, which state them for pictures of 224 pixels a side, in
proportion to the size of the input.
"""
