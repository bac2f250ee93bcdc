"""The `transformers` engine: batched generation and scoring on a CPU or on GPUs."""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.chat.tokenizers import padding_id
from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.adapter_loading import add_adapter
from manybaskets.engines.adapter_probe import Probes
from manybaskets.engines.base import Completion, LocalEngine, Question, Reading, Request
from manybaskets.engines.nucleus import nucleus
from manybaskets.engines.placement import loading_arguments
from manybaskets.errors import UserError
from manybaskets.models.folder import check_folder, fingerprint
from manybaskets.models.libraries import import_libraries

log = logging.getLogger(__name__)
TokenPair = tuple[tuple[int, ...], tuple[int, ...]]  # the tokens of a prompt and of its answer
_CELLS_AT_ONCE = 2**25  # positions times vocabulary: 128 MiB of logits in float32
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


class TransformersEngine(LocalEngine):
    """A transformers causal language model with any number of LoRA adapters.

    Answers are drawn by the Gumbel-max rule with a random stream per row: the token is the argmax
    of the warped log-probabilities plus Gumbel noise from the row's own seed, which samples
    exactly. A row's answer therefore depends on its own seed and not on its neighbours in the
    batch.

    Args:
        folder: model folder with safetensors weights and a chat template.
        prompting: system prompt, date.
        precision: `float32` or `bfloat16`.
        threads: CPU threads.
        name: name of the model in errors.
        gpus: GPUs of the job; the layers are spread over several.
        placement: device of each part of the model, as accelerate's `device_map`; None to follow
            from `gpus`.
        offload: folder for the weights that `placement` puts on `disk`.
    """

    fixed_batches = True

    def __init__(
        self,
        folder: Path,
        prompting: Prompting,
        precision: str,
        threads: int,
        name: str,
        *,
        gpus: int = 0,
        placement: Mapping[str, Any] | None = None,
        offload: Path | None = None,
    ) -> None:
        check_folder(folder, name)
        import_libraries("torch", "transformers.generation", "transformers.modeling_utils")
        import torch
        import transformers
        from transformers import AutoModelForCausalLM

        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(threads)
        started = time.monotonic()
        self.torch = torch
        self.name = name
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = load_tokenizer(folder, name)
        shorten = prompting.long_prompts == "shorten"
        self.renderer = ChatRenderer(
            tokenizer,
            prompting.system_prompt,
            prompting.date,
            name,
            shorten,
            prompting.template_values(),
        )
        arguments = loading_arguments(
            AutoModelForCausalLM,
            folder,
            precision,
            gpus=gpus,
            device_map=placement,
            offload=offload,
        )
        self.base = AutoModelForCausalLM.from_pretrained(folder, **arguments)
        if not hasattr(self.base, "hf_device_map"):
            self.base.to(self.device)
        self.base.eval()
        self.model: Any = self.base
        settings = self.base.config.get_text_config()
        self.context = getattr(
            settings, "max_position_embeddings", None
        )  # tokens; null for no limit
        self.vocabulary = self.base.get_output_embeddings().weight.shape[0]
        self.tokens = 1 + max(tokenizer.get_vocab().values())  # the rest of `vocabulary` is padding
        self.adapters: dict[Path, str] = {}  # adapters in memory, by folder
        self.fingerprints: dict[Path, str] = {}
        self.numbers = itertools.count()
        self.probes = Probes(name)
        self.unchecked = False
        self.pad = padding_id(tokenizer, name, self.renderer.end_ids[-1])
        ends = {self.renderer.end_ids[-1], tokenizer.eos_token_id}
        self.end_ids = sorted(token for token in ends if token is not None)
        self.base_identity = {
            "engine": "transformers",
            "engine_version": transformers.__version__,
            "model": name,
            "weights": fingerprint(folder),
            "precision": precision,
            **self.renderer.identity,
        }
        self.identity = self.base_identity | {"adapter": None}
        log.info("model '%s' loaded in %.1f s", name, time.monotonic() - started)

    def use_adapter(self, folder: Path | None) -> None:
        """Use this adapter, or the base model, for answers and scores.

        Raises:
            UserError: the adapter belongs to another base model, has the weights of another folder,
                has no effect, or acts like another adapter.
        """
        self.unchecked = bool(self.adapters)
        if folder is None:
            if self.adapters:
                self.model.disable_adapter_layers()
            self.identity = self.base_identity | {"adapter": None}
            return
        folder = Path(folder)
        if folder not in self.adapters:
            self._load_adapter(folder)
        self.model.enable_adapter_layers()
        self.model.set_adapter(self.adapters[folder])
        self.identity = self.base_identity | {"adapter": self.fingerprints[folder]}
        self.unchecked = True
        if self.fingerprints[folder] not in self.probes.values:
            self.load()  # before any use

    def load(self) -> None:
        """Check that the adapter in use, or the base model, is active, with the weights loaded.

        Raises:
            UserError: it is not active.
        """
        if self.unchecked:
            self.probes.check(self.identity["adapter"], self.probe())
            self.unchecked = False

    def release_adapters(self) -> None:
        """Free the memory of all adapters except the one in use."""
        # A peft model always keeps one adapter.
        kept = self.model.active_adapter if self.adapters else None
        for folder in [folder for folder, name in self.adapters.items() if name != kept]:
            self.model.delete_adapter(self.adapters.pop(folder))

    def _load_adapter(self, folder: Path) -> None:
        check_adapter_base(folder, self.base_identity["weights"], self.name)
        weights = fingerprint(folder)
        self.probes.register(folder, weights)
        if self.model is self.base:
            # Before anything in it is changed.
            self.probes.note_base(self.probe(), self.probe())
        adapter = f"adapter{next(self.numbers)}"
        self.model = add_adapter(self.model, folder, adapter)
        self.adapters[folder] = adapter
        self.fingerprints[folder] = weights

    def _left_padded(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        torch = self.torch
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, width - len(row) :] = torch.tensor(row)
            mask[index, width - len(row) :] = 1
        return ids.to(self.device), mask.to(self.device)

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

    def answer_states(self, pairs: Sequence[TokenPair]) -> Any:
        """Last hidden states that predict the answers' tokens, concatenated over answers.

        Returns:
            A tensor [tokens of all answers, width of the model].
        """
        torch = self.torch
        width = max(len(prompt) + len(answer) for prompt, answer in pairs)
        # Padding on the right needs no mask: states of a causal model do not depend on later
        # tokens.
        ids = torch.full((len(pairs), width), self.pad)
        places = []
        for row, (prompt, answer) in enumerate(pairs):
            length = len(prompt) + len(answer)
            ids[row, :length] = torch.tensor([*prompt, *answer])
            # The last token of the prompt predicts the first of the answer.
            places.append(torch.arange(len(prompt) - 1, length - 1) + row * width)
        with torch.inference_mode():
            outputs = self.base.get_decoder()(input_ids=ids.to(self.device), use_cache=False)
            states = outputs.last_hidden_state.flatten(0, 1)
            return states[torch.cat(places).to(states.device)]

    def logits(self, states: Any) -> Any:
        """Logits [positions, vocabulary] in float32 of last hidden states [positions, width].

        The model's own forward computes them without its body, so that a family's logit processing
        after the head (a cap, a scale) is preserved.
        """
        from transformers.modeling_outputs import MoeModelOutputWithPast

        body = self.base.get_decoder()
        # A model that is spread over devices has a forward of its own there, which moves tensors.
        moving = vars(body).get("forward")
        body.forward = lambda *_, **__: MoeModelOutputWithPast(last_hidden_state=states[None])
        try:
            with self.torch.inference_mode():
                none = self.torch.zeros((1, 1), dtype=self.torch.long, device=states.device)
                return self.base(input_ids=none, use_cache=False).logits[0].float()
        finally:
            del body.forward
            if moving is not None:
                body.forward = moving

    def chunks(self, positions: int, cells: int = _CELLS_AT_ONCE) -> list[slice]:
        """Slices of positions such that positions × vocabulary stays below `cells`."""
        size = max(1, cells // self.vocabulary)
        return [slice(start, start + size) for start in range(0, positions, size)]


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


def check_adapter_base(folder: Path, weights: str, name: str) -> None:
    """Check that an adapter was trained on the base model whose weights have this fingerprint.

    Raises:
        UserError: it was trained on another base model, or does not record it.
    """
    manifest = folder / "manifest.json"
    base = json.loads(manifest.read_text()).get("base_weights") if manifest.exists() else None
    if base != weights:
        raise UserError(
            what=f"the adapter was trained on another base model than '{name}'",
            where=str(folder),
            expected=f"base weights {weights}, found {base}",
            remedy="train the adapter again, or use the base model that it belongs to",
        )
