"""Train a small PyTorch network so that a second run gives the same weights."""

import numpy as np
import torch
from torch import nn


def make_repeatable(seed: int) -> None:
    """Fix what could differ between runs: the random numbers, and the order in which floats are added."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def fit(net: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int, weight_decay: float = 1e-2) -> nn.Module:
    """Minimise the cross entropy of the logits with AdamW and one cycle of the learning rate.

    Return the same network in eval mode, in which BatchNorm uses its running statistics.
    """
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    batch = 64
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=weight_decay)
    steps = -(-len(inputs) // batch) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
    net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(batch):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), labels[rows]).backward()
            optimiser.step()
            schedule.step()
    return net.eval()
