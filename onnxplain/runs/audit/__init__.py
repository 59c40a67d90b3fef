"""Audits: a model, data, a method and gates, stated in a file; a run, and whether every gate holds of it."""
