"""Check a pilot's rendered prompts against the chat template itself and not our renderer.

The template's behavior is derived from its own rendering of probes; every prompt of the pilot is
rendered a second time by the template alone. This reveals faults in the renderer or in an engine
around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from manybaskets.chat import ChatRenderer, Prompt, Rendered
from manybaskets.chat.control_tokens import control_tokens
from manybaskets.chat.reasoning import closing_of_open_thought
from manybaskets.generation.pilot.pilot_checks import Check, Seen, Template, Trial

MAX_SHORTENED = 0.01
BY_SERVER = "rendered by the server, not checked"
_QUESTION, _ANSWER = "\u27e6question\u27e7", "\u27e6answer\u27e7"
_ROLES = {"system", "user", "assistant", "model", "human"}
_WORD = "word"  # takes the place of a control token
_OWN_WORDS = 4  # words outside of special tokens and roles that count as text


def read_template(renderer: ChatRenderer) -> Template:
    """Derive from a chat template what it writes around questions and answers."""
    tokenizer = renderer.tokenizer
    messages = [*_system_turn(renderer), _message("user", _QUESTION)]
    prompt = template_text(renderer, messages)
    without = template_text(renderer, messages, generation=False)
    finished = template_text(
        renderer, [*messages, _message("assistant", _ANSWER)], generation=False
    )
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    special = {*tokenizer.all_special_tokens, *(str(token) for token in added if token.special)}
    bos = tokenizer.bos_token_id
    begins = tokenizer("a")["input_ids"][:1] == [bos]
    rest = prompt.replace(_QUESTION, " ").replace(renderer.system_prompt or _QUESTION, " ")
    for token in sorted(special, key=len, reverse=True):
        rest = rest.replace(token, " ")
    words = [word for word in re.findall(r"[^\W\d_]{2,}", rest) if word.lower() not in _ROLES]
    return Template(
        bos_id=bos,
        bos_wanted=bos is not None and (begins or tokenizer.bos_token in prompt),
        tail=prompt.rpartition(_QUESTION)[2],
        lead=finished.rpartition(_ANSWER)[0].rpartition(_QUESTION)[2],
        adds_header=prompt != without,
        own_text=" ".join(rest.split()) if len(words) >= _OWN_WORDS else "",
        clock=_reads_clock(renderer, messages),
        control_tokens=frozenset(control_tokens(tokenizer)),
    )


def _reads_clock(renderer: ChatRenderer, messages: Sequence[Mapping[str, str]]) -> bool:
    # Templates may call `strftime_now`; they cannot be rendered without it.
    try:
        template_text(renderer, messages, strftime_now=None)
    except TypeError:
        return True
    return False


def see(renderer: ChatRenderer, prompt: Prompt, turn: int, rendered: Rendered) -> Seen:
    """A rendered prompt and the template's own text for the same turns."""
    turns = [_message(*message) for message in rendered.messages]
    messages = [*_system_turn(renderer), *turns]
    text = template_text(renderer, messages)
    tokenizer, texts = renderer.tokenizer, control_tokens(renderer.tokenizer)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    # The same messages without control text show which control tokens are the template's own.
    longest_first = sorted(texts, key=len, reverse=True)
    spelled = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
    bare = [_message(turn["role"], spelled.sub(_WORD, turn["content"])) for turn in messages]
    own = tokenizer(template_text(renderer, bare), add_special_tokens=False)["input_ids"]
    controls = set(tokenizer.convert_tokens_to_ids(texts))
    rendered_ids, own_ids = (_controls(ids, controls, tokenizer) for ids in (rendered.ids, own))
    return Seen(
        prompt, turn, rendered, text, tuple(tokens), bare != messages, rendered_ids == own_ids
    )


def _controls(ids: Sequence[int], controls: set[int], tokenizer: Any) -> list[int]:
    """Control tokens among ids, without a leading BOS, which the tokenizer may add."""
    start = 1 if ids[:1] and ids[0] == tokenizer.bos_token_id else 0
    return [token for token in ids[start:] if token in controls]


def template_text(
    renderer: ChatRenderer,
    messages: Sequence[Mapping[str, str]],
    generation: bool = True,
    **values: Any,
) -> str:
    """The template's text for messages, without our renderer; an opened thought is closed."""
    text = renderer.tokenizer.apply_chat_template(
        list(messages),
        tokenize=False,
        add_generation_prompt=generation,
        date_string=renderer.date,
        **renderer.template_arguments,
        **values,
    )
    return text + closing_of_open_thought(text) if generation else text


def _system_turn(renderer: ChatRenderer) -> list[dict[str, str]]:
    return [_message("system", renderer.system_prompt)] if renderer.system_prompt else []


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def rendering_checks(trial: Trial) -> list[Check]:
    """Checks of BOS, answer header, system prompt, user text and context window."""
    if trial.template is None:
        return [Check(name, None, None, "ok", BY_SERVER) for name in _RENDERING]
    return [check(name, trial, trial.template) for name, check in _RENDERING.items()]


def _per_prompt(name: str, trial: Trial, wrong: Sequence[Seen], what: str) -> Check:
    """A check that no prompt may fail."""
    level = "fail" if wrong else "ok"
    message = f"{len(wrong)} of {len(trial.seen)} prompts {what}"
    return Check(name, len(wrong), 0, level, message, _places(wrong))


def _places(seen: Sequence[Seen]) -> tuple[tuple[str, int], ...]:
    return tuple((each.prompt.prompt_id, each.turn) for each in seen)


def _bos(name: str, trial: Trial, template: Template) -> Check:
    if template.bos_id is None:
        return Check(name, 0, 0, "ok", "the tokenizer has no BOS")
    # Only the start counts: some families open every turn with the same token.
    counts = [_leading(seen.rendered.ids, template.bos_id) for seen in trial.seen]
    expected = int(template.bos_wanted)
    wrong = [seen for seen, count in zip(trial.seen, counts, strict=True) if count != expected]
    if wrong:
        distinct = sorted(set(counts))
        message = (
            f"{len(wrong)} of {len(counts)} prompts begin with an unexpected number of BOS "
            f"tokens: {distinct}"
        )
        return Check(name, max(counts), expected, "fail", message, _places(wrong))
    if not expected:
        message = "the tokenizer has a BOS, but neither it nor the chat template writes it"
        return Check(name, 0, 0, "warn", message)
    return Check(name, 1, 1, "ok", "every prompt begins with exactly one")


def _leading(ids: Sequence[int], token: int) -> int:
    return next((number for number, each in enumerate(ids) if each != token), len(ids))


def _header(name: str, trial: Trial, template: Template) -> Check:
    tail, lead = template.tail.rstrip(), template.lead.rstrip()
    wrong = [seen for seen in trial.seen if not seen.text.endswith(template.tail)]
    if wrong:
        return _per_prompt(name, trial, wrong, f"do not end with {template.tail!r}")
    if not tail:
        message = "nothing marks where the question ends and the answer begins"
        return Check(name, template.tail, None, "fail", message)
    if tail == lead or (template.adds_header and (lead.startswith(tail) or tail.startswith(lead))):
        return Check(name, template.tail, None, "ok", "every prompt ends with it")
    if template.adds_header:
        message = f"prompts end with {tail!r}, but in a conversation {lead!r} precedes an answer"
        return Check(name, template.tail, None, "warn", message)
    message = f"{lead!r} precedes an answer in a conversation, but prompts end with {tail!r}"
    return Check(name, template.tail, None, "fail", message)


def _tokens(name: str, trial: Trial, template: Template) -> Check:
    # The tokenizer may add the BOS if the template does not write it.
    bos = () if template.bos_id is None else (template.bos_id,)
    # The template's text with control text in it has other tokens on purpose.
    wrong = [
        seen
        for seen in trial.seen
        if not seen.spells_control and seen.rendered.ids not in (seen.tokens, (*bos, *seen.tokens))
    ]
    return _per_prompt(name, trial, wrong, "have different tokens than the chat template's text")


def _system(name: str, trial: Trial, template: Template) -> Check:
    if not trial.system_prompt:
        return Check(name, None, None, "ok", "the config sets no system prompt")
    text = trial.system_prompt.strip()
    missing = [seen for seen in trial.seen if text not in seen.text]
    if not missing:
        return Check(name, True, True, "ok", "every prompt contains it")
    if len(missing) < len(trial.seen):
        return _per_prompt(name, trial, missing, "do not contain it")
    message = (
        "absent: the chat template does not support a system turn, so this source answers "
        "without one"
    )
    return Check(name, False, True, "warn", message)


def _own_text(name: str, trial: Trial, template: Template) -> Check:
    remarks = [f"it adds {template.own_text[:120]!r}"] if template.own_text else []
    remarks += ["it prints the current date"] if template.clock else []
    message = "; ".join(remarks) or "the chat template adds no text"
    return Check(name, len(remarks), 0, "warn" if remarks else "ok", message)


def _questions(name: str, trial: Trial, template: Template) -> Check:
    wrong = [seen for seen in trial.seen if seen.question.strip() not in seen.text]
    if wrong:
        return _per_prompt(name, trial, wrong, "do not contain the user's text unchanged")
    trimmed = sum(seen.question not in seen.text for seen in trial.seen)
    message = "every prompt contains the user's text unchanged"
    message += f"; the template strips outer whitespace from {trimmed}" if trimmed else ""
    return Check(name, 0, 0, "ok", message)


def _special(name: str, trial: Trial, template: Template) -> Check:
    """Such text is encoded as text: no prompt has other control tokens than its template writes."""
    wrong = [seen for seen in trial.seen if not seen.only_own_controls]
    if wrong:
        return _per_prompt(
            name, trial, wrong, "have control tokens that the template does not write"
        )
    ids = list(trial.special_prompts)
    if not ids:
        return Check(name, 0, 0, "ok", "no training prompt spells a control token of the model")
    message = (
        f"{len(ids)} training prompts spell a control token of the model, which is read as text"
    )
    return Check(name, len(ids), 0, "warn", f"{message} (e.g. {', '.join(ids[:3])})")


def _window(name: str, trial: Trial, template: Template) -> Check:
    room = trial.source.sampling.max_new_tokens
    longest = max(len(seen.rendered.ids) for seen in trial.seen) + room
    if trial.window is None:
        return Check(
            name, longest, None, "ok", "the model's config does not specify its context window"
        )
    over = [seen for seen in trial.seen if len(seen.rendered.ids) + room > trial.window]
    if over:
        message = f"{len(over)} prompts with max_new_tokens = {room} do not fit"
        return Check(name, longest, trial.window, "fail", message, _places(over))
    if trial.max_prompt_tokens + room > trial.window:
        message = f"a prompt of max_prompt_tokens = {trial.max_prompt_tokens} would not fit"
        return Check(name, longest, trial.window, "warn", message)
    return Check(name, longest, trial.window, "ok", "every prompt fits with its longest answer")


def _shortened(name: str, trial: Trial, template: Template) -> Check:
    seen = [each for each in trial.seen if each.prompt.prompt_id in trial.drawn]
    cut = [each for each in seen if each.rendered.shortened]
    share = len(cut) / len(seen) if seen else 0.0
    others = sum(each.rendered.shortened for each in trial.seen) - len(cut)
    message = f"{len(cut)} of {len(seen)} prompts were shortened to fit"
    message += f", and {others} of the longest" if others else ""
    level = "warn" if share > MAX_SHORTENED else "ok"
    return Check(name, round(share, 4), MAX_SHORTENED, level, message, _places(cut))


_RENDERING: dict[str, Callable[[str, Trial, Template], Check]] = {
    "one BOS": _bos,
    "answer header": _header,
    "prompt tokens": _tokens,
    "system prompt": _system,
    "text added by the template": _own_text,
    "user text": _questions,
    "control tokens in user text": _special,
    "context window": _window,
    "shortened prompts": _shortened,
}
