"""Rows that differ from one row within a box: what the box does not reach is taken from that row.

The changed box of a map grows from layer to layer by the kernel of each convolution and pooling, and is computed
exactly (Krypton: Nakandala et al. 2019). Where it would cover most of the map, the rest of the network runs as ever.
"""
