"""Rows: along which axis of each value the rows of a batch lie, proven operator by operator or by running the model.

A file need not have its batch on the first axis, nor have a batch at all. Here it is found out, and the graph is given
inputs and scores whose first axis is that of the rows, on which the rest of the package relies.
"""
