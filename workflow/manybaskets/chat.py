"""The one prompt renderer: generation, training, scoring and judging all see the same text.

It uses the model's own chat template, with exactly one BOS where the model has one, a system turn
where the template takes one, and never cuts a question: only a context passage may be shortened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from manybaskets.errors import UserError

# Marks the place of the answer when the text around it is read off the template.
_ANSWER = "\u27e6answer\u27e7"


@dataclass(frozen=True)
class Prompt:
    """What a person asks: a question and, where there is one, the passage it refers to."""

    prompt_id: str
    instruction: str
    context: str = ""

    def text(self, context_characters: int | None = None) -> str:
        """The user's turn: context, blank line, instruction; the context may be cut, never the rest."""
        context = self.context if context_characters is None else self.context[:context_characters]
        context = context.strip()
        return f"{context}\n\n{self.instruction}" if context else self.instruction


@dataclass(frozen=True)
class Rendered:
    """Token ids of a prompt, ready for generation, and how much of its context they hold."""

    ids: tuple[int, ...]
    context_characters: int
    shortened: bool


class ChatRenderer:
    """Renders prompts and answers with a tokenizer's own chat template.

    Args:
        tokenizer: a fast tokenizer of transformers with a chat template.
        system_prompt: text of the system turn; empty for none. Where the template takes no system
            turn it is left out, and `system_turn` says so.
        date: value of the template's `date_string`, fixed so that a run repeats.
        name: how errors call the model.

    Raises:
        UserError: the tokenizer has no chat template, or one whose answer turn never ends.
    """

    def __init__(self, tokenizer: Any, system_prompt: str, date: str, name: str) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise UserError(
                what=f"the tokenizer of model '{name}' has no chat template",
                where=str(tokenizer.name_or_path),
                expected="`chat_template` in tokenizer_config.json, or a chat_template.jinja beside it",
                remedy="use the instruct version of the model, or save a template with its tokenizer",
            )
        self.tokenizer = tokenizer
        self.name = name
        self.date = date
        self._rendered: dict[tuple[str, int], Rendered] = {}
        self.system_turn = bool(system_prompt) and self._takes_system(system_prompt)
        self.system_prompt = system_prompt if self.system_turn else ""
        self.end_text = self._end_of_answer()
        self.end_ids = self._encode(self.end_text)
        template = tokenizer.chat_template
        self.template_hash = hashlib.sha256(str(template).encode()).hexdigest()[:16]

    def _render(self, messages: Sequence[Mapping[str, str]], generation: bool) -> str:
        return self.tokenizer.apply_chat_template(
            list(messages),
            tokenize=False,
            add_generation_prompt=generation,
            date_string=self.date,
        )

    def _takes_system(self, system_prompt: str) -> bool:
        messages = [
            {"role": "system", "content": system_prompt},
            {"role": "user", "content": "?"},
        ]
        try:
            # A template may refuse the system role or pass over it in silence.
            return system_prompt in self._render(messages, generation=True)
        except Exception:  # jinja2 raises whatever the template's author chose
            return False

    def _end_of_answer(self) -> str:
        """The text that closes an answer, up to and including the token that ends the turn."""
        rendered = self._render(
            [*self.messages("?"), _turn("assistant", _ANSWER)], generation=False
        )
        tail = rendered.rpartition(_ANSWER)[2]
        special = [
            token
            for token in self.tokenizer.all_special_tokens
            if token in tail and token != self.tokenizer.bos_token
        ]
        if not special:
            raise UserError(
                what=f"the chat template of model '{self.name}' never ends an answer",
                where=f"{self.tokenizer.name_or_path}: {tail!r} follows an answer",
                expected="a special token that ends the assistant's turn, such as the tokenizer's eos_token",
                remedy="correct the template or declare its end token among the tokenizer's special tokens",
            )
        first = min(special, key=tail.index)
        return tail[: tail.index(first) + len(first)]

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def messages(self, user: str) -> list[dict[str, str]]:
        """System turn (where there is one) and user turn."""
        turns = [_turn("system", self.system_prompt)] if self.system_prompt else []
        return [*turns, _turn("user", user)]

    def encode_prompt(self, user: str) -> tuple[int, ...]:
        """Token ids from BOS to the header of the assistant's turn.

        Raises:
            UserError: the rendered prompt has more than one BOS.
        """
        ids = self._encode(self._render(self.messages(user), generation=True))
        bos = self.tokenizer.bos_token_id
        if bos is None:
            return ids
        if bos not in ids and _adds_bos(self.tokenizer):
            ids = (bos, *ids)
        if ids.count(bos) > 1:
            raise UserError(
                what=f"a prompt for model '{self.name}' has {ids.count(bos)} BOS tokens",
                where=repr(user[:80]),
                expected="at most one; the template writes it, and the text must not hold it",
                remedy="take the special token out of the dataset row or the system prompt",
            )
        return ids

    def encode_answer(self, answer: str) -> tuple[int, ...]:
        """Token ids of an answer with its end token: what a model should have said after the prompt."""
        return self._encode(answer + self.end_text)

    def render(self, prompt: Prompt, max_tokens: int) -> Rendered:
        """Encode a prompt in at most `max_tokens` tokens, shortening only its context.

        Raises:
            UserError: the question alone is too long.
        """
        key = (prompt.text(), max_tokens)
        if key not in self._rendered:
            # All runs of a target answer and score the same prompts.
            self._rendered[key] = self._render_to_fit(prompt, max_tokens)
        return self._rendered[key]

    def _render_to_fit(self, prompt: Prompt, max_tokens: int) -> Rendered:
        whole = len(prompt.context)
        ids = self.encode_prompt(prompt.text())
        if len(ids) <= max_tokens:
            return Rendered(ids, whole, False)
        bare = self.encode_prompt(prompt.text(0))
        if len(bare) > max_tokens:
            raise UserError(
                what=f"prompt {prompt.prompt_id} has {len(bare)} tokens without its context",
                where=f"model '{self.name}': {prompt.instruction[:80]!r}",
                expected=f"at most {max_tokens} tokens (max_prompt_tokens)",
                remedy="raise max_prompt_tokens, or drop such rows with cleaning.max_instruction_characters",
            )
        low, high = 0, whole  # `low` characters of context fit, `high` do not
        ids = bare
        while high - low > 1:
            middle = (low + high) // 2
            attempt = self.encode_prompt(prompt.text(middle))
            if len(attempt) <= max_tokens:
                low, ids = middle, attempt
            else:
                high = middle
        return Rendered(ids, low, True)


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _adds_bos(tokenizer: Any) -> bool:
    plain = tokenizer("a")["input_ids"]
    return bool(plain) and plain[0] == tokenizer.bos_token_id
