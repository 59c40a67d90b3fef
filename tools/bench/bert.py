"""BERT-base as a classifier of token ids, of the library transformers, with random weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification


class Bert(torch.nn.Module):
    """From token ids to two scores, in two steps, so that a gradient can be taken at the embeddings."""

    def __init__(self) -> None:
        super().__init__()
        config = BertConfig(num_labels=2)
        config._attn_implementation = "eager"  # noqa: SLF001 (the one way to have products that an exporter knows)
        self.net = BertForSequenceClassification(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the scores of token ids."""
        return self.after(self.embedded(ids))

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of token ids, without those of their positions."""
        return self.net.bert.embeddings.word_embeddings(ids)

    def after(self, embedded: torch.Tensor) -> Any:
        """Return the scores of embeddings."""
        return self.net(inputs_embeds=embedded).logits


def network() -> Bert:
    """Return the network in eval mode."""
    return Bert().eval()
