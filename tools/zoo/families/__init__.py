"""The families: one module each, whose FAMILY says which files there are and makes them."""
