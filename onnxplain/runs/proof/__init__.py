"""Proof of a run: statements and signatures, and the verification of every byte and of rows explained again."""
