"""Next-token logits of many prompts at once; what prompts begin with alike is computed once."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

from manybaskets.engines.base import Question, Reading
from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress

log = logging.getLogger(__name__)
# A shared beginning pays from here on, as a share of the tokens of a prompt.
SHORTEST_SHARE = 0.25


def read(
    engine: Any, questions: Sequence[Question], batch_tokens: int, reuse: bool = True
) -> list[Reading]:
    """Readings in the order of the questions.

    Batches hang on all questions together and never on their order, so that the same questions give
    the same bytes.

    Args:
        reuse: compute what neighbours begin with alike once.
    """
    order = sorted(range(len(questions)), key=lambda index: questions[index].ids)
    progress = Progress(len(questions), "questions read")
    readings: dict[int, Reading] = {}
    for group, shared in _groups([questions[index].ids for index in order], reuse):
        members = [order[position] for position in group]
        cache = None
        for batch in _batches(members, questions, shared, batch_tokens):
            if shared and cache is None:
                cache = _cache(engine, questions[batch[0]].ids[:shared])
            readings |= _within_memory(engine, questions, batch, shared, cache)
            progress.add(len(batch))
    return [readings[index] for index in range(len(questions))]


def _groups(rows: Sequence[tuple[int, ...]], reuse: bool) -> Iterator[tuple[list[int], int]]:
    """Neighbours among sorted rows, with the number of tokens that they begin with alike.

    Without a shared beginning that is worth it rows are of one group, with 0.
    """
    alone: list[int] = []
    start = 0
    while start < len(rows):
        end, shared = start + 1, len(rows[start]) - 1
        while reuse and end < len(rows):
            alike = min(shared, _alike(rows[start], rows[end]))
            if alike < SHORTEST_SHARE * len(rows[end]):
                break
            end, shared = end + 1, alike
        if end - start > 1:
            yield list(range(start, end)), shared
        else:
            alone.append(start)
        start = end
    if alone:
        yield alone, 0


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Number of tokens that both begin with, less than the length of either: one must be left to
    be read."""
    end = min(len(one), len(other)) - 1
    if one[:end] == other[:end]:
        return end
    return next(index for index in range(end) if one[index] != other[index])


def _batches(
    members: Sequence[int], questions: Sequence[Question], shared: int, tokens: int
) -> Iterator[list[int]]:
    """Members by length, in batches of at most so many tokens with the padding and the shared part,
    which every row of a batch holds in its cache."""
    batch: list[int] = []
    for index in sorted(
        members, key=lambda index: (len(questions[index].ids), questions[index].ids)
    ):
        if batch and (len(batch) + 1) * len(questions[index].ids) > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _cache(engine: Any, prefix: tuple[int, ...]) -> Any:
    torch = engine.torch
    with torch.inference_mode():
        ids = torch.tensor([prefix], device=engine.device)
        return engine.base.get_decoder()(input_ids=ids, use_cache=True).past_key_values


def _within_memory(
    engine: Any,
    questions: Sequence[Question],
    batch: list[int],
    shared: int,
    cache: Any,
) -> dict[int, Reading]:
    torch = engine.torch
    try:
        return _read_batch(engine, questions, batch, shared, cache)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise UserError(
                what=f"the GPU has too little memory for one prompt of "
                f"{len(questions[batch[0]].ids)} tokens",
                where=f"model '{engine.name}'",
                expected="memory for the model and one prompt",
                remedy="lower max_prompt_tokens, or take a larger GPU",
            ) from None
        torch.cuda.empty_cache()
    half = len(batch) // 2
    log.warning("out of memory with %d prompts; continuing with %d", len(batch), half)
    return _within_memory(engine, questions, batch[:half], shared, cache) | _within_memory(
        engine, questions, batch[half:], shared, cache
    )


def _read_batch(
    engine: Any,
    questions: Sequence[Question],
    batch: Sequence[int],
    shared: int,
    cache: Any,
) -> dict[int, Reading]:
    torch = engine.torch
    rest = [questions[index].ids[shared:] for index in batch]
    # Padding on the right needs no mask: no state of a causal model sees what follows it.
    ids = torch.full((len(rest), max(map(len, rest))), engine.pad)
    for row, tokens in enumerate(rest):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    copied = copy.deepcopy(cache)  # the model writes into what it is given
    if copied is not None:
        copied.batch_repeat_interleave(len(rest))
    last = torch.tensor([len(tokens) - 1 for tokens in rest], device=engine.device)
    with torch.inference_mode():
        states = engine.base.get_decoder()(
            input_ids=ids.to(engine.device), past_key_values=copied, use_cache=copied is not None
        )
        rows = torch.arange(len(rest), device=engine.device)
        states = states.last_hidden_state[rows, last]
        del copied
        readings: dict[int, Reading] = {}
        for chunk in engine.chunks(len(rest)):
            logits = engine.logits(states[chunk])
            # Rows of the vocabulary that no token of the tokenizer has are no answer.
            logits[:, engine.tokens :] = -math.inf
            readings |= _readings(
                engine, [questions[index] for index in batch[chunk]], batch[chunk], logits
            )
    return readings


def _readings(
    engine: Any, questions: Sequence[Question], keys: Sequence[int], logits: Any
) -> dict[int, Reading]:
    total = logits.logsumexp(1)
    readings = {}
    for row, (key, question) in enumerate(zip(keys, questions, strict=True)):
        logits_of_options = logits[row, list(question.wanted)].tolist()
        log_total = float(total[row])
        if not all(map(math.isfinite, [*logits_of_options, log_total])):
            raise UserError(
                what="the model's logits are not finite",
                where=f"model '{engine.name}', a prompt of {len(question.ids)} tokens",
                expected="finite logits",
                remedy="check the weights and the adapter, or set precision to float32",
            )
        warped = _warped(engine, question, logits[row : row + 1]) if question.sampling else None
        readings[key] = Reading(logits_of_options, log_total, warped)
    return readings


def _warped(engine: Any, question: Question, logits: Any) -> list[float]:
    """Probabilities of the wanted tokens after temperature and top-p, as in generation."""
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    sampling = question.sampling
    scores = TemperatureLogitsWarper(sampling.temperature)(None, logits)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(None, scores)
    return scores.softmax(1)[0, list(question.wanted)].tolist()
