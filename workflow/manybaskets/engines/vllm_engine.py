"""The `vllm` engine: continuous batching, with all adapters of a base model in one engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import VllmSettings
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Completion, Question, Reading, Request
from manybaskets.engines.vllm_model import VllmModel
from manybaskets.errors import UserError


def open_engine(settings: VllmSettings, opening: Opening) -> VllmEngine:
    """Load a model with vLLM from a config section."""
    return VllmEngine(
        opening.folder,
        opening.prompting,
        settings,
        settings.precision or opening.precision,
        opening.threads,
        opening.name,
        opening.longest,
        opening.gpus,
    )


class VllmEngine(VllmModel):
    """A model in vLLM that answers and scores.

    Args and errors: as of `VllmModel`.
    """

    takes_form = True

    def generate(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        form: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer requests, in the order in which answers finish."""
        common = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_new_tokens,
            "stop_token_ids": self.end_ids,
            "ignore_eos": True,  # use our end tokens, not those of the model's config
        }
        for request in requests:
            where = f"model '{self.name}', prompt {request.prompt_id}"
            self._check_fits(len(request.ids) + sampling.max_new_tokens, where)
        asked = [
            (request.ids, common | {"seed": request.seed} | _held_to(form)) for request in requests
        ]
        for index, output in self._run(asked):
            yield requests[index], self._completion(output.outputs[0])

    def _completion(self, answer: Any) -> Completion:
        if answer.finish_reason not in ("stop", "length"):
            error = f"vLLM ended the answer with finish reason '{answer.finish_reason}'"
            return Completion(None, "error", None, error=error)
        tokens = list(answer.token_ids)
        kept = tokens[:-1] if answer.finish_reason == "stop" else tokens
        text = self.renderer.tokenizer.decode(kept, skip_special_tokens=True).strip()
        return Completion(text, answer.finish_reason, len(tokens))

    def score(self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[list[float]]:
        """Log-probabilities (nats) of each answer's tokens, without temperature."""
        # vLLM only scores prompts, and always samples a token after them.
        sampling = {"temperature": 0.0, "max_tokens": 1, "prompt_logprobs": 0}
        for prompt, answer in pairs:
            self._check_fits(len(prompt) + len(answer) + 1, f"model '{self.name}', a scored answer")
        scores: list[list[float]] = [[] for _ in pairs]
        for index, output in self._run([(prompt + answer, sampling) for prompt, answer in pairs]):
            start, ids = len(pairs[index][0]), output.prompt_token_ids
            scores[index] = [
                output.prompt_logprobs[position][ids[position]].logprob
                for position in range(start, len(ids))
            ]
        return scores

    def read(self, questions: Sequence[Question], batch_tokens: int) -> list[Reading]:
        """The wanted tokens' log-probabilities after every question, before any warping.

        vLLM batches by itself, ignoring `batch_tokens`, and always samples a token, which is not
        used.
        """
        if any(question.sampling for question in questions):
            raise UserError(
                what="engine `vllm` does not return probabilities after temperature and top-p",
                where=f"model '{self.name}'",
                expected="only raw log-probabilities",
                remedy="use engine `transformers` for this reading",
            )
        requests = []
        for question in questions:
            self._check_fits(len(question.ids) + 1, f"model '{self.name}', a question to a judge")
            sampling = {"temperature": 0.0, "max_tokens": 1}
            sampling |= {"logprob_token_ids": sorted(set(question.wanted))}
            requests.append((question.ids, sampling))
        readings: list[Any] = [None] * len(questions)
        for index, output in self._run(requests):
            logprobs = output.outputs[0].logprobs[0]
            logits = [logprobs[token].logprob for token in questions[index].wanted]
            readings[index] = Reading(logits, 0.0)
        return readings


def _held_to(form: Mapping[str, Any] | None) -> dict[str, Any]:
    """Sampling parameters that constrain an answer to a JSON schema, separate for each request."""
    if form is None:
        return {}
    from vllm.sampling_params import StructuredOutputsParams

    return {"structured_outputs": StructuredOutputsParams(json=dict(form))}
