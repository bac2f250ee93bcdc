"""Questions to a judge in the tokens of its model."""

from __future__ import annotations

from typing import Literal

from manybaskets.chat import ChatRenderer
from manybaskets.errors import UserError
from manybaskets.judging.fencing import disarmed
from manybaskets.judging.rubrics import Rubric


class QuestionEncoder:
    """Writes and encodes a rubric's questions for one judge.

    Args:
        renderer: of the judge's model.
        form: of the judge's answers.
        judge: its name in errors.
    """

    def __init__(
        self,
        renderer: ChatRenderer,
        rubric: Rubric,
        form: Literal["json", "tagged", "published"],
        judge: str,
    ) -> None:
        self.rubric, self.form, self.judge = rubric, form, judge
        self.renderer = renderer.with_system(rubric.system)
        tokenizer = renderer.tokenizer
        added = tokenizer.added_tokens_decoder.values()
        special = {*tokenizer.all_special_tokens, *(str(each) for each in added if each.special)}
        # Shorter tokens may occur in any text and do not end a turn.
        self.special = sorted(token for token in special if len(token) > 2)
        # Some tokenizers have thousands, and few texts contain the beginning of any.
        self.heads = {token[:2] for token in self.special}

    def encode(
        self, request: str, response: str, *, reversed_scale: bool = False, reminders: int = 0
    ) -> tuple[str, tuple[int, ...]]:
        """The question about an exchange, and its tokens up to the header of the answer.

        Args:
            reversed_scale, reminders: as in `Rubric.question`.

        Raises:
            UserError: the chat template cannot render it, or the rubric has no text for the form.
        """
        question = self.rubric.question(
            self._disarmed(request),
            self._disarmed(response),
            self.form,
            reversed_scale=reversed_scale,
            reminders=reminders,
        )
        system = self.rubric.system.strip()
        alone = system and not self.renderer.system_turn
        return question, self._encoded(f"{system}\n\n{question}" if alone else question)

    def _disarmed(self, text: str) -> str:
        near = any(head in text for head in self.heads)
        return disarmed(text, self.special) if near else text

    def _encoded(self, question: str) -> tuple[int, ...]:
        try:
            return self.renderer.encode_conversation([{"role": "user", "content": question}])
        except UserError:
            # The exception's message would quote the question.
            raise UserError(
                what="the chat template of the judge's model cannot render a question",
                where=f"judge '{self.judge}', rubric '{self.rubric.name}'",
                expected="a chat template that writes at most one BOS",
                remedy="use another model as the judge, or save another chat template with its "
                "tokenizer",
            ) from None
