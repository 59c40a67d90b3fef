"""A transformer of one layer on reviews made of templates, which has to learn what a negation does."""

import numpy as np
import onnx
import onnxfile
import reviews_data as data
import torch
from fit import make_repeatable
from torch import Tensor, nn

WIDTH, HEADS, HIDDEN, LONGEST = 16, 2, 32, 24
"""The size of an embedding, the heads of the attention, the hidden layer, and how many tokens a text may have."""
EPOCHS, BATCH, HIDE, SMOOTH = 30, 64, 0.15, 0.02
"""Passes over the reviews, reviews in a step, the share of tokens that a step hides, and how uncertain labels are."""
NAME = "reviews_transformer_torch"


class ReviewTransformer(nn.Module):
    """Embeddings, one layer of self-attention and of two dense layers, each with a residual and a norm, and a head."""

    def __init__(self, words: int) -> None:
        """Create the layers for a vocabulary of so many words."""
        super().__init__()
        self.words = nn.Embedding(words, WIDTH)
        self.places = nn.Parameter(torch.randn(LONGEST, WIDTH) * 0.1)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.hidden = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH, bias=False))
        self.head = nn.Linear(WIDTH, len(data.CLASSES), bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map token ids and their mask, int64 [N, L], to logits [N, 2], of the mean over the tokens."""
        x = self.words(input_ids) + self.places[: input_ids.shape[1]]
        x = self.norms[0](x + self._attention(x, attention_mask))
        tokens = self.norms[1](x + self.hidden(x))
        weights = attention_mask[..., None].to(tokens.dtype)
        return self.head((tokens * weights).sum(1) / weights.sum(1))

    def _attention(self, x: Tensor, mask: Tensor) -> Tensor:
        parts = (layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value))
        query, key, value = parts
        scores = query @ key.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
        shut = (1 - mask[:, None, None, :].to(scores.dtype)) * -1e4
        return self.out((torch.softmax(scores + shut, -1) @ value).transpose(1, 2).flatten(2))


def fit(net: nn.Module, made: list[data.Review]) -> nn.Module:
    """Minimise the cross entropy of the logits, and return the net.

    Tokens are hidden at random, behind [MASK] or [PAD], so that methods that hide them do not ask the network about
    what it has never seen. A hidden negation is none, and without its adjective a review is as likely of either class.
    """
    ids, mask = (torch.from_numpy(each) for each in data.encoded([each.text for each in made]))
    known = data.tokenizer()
    good, bad, negations = (
        torch.isin(ids, torch.tensor([known.token_to_id(word) for word in words]))
        for words in (data.GOOD, data.BAD, data.NEGATIONS)
    )
    nothing = torch.tensor([data.SPECIAL.index(each) for each in ("[MASK]", "[PAD]")])
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    steps = -(-len(ids) // BATCH) * EPOCHS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(ids)).split(BATCH):
            hidden = mask[rows].bool() & (torch.rand(len(rows), ids.shape[1]) < HIDE)
            given = torch.where(hidden, nothing[torch.randint(2, hidden.shape)], ids[rows])
            told = (good[rows] & ~hidden).sum(1) - (bad[rows] & ~hidden).sum(1)
            told = torch.where((negations[rows] & ~hidden).any(1), -told, told)
            positive = (1 + told.float()) / 2
            optimiser.zero_grad()
            due = torch.stack([1 - positive, positive], 1)
            nn.functional.cross_entropy(net(given, mask[rows]), due, label_smoothing=SMOOTH).backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def export(net: nn.Module) -> onnx.ModelProto:
    """Export with a free number of rows and of tokens. The example has two rows, as the exporter would fix one."""
    free = {0: torch.export.Dim("N"), 1: torch.export.Dim("tokens", max=LONGEST)}
    ids, mask = (torch.ones(2, 9, dtype=torch.int64) for _ in range(2))
    program = torch.onnx.export(
        net,
        (ids, mask),
        dynamo=True,
        verbose=False,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes=(free, free),
    )
    return program.model_proto


def main() -> None:
    """Train and export the network, and write its tokenizer."""
    make_repeatable(seed=0)
    known = data.tokenizer()
    net = fit(ReviewTransformer(known.get_vocab_size()), data.reviews(data.TRAIN))
    onnxfile.save(export(net), NAME, f"PyTorch {torch.__version__}, torch.onnx.export(dynamo=True)")
    (onnxfile.MODELS / "reviews.tokenizer.json").write_text(f"{known.to_str()}\n", newline="\n")
    ids, mask = (torch.from_numpy(each) for each in data.encoded([each.text for each in data.reviews(data.HELD_OUT)]))
    right = net(ids, mask).argmax(1).numpy() == np.array([each.label for each in data.reviews(data.HELD_OUT)])
    print(f"{right.sum()} of {len(right)} held-out reviews right")


if __name__ == "__main__":
    main()
