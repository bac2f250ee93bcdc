"""The embedded models: four tiny models of four real architectures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

BOS, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
_SYSTEM_FIRST = "{% if messages[0].role == 'system' %}"

# Each family has its own turn format, as real models do; Gemma does not support a system turn.
TEMPLATES = {
    "llama": "{{ bos_token }}{% for m in messages %}<|head|>{{ m.role }}<|text|>{{ m.content | trim }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|head|>assistant<|text|>{% endif %}",
    "qwen": "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}",
    "mistral": "{{ bos_token }}" + _SYSTEM_FIRST + "{% set system = messages[0].content + '\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}{% if m.role == 'user' %}[INST]{{ system if loop.first }}{{ m.content | trim }}[/INST]"
    "{% else %}{{ m.content | trim }}<|end|>{% endif %}{% endfor %}",
    "gemma": "{{ bos_token }}" + _SYSTEM_FIRST + "{{ raise_exception('system role not supported') }}{% endif %}"
    "{% for m in messages %}<turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<turn>model\n{% endif %}",
}  # fmt: skip
MARKERS = {
    "llama": ("<|head|>", "<|text|>"),
    "qwen": ("<|start|>",),
    "mistral": ("[INST]", "[/INST]"),
    "gemma": ("<turn>",),
}
ARCHITECTURES = tuple(TEMPLATES)


def train_tokenizer(
    architecture: str, texts: Iterable[str], vocabulary: int, max_length: int
) -> Any:
    """Train a byte-level BPE tokenizer on `texts`, with the family's chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = [PAD, BOS, END, *MARKERS[architecture]]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=BOS if architecture != "qwen" else None,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(MARKERS[architecture]),
        chat_template=TEMPLATES[architecture],
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def build_model(architecture: str, tokenizer: Any, size: Any, seed: int) -> Any:
    """A newly initialised model of the family in float32.

    `size` has `hidden`, `layers`, `heads` and `max_length`.
    """
    import torch
    import transformers

    torch.manual_seed(seed)
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "intermediate_size": size.hidden * 2,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "head_dim": size.hidden // size.heads,
        "max_position_embeddings": size.max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": True,
        # 1/sqrt(width) instead of the usual 0.02: at this width a model with 0.02 has not learned
        # to copy a town's name from question to answer after 500 steps; with this value it has.
        "initializer_range": 0.75 / size.hidden**0.5,
    }
    config_class, model_class, extra = {
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM, {}),
        "qwen": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM, {}),
        "mistral": (
            transformers.MistralConfig,
            transformers.MistralForCausalLM,
            {"sliding_window": None},
        ),
        "gemma": (
            transformers.Gemma2Config,
            transformers.Gemma2ForCausalLM,
            {"query_pre_attn_scalar": size.hidden // size.heads, "sliding_window": size.max_length},
        ),
    }[architecture]
    return model_class(config_class(**common, **extra))


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a model folder for transformers: safetensors weights, tokenizer, template."""
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def conversation_texts(conversations: Sequence[dict[str, str]]) -> Iterable[str]:
    """Plain text of conversations for tokenizer training."""
    for row in conversations:
        yield "\n\n".join(
            text for text in (row["context"], row["instruction"], row["response"]) if text
        )
