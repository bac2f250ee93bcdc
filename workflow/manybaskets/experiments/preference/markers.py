"""The answer tokens of a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manybaskets.chat import ChatRenderer
from manybaskets.errors import UserError


@dataclass(frozen=True)
class MarkerTokens:
    """Tokens of a marker set at the start of an answer, and equivalent tokens: the marker after a
    space, or as written by the whole template."""

    ids: tuple[int, ...]
    variants: tuple[int, ...]


def marker_tokens(renderer: ChatRenderer, markers: Sequence[str]) -> MarkerTokens:
    """Tokens of markers as the first token of an answer, as in the judge's training.

    Raises:
        UserError: a marker is not a single, distinct token there.
    """
    ids = []
    for marker in markers:
        answer = renderer.encode_answer(marker)
        said, end = answer[: -len(renderer.end_ids)], answer[-len(renderer.end_ids) :]
        unknown = renderer.tokenizer.unk_token_id
        if len(said) != 1 or end != renderer.end_ids or said[0] == unknown:
            tokens = renderer.tokenizer.convert_ids_to_tokens(list(said))
            raise _unusable(
                f"the marker '{marker}' is not a single token for the judge '{renderer.name}' but "
                f"{len(said)}: {tokens}",
                renderer,
            )
        ids.append(said[0])
    if len(set(ids)) < len(ids):
        raise _unusable(
            f"two of the markers {list(markers)} are the same token for the judge "
            f"'{renderer.name}'",
            renderer,
        )
    others = {token for marker in markers for token in _other_forms(renderer, marker)}
    return MarkerTokens(tuple(ids), tuple(sorted(others - set(ids))))


def _other_forms(renderer: ChatRenderer, marker: str) -> list[int]:
    """Other single tokens that may start the same answer."""
    forms = []
    spaced = renderer.tokenizer(f" {marker}", add_special_tokens=False)["input_ids"]
    if len(spaced) == 1:
        forms.append(spaced[0])
    question = {"role": "user", "content": "?"}
    header = renderer.encode_conversation([question])
    whole = renderer.encode_finished([question, {"role": "assistant", "content": marker}])
    # The template may write a space between header and answer.
    if whole[: len(header)] == header and renderer.tokenizer.decode(
        [whole[len(header)]]
    ).strip() == marker:  # fmt: skip
        forms.append(whole[len(header)])
    return forms


def _unusable(what: str, renderer: ChatRenderer) -> UserError:
    return UserError(
        what=what,
        where=f"tokenizer {renderer.tokenizer.name_or_path}; preference.markers, preference.scale, "
        "preference.judging.published_form.markers",
        expected="markers and digits that are a single token each at the start of an answer",
        remedy="use other markers, such as [A, B] or [1, 2], or remove this judge",
    )
