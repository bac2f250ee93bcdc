"""Whether a chat template takes a dataset's conversations, found out before any answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from manybaskets.chat.prompts import Prompt
from manybaskets.chat.renderer import ChatRenderer
from manybaskets.chat.template_arguments import template_variables
from manybaskets.errors import UserError

_ANSWER = "It is so."  # takes the place of the answers, which are not known yet


def check_conversations(
    renderer: ChatRenderer, prompts: Iterable[Prompt], *, trained: bool
) -> None:
    """Try one conversation of every number of turns.

    Args:
        trained: whether whole conversations become training rows of the model. A row is one
            sequence, so that the template must render earlier turns the same when later ones
            follow. A model that only answers renders every turn anew.

    Raises:
        UserError: names the fault of the template, a conversation, and what to do.
    """
    by_turns: dict[int, Prompt] = {}
    for prompt in prompts:
        by_turns.setdefault(prompt.turns, prompt)
    for turns, prompt in sorted(by_turns.items()):
        if turns > 1 and (fault := _fault(renderer, prompt, trained)):
            name = renderer.name
            raise UserError(
                what=fault.what,
                where=f"model '{name}', prompt {prompt.prompt_id} with {turns} questions; nothing "
                "was answered yet",
                expected=fault.expected,
                remedy=", or ".join(_remedies(renderer, prompt, trained)),
            )


def _fault(renderer: ChatRenderer, prompt: Prompt, trained: bool) -> UserError | None:
    answers = [_ANSWER] * prompt.turns
    try:
        if trained:
            renderer.encode_turns([prompt.text(), *prompt.follow_ups], answers)
        else:
            renderer.encode_conversation(prompt.conversation(answers[1:]))
    except UserError as error:
        return error
    return None


def _remedies(renderer: ChatRenderer, prompt: Prompt, trained: bool) -> Iterator[str]:
    """What was tried and works, then what works always."""

    def works(change: Callable[[], ChatRenderer]) -> bool:
        try:
            return _fault(change(), prompt, trained) is None
        except UserError:  # the template fails altogether
            return False

    if renderer.system_prompt and works(lambda: renderer.with_system("")):
        yield "set `prompting.system_prompt` to an empty text"
    arguments = renderer.template_arguments
    for switch in template_variables(renderer.tokenizer.get_chat_template())[1]:
        for value in (True, False):
            changed = {**arguments, switch: value}
            if not switch.endswith("_thinking") or arguments.get(switch) == value:
                continue
            if works(partial(renderer.with_arguments, changed)):
                key = f"models.{renderer.name}.template_arguments"
                yield f"set `{key}: {{{switch}: {str(value).lower()}}}`"
    yield (
        "set `cleaning.first_turn_only: true` to keep the first question and answer of every "
        "conversation"
    )
    yield "save a chat template with the model's tokenizer that keeps earlier turns as they were"
    yield "use another model"
