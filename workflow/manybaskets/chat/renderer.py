"""Renders prompts and answers with a model's own chat template and tokenizer.

The token ids are those of the tokenizer's own `apply_chat_template`, with a BOS at the start where the
tokenizer writes one before plain text and the template does not, and with an empty thought where the
template opens one. Control tokens inside messages stay text. A question is never cut: only a context
passage may be shortened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from manybaskets.chat.answer_end import end_of_answer
from manybaskets.chat.control_tokens import ControlText, unused_mark
from manybaskets.chat.prompts import Prompt, Rendered, chat_turn
from manybaskets.chat.reasoning import closing_of_open_thought
from manybaskets.chat.shortening import shorten_to_fit
from manybaskets.chat.template_arguments import check_template_arguments, template_digest
from manybaskets.errors import UserError


class ChatRenderer:
    """Renders prompts and answers with a tokenizer's own chat template.

    Args:
        tokenizer: a fast tokenizer of transformers with a chat template.
        system_prompt: text of the system turn; empty to omit it. If the template does not support a
            system turn, it is left out and `system_turn` is false.
        date: value of the template's `date_string`, fixed so that runs are reproducible.
        name: name of the model in errors.
        shorten: whether to drop context and old turns from prompts that are too long; otherwise
            such a prompt is an error.
        template_arguments: further values for the template, such as `enable_thinking: false`.

    Raises:
        UserError: the tokenizer has no chat template, or one that fails, whose answer never ends, or
            that does not read one of `template_arguments`.
    """

    def __init__(
        self,
        tokenizer: Any,
        system_prompt: str,
        date: str,
        name: str,
        shorten: bool = True,
        template_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise UserError(
                what=f"the tokenizer of model '{name}' has no chat template",
                where=str(tokenizer.name_or_path),
                expected="`chat_template` in tokenizer_config.json, or a chat_template.jinja file "
                "next to it",
                remedy="use the instruct version of the model, or save a chat template with its "
                "tokenizer",
            )
        self.tokenizer = tokenizer
        self.name = name
        self.date = date
        self.shorten = shorten
        self.template_arguments = dict(template_arguments or {})
        if self.template_arguments:
            template, folder = tokenizer.get_chat_template(), str(tokenizer.name_or_path)
            check_template_arguments(self.template_arguments, template, name, folder)
        self._text = ControlText(tokenizer)
        # The tokenizer's own call begins plain text with a BOS, or does not.
        self._bos = tokenizer.bos_token_id if _adds_bos(tokenizer) else None
        self._rendered: dict[tuple[Any, ...], Rendered] = {}
        self.system_turn = bool(system_prompt) and self._takes_system(system_prompt)
        self.system_prompt = system_prompt if self.system_turn else ""
        system = self.messages([])
        self.end_text = end_of_answer(self._render, system, tokenizer, name)
        self.end_ids = tuple(self._text.encode(self.end_text))
        self.template_hash = template_digest(tokenizer.chat_template, self.template_arguments)

    def with_system(self, system_prompt: str, shorten: bool = True) -> ChatRenderer:
        """The same template, date and arguments with another system prompt."""
        return ChatRenderer(
            self.tokenizer, system_prompt, self.date, self.name, shorten, self.template_arguments
        )

    def with_arguments(self, template_arguments: Mapping[str, Any]) -> ChatRenderer:
        """The same template, system prompt and date with other values for its variables."""
        return ChatRenderer(
            self.tokenizer,
            self.system_prompt,
            self.date,
            self.name,
            self.shorten,
            template_arguments,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What determines a prompt's tokens in addition to the tokenizer and the prompt."""
        values = self.template_arguments
        return {
            "template": self.template_hash,
            **({"template_arguments": values} if values else {}),
            "system_prompt": self.system_prompt,
            "system_turn": self.system_turn,
            "date": self.date,
        }

    def _render(self, messages: Sequence[Mapping[str, str]], generation: bool = False) -> str:
        return self.tokenizer.apply_chat_template(
            list(messages),
            tokenize=False,
            add_generation_prompt=generation,
            date_string=self.date,
            **self.template_arguments,
        )

    def _takes_system(self, system_prompt: str) -> bool:
        messages = [
            {"role": "system", "content": system_prompt},
            {"role": "user", "content": "?"},
        ]
        try:
            # A template may reject the system role or ignore it silently.
            return system_prompt in self._render(messages, generation=True)
        except Exception:  # jinja2 raises the template author's exception
            return False

    def _ids(self, turns: Sequence[Mapping[str, str]], generation: bool) -> tuple[int, ...]:
        """Token ids of messages as the template writes them, from BOS on; their texts stay text."""
        messages = self.messages(turns)
        mark = unused_mark(*(turn["content"] for turn in messages))
        quoted: list[str] = []
        marked = []
        for turn in messages:
            content, texts = self._text.quote(turn["content"], mark, len(quoted))
            quoted += texts
            marked.append({**turn, "content": content})
        rendered = self._render(marked, generation)
        if generation:
            rendered += closing_of_open_thought(rendered)
        ids = tuple(self._text.encode_quoted(rendered, quoted, mark))
        if self._bos is not None and ids[:1] != (self._bos,):
            ids = (self._bos, *ids)
        return ids

    def holds_control(self, *texts: str) -> bool:
        """Whether one of these texts spells a control token, which is encoded as its characters."""
        return any(map(self._text.found_in, texts))

    def messages(self, turns: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """System turn (if any) and the turns of a conversation."""
        system = [chat_turn("system", self.system_prompt)] if self.system_prompt else []
        return [*system, *turns]

    def encode_conversation(self, turns: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Token ids from BOS to the header of the next answer; the last turn is a user turn.

        Raises:
            UserError: the template begins with more than one BOS, or fails on these turns.
        """
        try:
            ids = self._ids(turns, generation=True)
        except UserError:
            raise
        except Exception as error:  # jinja2 raises whatever the template's author chose
            raise UserError(
                what=f"the chat template of model '{self.name}' fails on turn {len(turns)} of a "
                f"conversation: {error}",
                where=repr(turns[-1]["content"][:80]),
                expected="a template that renders user and assistant turns one after the other",
                remedy="take single-turn prompts, or a model whose template takes several turns",
            ) from None
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:2] == (bos, bos):
            raise UserError(
                what=f"a prompt for model '{self.name}' begins with more than one BOS token",
                where=repr(turns[-1]["content"][:80]),
                expected="one BOS token at most at the start; the chat template writes it",
                remedy="remove the second BOS token from the chat template",
            )
        return ids

    def encode_finished(self, turns: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Token ids of a conversation as the template writes it, including the last answer's end."""
        return self._ids(turns, generation=False)

    def encode_prompt(self, user: str) -> tuple[int, ...]:
        """Token ids of a single question, from BOS to the answer header."""
        return self.encode_conversation([chat_turn("user", user)])

    def encode_answer(self, answer: str) -> tuple[int, ...]:
        """Token ids of an answer with its end token: what a model should generate after the prompt."""
        if self._text.found_in(answer):
            return (*self._text.encode_text(answer), *self.end_ids)
        return tuple(self._text.encode(answer + self.end_text))

    def encode_answers(self, answers: Sequence[str]) -> list[tuple[int, ...]]:
        """Token ids of many answers, each as from `encode_answer`; one call is faster."""
        if not answers:
            return []
        texts = [answer + self.end_text for answer in answers]
        encoded = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return [
            self.encode_answer(answer) if self._text.found_in(answer) else tuple(ids)
            for answer, ids in zip(answers, encoded, strict=True)
        ]

    def encode_turns(
        self, questions: Sequence[str], answers: Sequence[str]
    ) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Token ids of a finished conversation as pairs: what comes before an answer, and the answer.

        Concatenated, the pairs are the whole conversation. Up to each answer they equal the output
        of `encode_conversation` for generation. If a template strips whitespace from earlier
        answers, these are encoded without it.

        Raises:
            UserError: the template writes an earlier turn differently than when it was asked or
                answered, so that no single sequence contains all turns.
        """
        turns = [chat_turn("user", questions[0])]
        prompt = self.encode_conversation(turns)
        pairs, start = [], 0
        for answer, question in zip(answers[:-1], questions[1:], strict=True):
            said, later, turns = self._go_on(turns, prompt, answer, question)
            pairs.append((prompt[start:], said))
            start, prompt = len(prompt) + len(said), later
        return [*pairs, (prompt[start:], self.encode_answer(answers[-1]))]

    def _go_on(
        self, turns: list[dict[str, str]], prompt: tuple[int, ...], answer: str, question: str
    ) -> tuple[tuple[int, ...], tuple[int, ...], list[dict[str, str]]]:
        """Answer and next prompt, encoded so that the next prompt begins with the previous one."""
        for text in dict.fromkeys((answer, answer.strip())):
            said = self.encode_answer(text)
            longer = [*turns, chat_turn("assistant", text), chat_turn("user", question)]
            later = self.encode_conversation(longer)
            if later[: len(prompt) + len(said)] == prompt + said:
                return said, later, longer
        raise UserError(
            what=f"the chat template of model '{self.name}' rewrites earlier turns in a "
            "conversation",
            where=f"after the answer {answer[:60]!r}, before the question {question[:60]!r}",
            expected="a template that only appends text from turn to turn, so that one training "
            "row contains all turns as the model saw them",
            remedy="save a chat template with the model's tokenizer that keeps earlier turns "
            "unchanged (no dropped reasoning, no system text moved to the last question; setting "
            "`prompting.system_prompt` to an empty text avoids the latter), or use another target "
            "or single-turn prompts",
        )

    def render(self, prompt: Prompt, max_tokens: int, answers: Sequence[str] = ()) -> Rendered:
        """Encode a conversation up to the question after `answers` in at most `max_tokens` tokens.

        If it is too long, the oldest turns are dropped first, then the end of the first question's
        context. The newest question is never truncated.

        Raises:
            UserError: the newest question alone is too long.
        """
        key = (prompt.text(), prompt.follow_ups, max_tokens, *answers)
        if key not in self._rendered:
            # All runs of a target answer and score the same prompts.
            self._rendered[key] = shorten_to_fit(
                prompt,
                answers,
                max_tokens,
                self.encode_conversation,
                self.name,
                may_shorten=self.shorten,
            )
        return self._rendered[key]


def _adds_bos(tokenizer: Any) -> bool:
    plain = tokenizer("a")["input_ids"]
    return bool(plain) and plain[0] == tokenizer.bos_token_id
