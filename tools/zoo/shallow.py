"""Shallower networks: of a run of blocks that are alike, two are kept, so that a deep network takes seconds."""

from __future__ import annotations

from torch import nn

KEPT = 2


def shallow(net: nn.Module) -> nn.Module:
    """Drop, in place, all but the first two of each run of alike blocks in a Sequential or a ModuleList."""
    for module in list(net.modules()):
        if isinstance(module, (nn.Sequential, nn.ModuleList)):
            _drop(module)
    return net


def _drop(module: nn.Module) -> None:
    last, run = None, 0
    for key, child in list(module._modules.items()):  # noqa: SLF001 - Sequential has no public way to drop by key
        sign = _signature(child)
        run = run + 1 if sign and sign == last else 1
        last = sign
        if run > KEPT:
            del module._modules[key]  # noqa: SLF001
    if isinstance(module, nn.ModuleList):  # which counts its members by their keys
        children = list(module._modules.values())  # noqa: SLF001
        module._modules.clear()  # noqa: SLF001
        module.extend(children)


def _signature(block: nn.Module) -> tuple[object, ...]:
    """Return what two alike blocks share; empty for a block of a single layer."""
    if block is None or not list(block.children()):
        return ()
    names = tuple(type(each).__name__ for each in block.modules())
    return (names, *((name, tuple(value.shape)) for name, value in block.state_dict().items()))
