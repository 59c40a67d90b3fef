"""Strategies: the maps of a class in clusters, and what the scores of each rest on."""
