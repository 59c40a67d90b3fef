"""Classification heads of HuggingFace transformers for text, with small random configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY, LENGTH, PAD, END = 100, 12, 1, 2
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "embedding_size": 16,
    "pad_token_id": PAD,
    "eos_token_id": END,
    "bos_token_id": 0,
    "num_labels": 10,
    # the same under other names
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "n_inner": 64,
    "dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 64,
    "emb_dim": 32,
    "d_ff": 64,
    "d_kv": 8,
    "num_layers": 2,
    "num_heads": 4,
    "d_inner": 64,
    "d_head": 8,
    "ffn_dim": 64,
    "word_embed_proj_dim": 32,
}
"""What configurations are asked for; each takes what it knows."""
PLAIN = """albert bart bert big_bird biogpt bloom camembert seed_oss convbert ctrl data2vec-text deberta deberta-v2
distilbert electra ernie esm eurobert falcon flaubert fnet funnel gemma gemma2 gemma3_text glm gpt2
gpt_bigcode gpt_neo gpt_neox gptj ibert layoutlm arcee lilt llama longformer mbart megatron-bert mistral
mixtral mobilebert modernbert mpnet mpt mra mt5 mvp nemotron nystromformer olmo2 openai-gpt opt perceiver
persimmon phi phi3 plbart qwen2 qwen3 reformer rembert roberta roberta-prelayernorm roformer smollm3
squeezebert stablelm starcoder2 t5 umt5 xlm xlm-roberta xlm-roberta-xl xlnet xmod""".split()  # noqa: SIM905
EXTRA: dict[str, dict[str, Any]] = {
    "lilt": {"hidden_size": 48},
    "t5": {"decoder_start_token_id": 0},
    "mt5": {"decoder_start_token_id": 0},
    "umt5": {"decoder_start_token_id": 0},
    "squeezebert": {"embedding_size": 32},
    "reformer": {"axial_pos_embds": False, "attn_layers": ["local", "local"]},
    "big_bird": {"attention_type": "original_full"},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "esm": {"position_embedding_type": "rotary", "token_dropout": False},
    "fnet": {"pad_token_id": PAD},
    "funnel": {"block_sizes": [1, 1], "block_repeats": None},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 4},
    "longformer": {"attention_window": 4},
    "mixtral": {"num_local_experts": 4},
    "perceiver": {"num_latents": 8, "d_latents": 32, "num_self_attends_per_block": 2, "num_self_attention_heads": 4,
                  "num_cross_attention_heads": 4},
    "mobilebert": {"intra_bottleneck_size": 32, "true_hidden_size": 32},
    "roformer": {"rotary_value": False},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}  # fmt: skip
"""Type of a model -> what else its configuration needs."""
TOKENS = ("bert", "roberta", "distilbert", "deberta-v2", "electra", "gpt2")
"""Types of which a head that scores each token is made too."""
BOTH = ("bert", "roberta", "distilbert", "electra", "gpt2", "llama", "t5", "deberta-v2")

EXPORTERS = {"glm": "dynamo", "longformer": "ts", "xlnet": "ts"}
"""Types that the other exporter does not write."""


def network(kind: str, head: str) -> Any:
    """Return a small random network of a type, with a head of AutoModelFor...Classification."""
    import transformers

    config = transformers.AutoConfig.for_model(kind)
    known = {name: value for name, value in SMALL.items() if _takes(config, name)}
    if kind in ("gemma", "gemma2", "gemma3_text", "glm", "llama", "mistral", "qwen3", "smollm3", "nemotron", "mixtral"):
        known["head_dim"] = 8
    given = {**known, **EXTRA.get(kind, {}), "num_labels": 10, "attn_implementation": "eager"}
    config = transformers.AutoConfig.for_model(kind, **given)
    config.use_cache = False
    if "decoder_start_token_id" in given:
        config.decoder_start_token_id = given["decoder_start_token_id"]
    return getattr(transformers, f"AutoModelFor{head}Classification").from_config(config).eval()


def _takes(config: Any, name: str) -> bool:
    computed = isinstance(getattr(type(config), name, None), property)
    return hasattr(config, name) and not computed and name not in getattr(config, "attribute_map", {})


def _make(name: str, folder: Path) -> Any:
    import torch
    from pictures import tokens
    from torch_export import Job, make

    torch.manual_seed(0)
    member, exporter = name.rsplit("/", 1)[-1].split(".")
    kind, _, tagging = member.partition("+")
    net = network(kind, "Token" if tagging else "Sequence")
    feeds, batch = (_feeds(tokens(rows, LENGTH, VOCABULARY, seed=rows)) for rows in (2, 8))
    job = Job(net, feeds, batch, dynamo=exporter == "dynamo", by_name=True, libraries=("transformers",))
    # what a Perceiver calls its embeddings are its latents
    embedding = net.perceiver.input_preprocessor.embeddings if kind == "perceiver" else net.get_input_embeddings()
    job.embedding = getattr(embedding, "weight", embedding)
    made, truth = make(name, folder, job)
    made.load = {"input": "input_ids"}
    return made, truth


def _feeds(ids: Any) -> dict[str, Any]:
    import numpy as np

    ids[:, -1] = END
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def _members() -> list[str]:
    found = []
    for index, kind in enumerate(PLAIN):
        one = EXPORTERS.get(kind, ("dynamo", "ts")[index % 2])
        found += [f"{kind}.{each}" for each in (("dynamo", "ts") if kind in BOTH else (one,))]
    return found + [f"{kind}+tokens.dynamo" for kind in TOKENS]


FAMILY = Family("text", "float", ("torch", "transformers", "onnxscript"), _members(), _make)
