"""Recurrent networks of plain torch: LSTM, GRU and RNN in the forms that classifiers use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

FEATURES, HIDDEN, STEPS, WORDS = 6, 12, 20, 50
KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "LSTM"},
    "gru": {"cell": "GRU"},
    "rnn_tanh": {"cell": "RNN"},
    "rnn_relu": {"cell": "RNN", "nonlinearity": "relu"},
    "lstm_both_ways": {"cell": "LSTM", "bidirectional": True},
    "gru_both_ways": {"cell": "GRU", "bidirectional": True},
    "lstm_two_layers": {"cell": "LSTM", "num_layers": 2},
    "lstm_both_ways_two_layers": {"cell": "LSTM", "num_layers": 2, "bidirectional": True},
    "lstm_projected": {"cell": "LSTM", "proj_size": 8},
    "lstm_mean": {"cell": "LSTM", "read": "mean"},
    "gru_attention": {"cell": "GRU", "read": "attention"},
    "cnn_lstm": {"cell": "LSTM", "convolve": True},
    "cnn_gru_max": {"cell": "GRU", "convolve": True, "read": "max"},
    "lstm_words": {"cell": "LSTM", "words": True},
    "gru_words_both_ways": {"cell": "GRU", "words": True, "bidirectional": True},
    "lstm_time_first": {"cell": "LSTM", "time_first": True},
}
"""Name -> the cell, its options in torch, and what is around it."""


def network(
    cell: str,
    *,
    read: str = "last",
    convolve: bool = False,
    words: bool = False,
    time_first: bool = False,
    **options: Any,
) -> Any:
    """Return a recurrent classifier of series or of words.

    read: what is made of the states: the last, their mean or maximum, or attention over them. convolve: a convolution
    over time comes first. words: the input is token ids. time_first: the cell takes time before rows.
    """
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(WORDS, FEATURES) if words else nn.Identity()
            self.conv = nn.Conv1d(FEATURES, FEATURES, 3) if convolve else None
            self.cell = getattr(nn, cell)(FEATURES, HIDDEN, batch_first=not time_first, **options)
            width = (options.get("proj_size") or HIDDEN) * (1 + options.get("bidirectional", False))
            self.score, self.end = nn.Linear(width, 1), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = self.embed(x)
            if self.conv is not None:
                x = nn.functional.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
            y = self.cell(x.transpose(0, 1))[0].transpose(0, 1) if time_first else self.cell(x)[0]
            return self.end(self.pooled(y))

        def pooled(self, y: Any) -> Any:
            if read == "attention":
                return (self.score(y).softmax(1) * y).sum(1)
            return {"last": lambda: y[:, -1], "mean": lambda: y.mean(1), "max": lambda: y.amax(1)}[read]()

    return Recurrent()


def _make(name: str, folder: Path) -> Any:
    import torch
    from pictures import pictures, tokens
    from torch_export import Job, make

    torch.manual_seed(0)
    member, exporter = name.rsplit("/", 1)[-1].split(".")
    net = network(**KINDS[member])
    feeds, batch = ({"input": pictures(rows, (STEPS, FEATURES), seed=rows)} for rows in (2, 16))
    word = None
    if KINDS[member].get("words"):
        feeds, batch = ({"input": tokens(rows, STEPS, WORDS, seed=rows)} for rows in (2, 16))
        word = net.embed.weight
    return make(name, folder, Job(net, feeds, batch, dynamo=exporter == "dynamo", embedding=word))


MEMBERS = [f"{name}.{exporter}" for name in KINDS for exporter in ("ts", "dynamo")]
FAMILY = Family("recurrent", "float", ("torch", "onnxscript"), MEMBERS, _make)
