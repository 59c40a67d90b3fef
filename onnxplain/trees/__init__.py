"""Ensembles of trees as arrays, and their exact Shapley values. Nothing here knows a method or runs a model."""
