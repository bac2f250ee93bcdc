"""Next-token logits of many prompts at once; shared prefixes are computed once."""

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
# Minimum length of a useful shared prefix, as a share of a prompt's tokens.
SHORTEST_SHARE = 0.25


def read(
    engine: Any, questions: Sequence[Question], batch_tokens: int, reuse: bool = True
) -> list[Reading]:
    """Readings in the order of the questions.

    Batches depend on the set of questions but not their order, so that equal questions give equal
    bytes.

    Args:
        reuse: whether to compute shared prefixes of neighbours once.
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
    """Groups of neighbouring sorted rows, with the length of their shared prefix in tokens.

    Rows without a useful shared prefix form one group with length 0.
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
    """Length of the shared prefix, less than either length: at least one token must remain."""
    end = min(len(one), len(other)) - 1
    if one[:end] == other[:end]:
        return end
    return next(index for index in range(end) if one[index] != other[index])


def _batches(
    members: Sequence[int], questions: Sequence[Question], shared: int, tokens: int
) -> Iterator[list[int]]:
    """Members by length, in batches of limited tokens including padding and the shared prefix,
    which every row of a batch keeps in its cache."""
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
                what="the GPU has too little memory for one prompt with "
                f"{len(questions[batch[0]].ids)} tokens",
                where=f"model '{engine.name}'",
                expected="enough memory for the model and one prompt",
                remedy="lower `max_prompt_tokens`, or use a larger GPU",
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
    # Padding on the right needs no mask: states of a causal model do not depend on later tokens.
    ids = torch.full((len(rest), max(map(len, rest))), engine.pad)
    for row, tokens in enumerate(rest):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    copied = copy.deepcopy(cache)  # the model writes into its input cache
    if copied is not None:
        copied.batch_repeat_interleave(len(rest))
    last = torch.tensor([len(tokens) - 1 for tokens in rest])
    with torch.inference_mode():
        outputs = engine.base.get_decoder()(
            input_ids=ids.to(engine.device), past_key_values=copied, use_cache=copied is not None
        )
        # The last layer of a model on several GPUs is not where its first one is.
        hidden = outputs.last_hidden_state
        states = hidden[torch.arange(len(rest), device=hidden.device), last.to(hidden.device)]
        del outputs, hidden
        del copied
        readings: dict[int, Reading] = {}
        for chunk in engine.chunks(len(rest)):
            logits = engine.logits(states[chunk])
            # Vocabulary rows without a tokenizer token are not valid answers.
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
                remedy="check the weights and the adapter, or set `precision: float32`",
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
