"""Differences: two runs, or two models on the same inputs, compared row by row, in all and by class."""
