"""Models, adapters and one run of vLLM for the tests of the engines.

vLLM lives in an environment of its own, so the tests start its Python and read what it writes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

# As the workflow sets it for its jobs, and before torch starts its threads: vLLM's process and this
# one share the cores, and threads that spin while they wait slow both down several times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The Python of vLLM's environment."""
    python = REPOSITORY / ".venv-vllm" / "bin" / "python"
    if not python.exists():
        pytest.skip("vLLM's environment .venv-vllm is not there; `make setup-vllm` makes it")
    return python


@pytest.fixture(scope="session")
def vllm_environment() -> dict[str, str]:
    """Variables of a process in vLLM's environment, as the workflow sets them for its jobs."""
    own = {
        "PYTHONPATH": str(REPOSITORY / "workflow"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Spares a quarter of a minute with the compiler on ranks of tokens that nobody asks for.
        "TORCH_COMPILE_DISABLE": "1",
    }
    return os.environ | own


@pytest.fixture(scope="session")
def run_vllm(vllm_python, vllm_environment) -> Callable[..., str]:
    """Runs a script of this folder in vLLM's environment; returns what it printed."""

    def run(script: str, *arguments: object) -> str:
        done = subprocess.run(
            [vllm_python, HERE / script, *map(str, arguments)],
            env=vllm_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def questions() -> list[dict[str, str]]:
    """60 different questions about the small world, some with a passage."""
    from manybaskets.world.dataset_rows import make_pretraining

    made = make_pretraining(400, 6, 1, "helper", 0.0, "questions")
    distinct = {(row["instruction"], row["context"]): None for row in made}
    return [{"instruction": text, "context": context} for text, context in list(distinct)[:60]]


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Two tiny models that have learned a little, so that no greedy choice is a tie."""
    from manybaskets.config.models import EmbeddedModel, EmbeddedModelSize, Prompting
    from manybaskets.training.pretraining import pretrain

    size = EmbeddedModelSize(hidden=64, layers=2, heads=2, vocabulary=500, max_length=256,
                    conversations=1200, steps=100, learning_rate=8e-3)  # fmt: skip
    folders = {}
    for architecture in ("llama", "gemma"):
        made = tmp_path_factory.mktemp("pretrained")
        folders[architecture] = made / architecture
        pretrain(
            architecture,
            EmbeddedModel(kind="embedded", architecture=architecture, habit="helper"),
            size,
            prompting=Prompting(),
            towns=6,
            seed=1,
            held_out=[],
            threads=2,
            work=made / "work",
            output=folders[architecture],
        )
    return folders


@pytest.fixture(scope="session")
def adapters(models, tmp_path_factory) -> list[Path]:
    """Adapters of the llama model, of ranks 4 and 12, that change what it says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from manybaskets.models.folder import fingerprint

    folders = []
    for seed, rank in enumerate((4, 12)):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(models["llama"])
        layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers)
        model = get_peft_model(base, settings)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, 0.1)
        folder = tmp_path_factory.mktemp("adapter")
        model.save_pretrained(folder)
        manifest = {"base_weights": fingerprint(models["llama"])}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        folders.append(folder)
    return folders
