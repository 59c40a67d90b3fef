"""Runs: many inputs explained into one folder, which says what was asked, holds what came out, and can be checked."""
