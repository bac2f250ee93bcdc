"""The `transformers` engine: batched generation and scoring on a CPU or one GPU."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from manybaskets.chat import ChatRenderer
from manybaskets.config.parts import Prompting, Sampling
from manybaskets.engines import Completion, LocalEngine, Request
from manybaskets.errors import UserError
from manybaskets.models.folder import check_folder, fingerprint

log = logging.getLogger(__name__)


class TransformersEngine(LocalEngine):
    """A causal language model of transformers, with any number of LoRA adapters on it.

    Answers are drawn by the Gumbel-max rule with a random stream per row: the token is the argmax of
    the warped log-probabilities plus Gumbel noise from the row's own seed, which is an exact draw.
    So a row's answer hangs on its own seed and not on its neighbours in the batch.

    Args:
        folder: model folder with safetensors weights and a chat template.
        prompting: system prompt, date.
        precision: `float32` or `bfloat16`.
        threads: CPU threads.
        name: how errors call the model.
    """

    fixed_batches = True

    def __init__(
        self, folder: Path, prompting: Prompting, precision: str, threads: int, name: str
    ) -> None:
        check_folder(folder, name)
        import torch
        import transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer

        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self.torch = torch
        self.name = name
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        shorten = prompting.long_prompts == "shorten"
        self.renderer = ChatRenderer(
            tokenizer, prompting.system_prompt, prompting.date, name, shorten
        )
        self.base = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, precision), local_files_only=True, use_safetensors=True
        )
        self.base.to(self.device).eval()
        self.model: Any = self.base
        self.adapters: dict[Path, str] = {}
        self.pad = (
            tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        )
        ends = {self.renderer.end_ids[-1], tokenizer.eos_token_id}
        self.end_ids = sorted(token for token in ends if token is not None)
        self.base_identity = {
            "engine": "transformers",
            "engine_version": transformers.__version__,
            "model": name,
            "weights": fingerprint(folder),
            "precision": precision,
            "template": self.renderer.template_hash,
            "system_prompt": self.renderer.system_prompt,
            "system_turn": self.renderer.system_turn,
            "date": prompting.date,
        }
        self.identity = self.base_identity | {"adapter": None}

    def use_adapter(self, folder: Path | None) -> None:
        """Answer and score with this adapter, or with the base model.

        Raises:
            UserError: the adapter belongs to another base model.
        """
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
        self.identity = self.base_identity | {"adapter": fingerprint(folder)}

    def _load_adapter(self, folder: Path) -> None:
        from peft import PeftModel

        check_adapter_base(folder, self.base_identity["weights"], self.name)
        adapter = f"adapter{len(self.adapters)}"
        if self.adapters:
            self.model.load_adapter(folder, adapter_name=adapter, is_trainable=False)
        else:
            self.model = PeftModel.from_pretrained(self.base, folder, adapter_name=adapter)
        self.model.eval()
        self.adapters[folder] = adapter

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
        """Answer one batch; halves it and goes on where memory does not suffice."""
        yield from zip(requests, self._within_memory(requests, sampling), strict=True)

    def _within_memory(self, batch: Sequence[Request], sampling: Sampling) -> list[Completion]:
        try:
            return self._generate(batch, sampling)
        except self.torch.OutOfMemoryError:
            if len(batch) == 1:
                raise UserError(
                    what=f"the GPU has too little memory for one prompt of {len(batch[0].ids)} tokens",
                    where=f"model '{self.name}', prompt {batch[0].prompt_id}",
                    expected="memory for the model and one row of prompt and answer",
                    remedy="lower max_prompt_tokens or max_new_tokens, or take a larger GPU",
                ) from None
            self.torch.cuda.empty_cache()
        half = len(batch) // 2
        log.warning("out of memory with %d rows; going on with %d", len(batch), half)
        return [
            completion
            for part in (batch[:half], batch[half:])
            for completion in self._within_memory(part, sampling)
        ]

    def _generate(self, batch: Sequence[Request], sampling: Sampling) -> list[Completion]:
        from transformers import GenerationConfig, LogitsProcessorList

        ids, mask = self._left_padded([request.ids for request in batch])
        processors = LogitsProcessorList()
        if sampling.temperature > 0:
            processors.append(self._row_sampler(batch, sampling))
        # A configuration of our own: a model's folder may carry sampling defaults.
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
        from transformers import TemperatureLogitsWarper, TopPLogitsWarper

        torch = self.torch
        generators = [
            torch.Generator(device=self.device).manual_seed(request.seed) for request in batch
        ]
        temperature = TemperatureLogitsWarper(sampling.temperature)
        nucleus = TopPLogitsWarper(sampling.top_p) if sampling.top_p < 1 else None

        def sample(input_ids: Any, scores: Any) -> Any:
            scores = temperature(input_ids, scores.float())
            if nucleus:
                scores = nucleus(input_ids, scores)
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

    def score(self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[list[float]]:
        """Log-probabilities (nats, float32) of each answer's tokens; logits of prompts are not made."""
        torch = self.torch
        ids, mask = self._left_padded([(*prompt, *answer) for prompt, answer in pairs])
        longest = max(len(answer) for _, answer in pairs)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            # One position more than the longest answer: the last prompt token predicts its first.
            logits = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                logits_to_keep=longest + 1,
            ).logits[:, :-1]
            logits = logits.float()
            chosen = logits.gather(2, ids[:, -longest:].unsqueeze(2)).squeeze(2)
            scores = (chosen - logits.logsumexp(2)).cpu()
        return [
            scores[index, longest - len(answer) :].tolist()
            for index, (_, answer) in enumerate(pairs)
        ]


def check_adapter_base(folder: Path, weights: str, name: str) -> None:
    """Check that an adapter was trained on the base model whose weights have this fingerprint.

    Raises:
        UserError: it was trained on another one, or does not say.
    """
    manifest = folder / "manifest.json"
    base = json.loads(manifest.read_text()).get("base_weights") if manifest.exists() else None
    if base != weights:
        raise UserError(
            what=f"the adapter was trained on another base than '{name}'",
            where=str(folder),
            expected=f"base weights {weights}, found {base}",
            remedy="train the adapter again, or name the base model it belongs to",
        )
