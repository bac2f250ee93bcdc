"""The `transformers` engine: batched generation and scoring on a CPU or on GPUs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Completion, Question, Reading, Request
from manybaskets.engines.nucleus import nucleus
from manybaskets.engines.transformers_model import TokenPair, TransformersModel
from manybaskets.errors import UserError

log = logging.getLogger(__name__)
_LOWEST = -1e4  # below the largest logit; its exponential is 0


@dataclass(frozen=True)
class Scores:
    """Scores of one answer: each token's log-probability, and the entropy of the distribution it
    was chosen from, in nats."""

    log_probabilities: list[float]
    entropies: list[float]


def open_engine(settings: TransformersSettings, opening: Opening) -> TransformersEngine:
    """Load a model with transformers from a config section."""
    return TransformersEngine(
        opening.folder,
        opening.prompting,
        settings.weights_format(opening.precision),
        opening.threads,
        opening.name,
        gpus=opening.gpus,
    )


class TransformersEngine(TransformersModel):
    """A transformers model that answers and scores.

    Answers are drawn by the Gumbel-max rule with a random stream per row: the token is the argmax
    of the warped log-probabilities plus Gumbel noise from the row's own seed, which samples
    exactly. A row's answer therefore depends on its own seed and not on its neighbours in the
    batch.

    Args: as of `TransformersModel`.
    """

    fixed_batches = True

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer one batch; if memory is insufficient, halve it and continue."""
        yield from zip(requests, self._within_memory(requests, sampling), strict=True)

    def _within_memory(self, batch: Sequence[Request], sampling: Sampling) -> list[Completion]:
        try:
            return self._generate(batch, sampling)
        except self.torch.OutOfMemoryError:
            if len(batch) == 1:
                raise UserError(
                    what=f"the GPU has too little memory for one prompt with {len(batch[0].ids)} "
                    "tokens",
                    where=f"model '{self.name}', prompt {batch[0].prompt_id}",
                    expected="enough memory for the model and one prompt with its answer",
                    remedy="lower `max_prompt_tokens` or `max_new_tokens`, or use a larger GPU",
                ) from None
            self.torch.cuda.empty_cache()
        half = len(batch) // 2
        log.warning("out of memory with %d rows; continuing with %d", len(batch), half)
        return [
            completion
            for half_batch in (batch[:half], batch[half:])
            for completion in self._within_memory(half_batch, sampling)
        ]

    def _generate(self, batch: Sequence[Request], sampling: Sampling) -> list[Completion]:
        from transformers import GenerationConfig, LogitsProcessorList

        ids, mask = self._left_padded([request.ids for request in batch])
        processors = LogitsProcessorList()
        if sampling.temperature > 0:
            processors.append(self._row_sampler(batch, sampling))
        # Use our own configuration: a model's folder may contain sampling defaults.
        settings = GenerationConfig(
            do_sample=False,
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=self.pad,
            eos_token_id=self.end_ids,
        )
        with self.torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=settings,
                logits_processor=processors,
            )
        return [self._completion(row) for row in output[:, ids.shape[1] :].tolist()]

    def _completion(self, tokens: list[int]) -> Completion:
        end = next((index for index, token in enumerate(tokens) if token in self.end_ids), None)
        kept = tokens if end is None else tokens[:end]
        text = self.renderer.tokenizer.decode(kept, skip_special_tokens=True).strip()
        used = len(kept) + (end is not None)
        return Completion(text, "length" if end is None else "stop", used)

    def _row_sampler(self, batch: Sequence[Request], sampling: Sampling) -> Any:
        from transformers import TemperatureLogitsWarper

        torch = self.torch
        generators = [
            torch.Generator(device=self.device).manual_seed(request.seed) for request in batch
        ]
        temperature = TemperatureLogitsWarper(sampling.temperature)

        def sample(input_ids: Any, scores: Any) -> Any:
            scores = temperature(input_ids, scores.float())
            if sampling.top_p < 1:
                scores = nucleus(scores, sampling.top_p)
            noise = torch.stack(
                [
                    torch.empty(scores.shape[1], device=scores.device).exponential_(
                        generator=generator
                    )
                    for generator in generators
                ]
            )
            # -log of an exponential variable is Gumbel noise.
            return scores - noise.log()

        return sample

    def _left_padded(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        torch = self.torch
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, width - len(row) :] = torch.tensor(row)
            mask[index, width - len(row) :] = 1
        return ids.to(self.device), mask.to(self.device)

    def score(self, pairs: Sequence[TokenPair]) -> list[list[float]]:
        """Log-probabilities (nats, float32) of each answer's tokens, without prompt logits."""
        return [scores.log_probabilities for scores in self.scores(pairs)]

    def scores(self, pairs: Sequence[TokenPair]) -> list[Scores]:
        """Score one batch of answers; memory for logits does not grow with the batch."""
        torch = self.torch
        answers = [answer for _, answer in pairs]
        tokens = torch.tensor([token for answer in answers for token in answer])
        found = []
        with torch.inference_mode():
            states = self.answer_states(pairs)
            for chunk in self.chunks(len(tokens)):
                logits = self.logits(states[chunk])
                found.append(_scores(logits, tokens[chunk].to(logits.device)).cpu())
        rows = torch.cat(found, dim=1).split(list(map(len, answers)), dim=1)
        return [Scores(*row.tolist()) for row in rows]

    def read(self, questions: Sequence[Question], batch_tokens: int) -> list[Reading]:
        """The next token's raw logits (float32) after every question; see `transformers_reading`."""
        from manybaskets.engines.transformers_reading import read

        return read(self, questions, batch_tokens)


def _scores(logits: Any, tokens: Any) -> Any:
    """Log-probability of each token and entropy of its distribution, in nats: [2, positions]."""
    import torch

    top = logits.amax(1, keepdim=True)
    # The bound avoids 0 · log 0 in the entropy for a logit of −∞.
    shifted = logits.sub(top).clamp_(min=_LOWEST)
    weights = shifted.exp()
    total = weights.sum(1)
    chosen = logits.gather(1, tokens[:, None]).sub_(top)[:, 0]
    entropies = total.log() - weights.mul_(shifted).sum(1) / total
    return torch.stack([chosen - total.log(), entropies])
