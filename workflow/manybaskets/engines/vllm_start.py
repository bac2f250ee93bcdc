"""How vLLM is started, and what it cannot run, as errors of the user."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from manybaskets.config.engines import VllmSettings
from manybaskets.engines.vllm_adapters import Needs
from manybaskets.errors import UserError

# On a CPU the share of GPU memory does not apply. Without a size vLLM would fill most of the
# machine's memory with zeros at every start.
CPU_CACHE_BYTES = 1 << 30


def set_environment() -> None:
    """Set what vLLM reads when it is imported or starts."""
    os.environ |= {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # No separate process for the scheduler: it would outlive a killed job and keep its GPUs.
        # Workers, one per GPU if there are several, end with the job.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        # Forked workers would hold the journal's lock for a moment after the job's end.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    }


def context_of(limit: int | None, longest: int, name: str) -> int:
    """Tokens of the longest sequence.

    Args:
        limit: `max_model_len` of the config.
        longest: tokens of the longest prompt with its answer.
        name: name of the model in errors.

    Raises:
        UserError: the limit is too small.
    """
    if limit is not None and limit < longest:
        raise UserError(
            what=f"max_model_len of engine `vllm` is {limit}",
            where=f"model '{name}', engine.max_model_len",
            expected=f"at least {longest}, the sum of `max_prompt_tokens` and `max_new_tokens`",
            remedy="raise it, remove it (it defaults to this sum), or lower the other two",
        )
    return limit or longest


def check_installed() -> None:
    """Check that this environment has vLLM.

    Raises:
        UserError: it does not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise UserError(
            what="vLLM is not installed in this environment",
            where="engine `vllm`",
            expected="a separate environment, because vLLM needs different package versions",
            remedy="run `snakemake --sdm conda`, which creates envs/vllm.yaml, or on a CPU `make "
            "setup-vllm` and then .venv-vllm/bin/snakemake",
        )


def check_devices(settings: VllmSettings, on_cpu: bool, wanted: int, visible: int) -> None:
    """Check that vLLM finds the devices that the settings ask for.

    Args:
        on_cpu: whether it is vLLM's CPU build.
        wanted: GPUs that share the model.
        visible: GPUs that this process sees.

    Raises:
        UserError: the CPU build gets settings of GPUs, or fewer GPUs are visible.
    """
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


def arguments_of(
    settings: VllmSettings, needs: Needs, max_model_len: int, gpus: int, on_cpu: bool
) -> dict[str, Any]:
    """What vLLM starts with, apart from the model and the format of its weights.

    Args:
        needs: of the adapters.
        max_model_len: tokens of the longest prompt with its answer.
        gpus: GPUs that share the model.
        on_cpu: whether it is vLLM's CPU build.
    """
    arguments: dict[str, Any] = {
        "quantization": settings.quantization,
        "max_model_len": max_model_len,
        "tensor_parallel_size": gpus,
        "gpu_memory_utilization": settings.memory_share,
        "max_num_seqs": settings.max_sequences,
        "enable_prefix_caching": settings.prefix_caching,
        "enforce_eager": settings.enforce_eager,
        "load_format": "safetensors",
        "generation_config": "vllm",  # no sampling defaults from the model's folder
        "logprobs_mode": "raw_logprobs",
    }
    if on_cpu:
        arguments["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
        # After a partial prompt vLLM rewinds the row's random stream, which is not possible on a
        # CPU.
        arguments["enable_chunked_prefill"] = False
    if needs.rank:
        arguments |= {
            "enable_lora": True,
            "max_loras": settings.max_adapters,
            "max_lora_rank": needs.rank,
            # Not all possible layers: with the output layer included, a CPU cannot score.
            "lora_target_modules": sorted(needs.layers),
        }
    return arguments


@contextlib.contextmanager
def errors_of_vllm(where: str) -> Iterator[None]:
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
def script_run_once() -> Iterator[None]:
    """Keep workers from running this process's script again, as Python does in every new process.
    Workflow scripts have no main guard for this."""
    main = vars(sys.modules["__main__"])
    script = main.pop("__file__", None)
    try:
        yield
    finally:
        if script is not None:
            main["__file__"] = script
