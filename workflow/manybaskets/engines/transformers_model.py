"""A causal language model of transformers with its adapters: loaded, switched, and its logits."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.chat import load_tokenizer
from manybaskets.chat.tokenizers import padding_id
from manybaskets.config.models import Prompting
from manybaskets.engines.adapter_loading import add_adapter, check_adapter_base
from manybaskets.engines.adapter_probe import Probes
from manybaskets.engines.base import LocalEngine
from manybaskets.engines.placement import loading_arguments
from manybaskets.models.chat_rendering import renderer_of
from manybaskets.models.folder import check_folder, fingerprint
from manybaskets.models.libraries import import_libraries
from manybaskets.models.matrix_products import WORTH_A_CALL, use_fast_products

log = logging.getLogger(__name__)
TokenPair = tuple[tuple[int, ...], tuple[int, ...]]  # the tokens of a prompt and of its answer
_CELLS_AT_ONCE = 2**25  # positions times vocabulary: 128 MiB of logits in float32


class TransformersModel(LocalEngine):
    """A transformers causal language model with any number of LoRA adapters.

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
        self.renderer = renderer_of(tokenizer, prompting, name, shorten=shorten)
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
            use_fast_products(self.base, WORTH_A_CALL)
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
