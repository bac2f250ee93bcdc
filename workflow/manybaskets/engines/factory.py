"""From an engine's section in the config to the engine itself."""

from __future__ import annotations

from pathlib import Path

from manybaskets.config.engines import OpenAIEngine, TransformersEngine, VllmEngine
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Engine, LocalEngine


def open_engine(
    settings: TransformersEngine | VllmEngine,
    folder: Path,
    name: str,
    *,
    prompting: Prompting,
    sampling: Sampling,
    precision: str,
    threads: int,
    gpus: int = 0,
) -> LocalEngine:
    """Load a model behind the engine that the config names.

    Args:
        folder: the model's folder.
        name: how errors call the model.
        sampling: how answers will be drawn; with `prompting` it tells the longest sequence.
        precision: number format where the engine's own is null.
        threads: CPU threads.
        gpus: GPUs of the job; vLLM shares the model out over them where the config names no number.
    """
    precision = settings.precision or precision
    if isinstance(settings, VllmEngine):
        from manybaskets.engines.vllm_engine import VllmEngine as Vllm

        longest = prompting.max_prompt_tokens + sampling.max_new_tokens
        return Vllm(folder, prompting, settings, precision, threads, name, longest, gpus)
    from manybaskets.engines.transformers_engine import TransformersEngine as Transformers

    return Transformers(folder, prompting, precision, threads, name)


def open_server(
    settings: OpenAIEngine, prompting: Prompting, name: str, share_of_cap: float
) -> Engine:
    """Connect to a server.

    Args:
        share_of_cap: share of the spending cap that this job may use.
    """
    from manybaskets.engines.openai_engine import OpenAIEngine as OpenAI

    return OpenAI(settings, prompting, name, share_of_cap)
