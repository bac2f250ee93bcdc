"""The one prompt renderer: generation, training, scoring and judging all see the same text."""

from manybaskets.chat.prompts import Prompt, Rendered, prompts_of
from manybaskets.chat.reasoning import holds_reasoning, split_reasoning
from manybaskets.chat.renderer import ChatRenderer
from manybaskets.chat.tokenizers import load_tokenizer

__all__ = [
    "ChatRenderer",
    "Prompt",
    "Rendered",
    "holds_reasoning",
    "load_tokenizer",
    "prompts_of",
    "split_reasoning",
]
