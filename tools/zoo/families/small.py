"""The fixed part: small networks that need torch alone, one of each kind that classifiers are built of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

PICTURE, SERIES, TABLE = (3, 16, 16), (4, 24), (12,)
NETS: dict[str, tuple[str, tuple[int, ...]]] = {
    "mlp": ("mlp", TABLE),
    "cnn": ("cnn", PICTURE),
    "residual": ("residual", PICTURE),
    "squeezed": ("squeezed", PICTURE),
    "inverted": ("inverted", PICTURE),
    "dense": ("dense", PICTURE),
    "patches": ("patches", PICTURE),
    "attention": ("attention", SERIES),
    "series": ("series", SERIES),
    "mixer": ("mixer", PICTURE),
}
"""Name -> function of this module, and the shape of a row."""


def mlp() -> Any:
    """Return dense layers with three activations."""
    from torch import nn

    return nn.Sequential(
        nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.ELU(), _end()
    )


def _end(width: int = 32) -> Any:
    from torch import nn

    return nn.Linear(width, 10)


def _conv(*sizes: int, **given: Any) -> Any:
    """Return a convolution, its normalisation and a ReLU."""
    from torch import nn

    return nn.Sequential(nn.Conv2d(*sizes, bias=False, **given), nn.BatchNorm2d(sizes[1]), nn.ReLU())


def cnn() -> Any:
    """Return convolutions, maximum pooling and dense layers."""
    from torch import nn

    pool = nn.MaxPool2d(2)
    return nn.Sequential(
        _conv(3, 8, 3), pool, _conv(8, 16, 3), pool, nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), _end()
    )


def _pooled(*layers: Any, width: int = 32) -> Any:
    from torch import nn

    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), _end(width))


class _Sum:
    """What adds its input to that of its layers; a class of torch once torch is imported."""

    def __new__(cls, *layers: Any, gate: bool = False) -> Any:
        from torch import nn

        class Sum(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layers = nn.Sequential(*layers)

            def forward(self, x: Any) -> Any:
                return x * self.layers(x) if gate else x + self.layers(x)

        return Sum()


def residual() -> Any:
    """Return residual blocks with overlapping pooling in front."""
    from torch import nn

    block = [_Sum(_conv(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)) for _ in range(2)]
    pool = nn.MaxPool2d(3, 2, 1)
    return _pooled(_conv(3, 16, 3, stride=2), pool, block[0], nn.ReLU(), block[1], _conv(16, 32, 1))


def squeezed() -> Any:
    """Return convolutions whose channels are weighed by what they hold: squeeze and excitation."""
    from torch import nn

    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.SiLU(), nn.Conv2d(4, 16, 1), nn.Sigmoid())
    return _pooled(_conv(3, 16, 3, stride=2), _Sum(gate, gate=True), nn.Conv2d(16, 32, 3), nn.Hardswish())


def inverted() -> Any:
    """Return depthwise convolutions between narrow layers, with ReLU6."""
    from torch import nn

    narrow = nn.Sequential(nn.Conv2d(48, 16, 1), nn.BatchNorm2d(16))
    block = _Sum(_conv(16, 48, 1), nn.ReLU6(), nn.Conv2d(48, 48, 3, padding=1, groups=48), nn.ReLU6(), narrow)
    return _pooled(_conv(3, 16, 3, stride=2), block, _conv(16, 32, 1))


def dense() -> Any:
    """Return layers whose outputs are joined, normalised before they are weighed."""
    import torch
    from torch import nn

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.BatchNorm2d(8 + 8 * i) for i in range(3)])
            self.convs = nn.ModuleList([nn.Conv2d(8 + 8 * i, 8, 3, padding=1) for i in range(3)])

        def forward(self, x: Any) -> Any:
            for norm, conv in zip(self.norms, self.convs, strict=True):
                x = torch.cat([x, conv(torch.relu(norm(x)))], 1)
            return x

    return _pooled(nn.Conv2d(3, 8, 3), Dense(), nn.AvgPool2d(2))


def patches() -> Any:
    """Return a patch embedding and blocks with GELU, LayerNorm and grouped convolutions."""
    from torch import nn

    block = _Sum(nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.GroupNorm(1, 32), nn.Conv2d(32, 32, 1), nn.GELU())
    return _pooled(nn.Conv2d(3, 32, 4, 4), nn.GroupNorm(4, 32), block)


def attention() -> Any:
    """Return a transformer's encoder over a series."""
    from torch import nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.norm, self.end = nn.Linear(4, 32), nn.LayerNorm(32), _end()
            self.attend, self.ahead = nn.MultiheadAttention(32, 4, batch_first=True), nn.Linear(32, 32)

        def forward(self, x: Any) -> Any:
            x = self.embed(x.transpose(1, 2))
            h = self.norm(x)
            x = x + self.attend(h, h, h, need_weights=False)[0]
            return self.end((x + nn.functional.gelu(self.ahead(self.norm(x)))).mean(1))

    return Attention()


def series() -> Any:
    """Return convolutions over time with standard pooling: means and deviations."""
    import torch
    from torch import nn

    class Series(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.end = nn.Conv1d(4, 16, 5, dilation=2), _end()

        def forward(self, x: Any) -> Any:
            x = nn.functional.leaky_relu(self.conv(x))
            return self.end(torch.cat([x.mean(2), x.std(2)], 1))

    return Series()


def mixer() -> Any:
    """Return an MLP mixer: dense layers over places and over channels in turn."""
    from torch import nn

    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.end, self.norm = nn.Conv2d(3, 32, 4, 4), _end(), nn.LayerNorm(32)
            self.over_places, self.over_channels = nn.Linear(16, 16), nn.Linear(32, 32)

        def forward(self, x: Any) -> Any:
            x = self.stem(x).flatten(2).transpose(1, 2)
            x = x + nn.functional.silu(self.over_places(self.norm(x).transpose(1, 2))).transpose(1, 2)
            return self.end(nn.functional.mish(self.over_channels(x)).mean(1))

    return Mixer()


def _make(name: str, folder: Path) -> Any:
    import torch
    from pictures import pictures
    from torch_export import Job, make

    torch.manual_seed(0)
    member, exporter = name.rsplit("/", 1)[-1].split(".")
    function, shape = NETS[member]
    feeds, batch = ({"input": pictures(rows, shape, seed=rows)} for rows in (2, 16))
    return make(name, folder, Job(globals()[function](), feeds, batch, dynamo=exporter == "dynamo"))


MEMBERS = [f"{name}.{('ts', 'dynamo')[index % 2]}" for index, name in enumerate(NETS)]
FAMILY = Family("small", "float", ("torch", "onnxscript"), MEMBERS, _make)
