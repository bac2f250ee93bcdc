"""The `vllm` engine: continuous batching, with all adapters of a base model in one engine."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import VllmSettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.adapter_probe import Probes
from manybaskets.engines.base import Completion, LocalEngine, Question, Reading, Request
from manybaskets.engines.transformers_engine import check_adapter_base
from manybaskets.errors import UserError
from manybaskets.models.folder import check_folder, fingerprint

log = logging.getLogger(__name__)
# On a CPU the share of GPU memory does not apply. Without a size vLLM would fill most of the
# machine's memory with zeros at every start.
CPU_CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Needs:
    """Adapters' requirements for a running vLLM: largest rank, and changed layers."""

    rank: int = 0
    layers: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(max(self.rank, other.rank), self.layers | other.layers)


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: vLLM's number, folder, requirements, fingerprint."""

    number: int
    folder: Path
    needs: Needs
    weights: str


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


class VllmEngine(LocalEngine):
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

    takes_form = True

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
        self.max_model_len = self.context = _context(settings.max_model_len, longest, name)
        _check_installed()
        # vLLM reads these when it is imported or starts.
        os.environ |= {
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            # No separate process for the scheduler: it would outlive a killed job and keep its
            # GPUs. Workers, one per GPU if there are several, end with the job.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            # Forked workers would hold the journal's lock for a moment after the job's end.
            "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        }
        import torch
        from vllm.platforms import current_platform
        from vllm.version import __version__ as version

        self.on_cpu = current_platform.is_cpu()
        self.gpus = settings.tensor_parallel or (1 if self.on_cpu else gpus or 1)
        _check_devices(settings, self.on_cpu, self.gpus, torch.cuda.device_count())
        torch.set_num_threads(threads)
        self.folder, self.settings, self.precision, self.name = folder, settings, precision, name
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
                needs, weights = _needs(folder), fingerprint(folder)
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
            with _refusals(f"model '{self.name}' in {self.folder}"), _script_run_once():
                self.llm = self._start(abilities)
            self.able, self.checked = abilities, None
            self.probes.forget()
            log.info("model '%s' loaded in %.1f s", self.name, time.monotonic() - started)
        if self.adapter:
            with _refusals(f"adapter {self.adapter.folder} on model '{self.name}'"):
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

        settings = self.settings
        arguments: dict[str, Any] = {
            "model": str(self.folder),
            "dtype": self.precision,
            "quantization": settings.quantization,
            "max_model_len": self.max_model_len,
            "tensor_parallel_size": self.gpus,
            "gpu_memory_utilization": settings.memory_share,
            "max_num_seqs": settings.max_sequences,
            "enable_prefix_caching": settings.prefix_caching,
            "enforce_eager": settings.enforce_eager,
            "load_format": "safetensors",
            "generation_config": "vllm",  # no sampling defaults from the model's folder
            "logprobs_mode": "raw_logprobs",
        }
        if self.on_cpu:
            arguments["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
            # After a partial prompt vLLM rewinds the row's random stream, which is not possible on
            # a CPU.
            arguments["enable_chunked_prefill"] = False
        if needs.rank:
            arguments |= {
                "enable_lora": True,
                "max_loras": settings.max_adapters,
                "max_lora_rank": needs.rank,
                # Not all possible layers: with the output layer included, a CPU cannot score.
                "lora_target_modules": sorted(needs.layers),
            }
        return LLM(**arguments)

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

    def _check_fits(self, tokens: int, where: str) -> None:
        if tokens > self.max_model_len:
            raise UserError(
                what=f"a prompt with its answer needs {tokens} tokens",
                where=where,
                expected=f"at most {self.max_model_len} tokens (`max_model_len` of engine `vllm`)",
                remedy="raise `engine.max_model_len`, at most to the model's context",
            )


def _context(limit: int | None, longest: int, name: str) -> int:
    if limit is not None and limit < longest:
        raise UserError(
            what=f"max_model_len of engine `vllm` is {limit}",
            where=f"model '{name}', engine.max_model_len",
            expected=f"at least {longest}, the sum of `max_prompt_tokens` and `max_new_tokens`",
            remedy="raise it, remove it (it defaults to this sum), or lower the other two",
        )
    return limit or longest


def _check_installed() -> None:
    if importlib.util.find_spec("vllm") is None:
        raise UserError(
            what="vLLM is not installed in this environment",
            where="engine `vllm`",
            expected="a separate environment, because vLLM needs different package versions",
            remedy="run `snakemake --sdm conda`, which creates envs/vllm.yaml, or on a CPU `make "
            "setup-vllm` and then .venv-vllm/bin/snakemake",
        )


def _check_devices(settings: VllmSettings, on_cpu: bool, wanted: int, visible: int) -> None:
    if on_cpu and (wanted > 1 or settings.quantization):
        raise UserError(
            what=f"tensor_parallel is {wanted}, quantization is {settings.quantization}, but this "
            "is vLLM's CPU build",
            where="engine.tensor_parallel, engine.quantization",
            expected="1 and null on a CPU",
            remedy="remove both keys from the config, or run on GPUs",
        )
    if not on_cpu and wanted > visible:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise UserError(
            what=f"`tensor_parallel` requests {wanted} GPUs, but {visible} are visible",
            where=f"engine.tensor_parallel; CUDA_VISIBLE_DEVICES is {seen}",
            expected="as many visible GPUs as `tensor_parallel`",
            remedy="lower `engine.tensor_parallel`, or request more GPUs from the scheduler",
        )


def _held_to(form: Mapping[str, Any] | None) -> dict[str, Any]:
    """Sampling parameters that constrain an answer to a JSON schema, separate for each request."""
    if form is None:
        return {}
    from vllm.sampling_params import StructuredOutputsParams

    return {"structured_outputs": StructuredOutputsParams(json=dict(form))}


def _needs(folder: Path) -> Needs:
    from safetensors import safe_open

    adapter = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    rank = max([adapter["r"], *adapter.get("rank_pattern", {}).values()])
    # The config may name the layers by a pattern; the weights name them one by one.
    with safe_open(folder / "adapter_model.safetensors", framework="numpy") as weights:
        names = weights.keys()
    layers = {name.partition(".lora_")[0].rpartition(".")[2] for name in names}
    return Needs(_allowed_rank(rank, folder), frozenset(layers))


def _allowed_rank(rank: int, folder: Path) -> int:
    """The smallest rank supported by vLLM that is at least this rank."""
    from vllm.config.lora import MaxLoRARanks

    allowed = sorted(get_args(MaxLoRARanks))
    if rank > allowed[-1]:
        raise UserError(
            what=f"the adapter has rank {rank}",
            where=str(folder),
            expected=f"at most {allowed[-1]} with engine `vllm`",
            remedy="use engine `transformers` for this model's responses, or lower `training.rank`",
        )
    return next(size for size in allowed if size >= rank)


@contextlib.contextmanager
def _refusals(where: str) -> Iterator[None]:
    """Report vLLM's errors about unsupported settings, models or adapters to the user."""
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        # The settings are validated by pydantic, whose own message repeats its inputs.
        problems = error.errors() if isinstance(error, ValidationError) else [{"msg": error}]
        raise UserError(
            what=f"vLLM cannot run this: {'; '.join(str(problem['msg']) for problem in problems)}",
            where=where,
            expected="settings, a model and adapters supported by this version of vLLM on this "
            "machine",
            remedy="change `engine` in the config to supported settings, or use engine "
            "`transformers`",
        ) from error


@contextlib.contextmanager
def _script_run_once() -> Iterator[None]:
    """Keep workers from running this process's script again, as Python does in every new process.
    Workflow scripts have no main guard for this."""
    main = vars(sys.modules["__main__"])
    script = main.pop("__file__", None)
    try:
        yield
    finally:
        if script is not None:
            main["__file__"] = script
