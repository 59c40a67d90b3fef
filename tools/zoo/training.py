"""A little training, so that a network's gradients mean something: a class is a smooth pattern, under smooth noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pictures import pictures

NOISE = 0.6


def examples(rows: int, shape: tuple[int, ...], classes: int, seed: int) -> tuple[Any, Any]:
    """Return inputs [rows, *shape] and their classes."""
    patterns = pictures(classes, shape, seed=1000)
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    return patterns[labels] + NOISE * pictures(rows, shape, seed=seed, waves=6), labels


def train(
    net: Any, shape: tuple[int, ...], classes: int = 10, steps: int = 80, rate: float = 1e-3, rows: int = 16
) -> Any:
    """Train a network in place by Adam, and return it in eval mode."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net.train()
    optimiser = torch.optim.Adam(net.parameters(), rate)
    for step in range(steps):
        x, y = examples(rows, shape, classes, seed=step + 1)
        loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(y))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()
