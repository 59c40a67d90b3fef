"""Folders of digits to run on, and small runs of them."""

from __future__ import annotations

import shutil

import numpy as np
from nets import BUNDLED, DIGITS, digits

import onnxplain as ox

BAD = (3, 7)
"""The places of the pictures that cannot be read."""


def pictures(folder, count=10, bad=BAD):
    """A folder of pictures of digits, of which some are no pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        path = folder / f"{i:03d}.png"
        if i in bad:
            path.write_bytes(b"no picture")
        else:
            shutil.copy(DIGITS[i % len(DIGITS)], path)
    return folder


def arrays(path, count=40, seed=0):
    """An .npy of inputs for the digits."""
    np.save(path, np.random.default_rng(seed).normal(size=(count, 1, 16, 16)).astype("f"))
    return path


def small(inputs, path, method="lrp.epsilon_plus_flat", **options):
    """A run in shards of 4 rows, which are walked by 3 at most."""
    return ox.run(digits(), inputs, path, method, **{"shard_size": 4, "batch_size": 3, **options})


def written(path):
    """The bytes of each file of a run that only the job, the versions and the processor decide."""
    kept = (path / "inputs.jsonl", path / "job.json", path / "ledger.jsonl", *sorted((path / "shards").iterdir()))
    return {str(each.relative_to(path)): each.read_bytes() for each in kept}


MODEL = BUNDLED / "digits_cnn_torch.onnx"
