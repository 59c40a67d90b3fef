"""Running: the forward that fills a tape, the walk back over it, and the explainer that joins them."""
