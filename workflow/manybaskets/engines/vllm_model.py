"""A model in vLLM with its adapters: started, restarted, switched, and fed with tokens."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from manybaskets.chat import load_tokenizer
from manybaskets.config.engines import VllmSettings
from manybaskets.config.models import Prompting
from manybaskets.engines.adapter_loading import check_adapter_base
from manybaskets.engines.adapter_probe import Probes
from manybaskets.engines.base import LocalEngine
from manybaskets.engines.vllm_adapters import Adapter, Needs, needs_of
from manybaskets.engines.vllm_start import (
    arguments_of,
    check_devices,
    check_installed,
    context_of,
    errors_of_vllm,
    script_run_once,
    set_environment,
)
from manybaskets.errors import UserError
from manybaskets.models.chat_rendering import renderer_of
from manybaskets.models.folder import check_folder, fingerprint

log = logging.getLogger(__name__)


class VllmModel(LocalEngine):
    """A causal language model run offline by vLLM: in this process, with a worker per GPU if it
    uses several.

    Input and output are tokens, so that prompts equal those of every other engine. vLLM itself
    starts with `load` or the first request: only then are the adapters' rank and layers known. A
    model without adapters therefore has no adapter overhead (memory for every slot, no compiled
    graph on a CPU), and an architecture without adapter support in vLLM can still answer as a
    source. An adapter after answers without one, or with larger requirements than before, restarts
    vLLM.

    Args:
        folder: model folder with safetensors weights and a chat template.
        prompting: system prompt, date.
        settings: the engine's section in the config.
        precision: `float32` or `bfloat16`.
        threads: CPU threads.
        name: name of the model in errors.
        longest: tokens of the longest prompt with its answer.
        gpus: GPUs of the job, for `tensor_parallel: null`.

    Raises:
        UserError: vLLM is not installed, fewer GPUs are visible than requested, `max_model_len` is
            too small, or the folder is not a model folder.
    """

    def __init__(
        self,
        folder: Path,
        prompting: Prompting,
        settings: VllmSettings,
        precision: str,
        threads: int,
        name: str,
        longest: int,
        gpus: int = 0,
    ) -> None:
        check_folder(folder, name)
        self.max_model_len = self.context = context_of(settings.max_model_len, longest, name)
        check_installed()
        set_environment()
        import torch
        from vllm.platforms import current_platform
        from vllm.version import __version__ as version

        self.on_cpu = current_platform.is_cpu()
        self.gpus = settings.tensor_parallel or (1 if self.on_cpu else gpus or 1)
        check_devices(settings, self.on_cpu, self.gpus, torch.cuda.device_count())
        torch.set_num_threads(threads)
        self.folder, self.settings, self.precision, self.name = folder, settings, precision, name
        tokenizer = load_tokenizer(folder, name)
        shorten = prompting.long_prompts == "shorten"
        self.renderer = renderer_of(tokenizer, prompting, name, shorten=shorten)
        ends = {self.renderer.end_ids[-1], tokenizer.eos_token_id}
        self.end_ids = sorted(token for token in ends if token is not None)
        self.llm: Any = None
        self.able = Needs()  # capabilities of the running vLLM
        self.adapters: dict[Path, Adapter] = {}
        self.adapter: Adapter | None = None
        self.probes = Probes(name)
        # The last verified adapter (None: the base), and whether a probe is in progress.
        self.checked: Adapter | None = None
        self.checking = False
        self.numbers = itertools.count()
        self.base_identity = {
            "engine": "vllm",
            "engine_version": version,
            "model": name,
            "weights": fingerprint(folder),
            "precision": precision,
            "quantization": settings.quantization,
            "max_model_len": self.max_model_len,
            **self.renderer.identity,
        }
        self.identity = self.base_identity | {"adapter": None}

    def use_adapter(self, folder: Path | None) -> None:
        """Use this adapter, or the base model, for answers and scores.

        Raises:
            UserError: the adapter belongs to another base model, its rank exceeds vLLM's limit, or
                another folder has the same weights.
        """
        if folder is None:
            self.adapter = None
        else:
            folder = Path(folder)
            if folder not in self.adapters:
                check_adapter_base(folder, self.base_identity["weights"], self.name)
                needs, weights = needs_of(folder), fingerprint(folder)
                self.probes.register(folder, weights)
                self.adapters[folder] = Adapter(len(self.adapters) + 1, folder, needs, weights)
            self.adapter = self.adapters[folder]
        active = self.adapter.weights if self.adapter else None
        self.identity = self.base_identity | {"adapter": active}

    def load(self) -> None:
        """Start vLLM, unless it already runs with sufficient capabilities, and check that the
        adapter in use is active.

        Raises:
            UserError: vLLM cannot run this model or adapter with these settings, or the adapter has
                no effect or acts like another adapter.
        """
        abilities = self.able | self.adapter.needs if self.adapter else self.able
        if self.llm is None or abilities != self.able:
            self.close()
            started = time.monotonic()
            with errors_of_vllm(f"model '{self.name}' in {self.folder}"), script_run_once():
                self.llm = self._start(abilities)
            self.able, self.checked = abilities, None
            self.probes.forget()
            log.info("model '%s' loaded in %.1f s", self.name, time.monotonic() - started)
        if self.adapter:
            with errors_of_vllm(f"adapter {self.adapter.folder} on model '{self.name}'"):
                self.llm.llm_engine.add_lora(self._lora())
        # The probe's own tokens also pass through here.
        if self.adapter != self.checked and not self.checking:
            self._check_adapter()

    def _check_adapter(self) -> None:
        adapter, self.checking = self.adapter, True
        try:
            if not self.probes.values:
                self.adapter = None
                self.probes.note_base(self.probe(), self.probe())
            self.adapter = adapter
            self.probes.check(adapter.weights if adapter else None, self.probe())
        finally:
            self.adapter, self.checking = adapter, False
        self.checked = adapter

    def close(self) -> None:
        """Stop vLLM and free its memory; it starts again when needed."""
        if self.llm is None:
            return
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        self.llm.llm_engine.engine_core.shutdown()
        self.llm, self.able = None, Needs()
        cleanup_dist_env_and_memory()

    def _start(self, needs: Needs) -> Any:
        from vllm import LLM

        arguments = arguments_of(self.settings, needs, self.max_model_len, self.gpus, self.on_cpu)
        return LLM(model=str(self.folder), dtype=self.precision, **arguments)

    def _lora(self) -> Any:
        from vllm.lora.request import LoRARequest

        if self.adapter is None:
            return None
        number, folder = self.adapter.number, self.adapter.folder
        return LoRARequest(f"adapter{number}", number, str(folder.resolve()))

    def _run(
        self, requests: Sequence[tuple[tuple[int, ...], dict[str, Any]]]
    ) -> Iterator[tuple[int, Any]]:
        """Answer token ids with sampling parameters: yield vLLM's outputs as they finish, each with
        its index in `asked`."""
        from vllm import SamplingParams
        from vllm.inputs import tokens_input
        from vllm.sampling_params import RequestOutputKind

        self.load()
        engine, lora = self.llm.llm_engine, self._lora()
        waiting = {}
        for index, (ids, sampling) in enumerate(requests):
            name = str(next(self.numbers))
            waiting[name] = index
            parameters = SamplingParams(
                **sampling, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY
            )
            engine.add_request(name, tokens_input(list(ids)), parameters, lora_request=lora)
        try:
            while waiting:
                for output in engine.step():
                    yield waiting.pop(output.request_id), output
        except GeneratorExit:
            # The rest is not needed and must not appear in the next call.
            engine.abort_request(list(waiting))
            raise

    def _check_fits(self, tokens: int, where: str) -> None:
        if tokens > self.max_model_len:
            raise UserError(
                what=f"a prompt with its answer needs {tokens} tokens",
                where=where,
                expected=f"at most {self.max_model_len} tokens (`max_model_len` of engine `vllm`)",
                remedy="raise `engine.max_model_len`, at most to the model's context",
            )
