"""What sbatch gets for every rule of the published study: its own flags, word for word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is not installed")

SCRIPT = Path(__file__).with_name("sbatch_flags.py")
MACHINE = {
    "account: null": "account: tulips",
    "max_memory_mb: null": "max_memory_mb: 440000",
    "light: {partition: null}": "light: {partition: small}",
    "compute: {partition: null}": "compute: {partition: many}",
    "network: {partition: null}": "network: {partition: open, account: lilies}",
    "accelerated: {partition: gpu}": "accelerated: {partition: gpu, qos: long, constraint: nvlink&ib}",
}

# Without a model: minutes, memory (MB) and cores of the first and of the second try. Rules whose time
# follows the rows get twice the plan's estimate and ten minutes, and others their own limit.
USUAL = (60, 2000, 1), (90, 3000, 1)
SHORT = (20, 2000, 1), (30, 3000, 1)
LIGHT = dict.fromkeys(
    ["clean", "split", "prompt_sets", "find_eligible", "match_runs", "summarise", "count_stages"]
    + ["match_sources", "growth", "source_map", "source_tables", "style", "summarise_divergence"]
    + ["published_variants", "published_collapse", "write_browser"],
    USUAL,
) | {
    **dict.fromkeys(["collect", "source_card", "mix", "mix_card"], SHORT),
    **dict.fromkeys(["lengths", "measure"], ((20, 4000, 1), (30, 6000, 1))),
    **dict.fromkeys(["measure_prompts", "measure_source"], ((120, 4000, 1), (180, 6000, 1))),
    **dict.fromkeys(["similarity", "distances"], ((60, 4000, 1), (90, 6000, 1))),
    **dict.fromkeys(["topics", "swap"], ((240, 4000, 1), (360, 6000, 1))),
    "embed": ((110, 4000, 2), (165, 6000, 2)),
    "published_procedures": ((480, 3000, 2), (720, 4500, 2)),
}
# Sources that a server answers for: the same rules, on nodes that reach it.
SERVED = ("llama-3.1-405b", "gemini-2.0-flash", "gpt-4o", "deepseek-v3")
NETWORK = {
    "pilot": ((60, 4000, 1), (90, 6000, 1)),
    "generate": ((240, 4000, 1), (360, 6000, 1)),
}
# With a GPU: by model, minutes, memory and GPUs. 70B: 140 GB of weights on four GPUs of 80 GiB. A pilot
# of 5 minutes gets 20, an 8B that trains for 61 minutes 140.
SMALL_TARGET, LARGE_TARGET = "llama-3.1-8b", "llama-3.1-70b"
GPU = {
    "pilot": {
        "llama-3.1-8b": ((20, 60000, 1), (30, 90000, 1)),
        "gemma-2-9b": ((20, 60000, 1), (30, 90000, 1)),
        "qwen2.5-7b": ((20, 60000, 1), (30, 90000, 1)),
        "falcon3-10b": ((20, 60000, 1), (30, 90000, 1)),
        "llama-3.1-70b": ((20, 240000, 4), (30, 360000, 4)),
        "mistral-large": ((30, 299200, 4), (45, 440000, 4)),
        "qwen2.5-72b": ((20, 240000, 4), (30, 360000, 4)),
        "command-r-plus": ((30, 253600, 4), (45, 380400, 4)),
    },
    "generate": {
        "llama-3.1-8b": ((20, 60000, 1), (30, 90000, 1)),
        "gemma-2-9b": ((20, 60000, 1), (30, 90000, 1)),
        "qwen2.5-7b": ((20, 60000, 1), (30, 90000, 1)),
        "falcon3-10b": ((20, 60000, 1), (30, 90000, 1)),
        "llama-3.1-70b": ((40, 240000, 4), (60, 360000, 4)),
        "mistral-large": ((50, 299200, 4), (75, 440000, 4)),
        "qwen2.5-72b": ((40, 240000, 4), (60, 360000, 4)),
        "command-r-plus": ((40, 253600, 4), (60, 380400, 4)),
    },
    "train": {
        SMALL_TARGET: ((140, 120000, 2), (210, 180000, 2)),
        LARGE_TARGET: ((1550, 240000, 4), (2325, 360000, 4)),
    },
    "respond": {
        SMALL_TARGET: ((20, 60000, 1), (30, 90000, 1)),
        LARGE_TARGET: ((30, 240000, 4), (45, 360000, 4)),
    },
    "score_target": {
        SMALL_TARGET: ((20, 60000, 1), (30, 90000, 1)),
        LARGE_TARGET: ((30, 240000, 4), (45, 360000, 4)),
    },
}
GPU["divergence"] = {
    SMALL_TARGET: ((30, 60000, 1), (45, 90000, 1)),
    LARGE_TARGET: ((40, 240000, 4), (60, 360000, 4)),
}
# The fixed scorer is a model of 7 billion weights, whatever the target.
GPU["score_fixed"] = dict.fromkeys([SMALL_TARGET, LARGE_TARGET], ((80, 60000, 1), (120, 90000, 1)))
FORMS = {"gpu": "--gpus=h100:{}", "gres": "--gres=gpu:h100:{}"}


@pytest.fixture(scope="module", params=FORMS)
def asked(request, tmp_path_factory):
    """Flags by rule, then by target or source, one for each try; and the form of the GPU request."""
    from projects import new_project

    project = new_project(tmp_path_factory.mktemp("flags") / "project")
    file = project.folder / "slurm/machine.yaml"
    text = file.read_text()
    for old, new in (MACHINE | {"request: gpu": f"request: {request.param}"}).items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "config/synthetic-eggs.yaml"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), request.param


def on_cores(partition: str, minutes: int, memory: int, cores: int, account: str = "tulips") -> str:
    return f"-A {account} -p {partition} -t {minutes} --mem {memory} --ntasks=1 --cpus-per-task={cores}"


def test_every_rule_gets_its_flags(asked):
    flags, form = asked
    expected = {}
    for rule, tries in LIGHT.items():
        told = [on_cores("small", *each) for each in tries]
        expected[rule] = dict.fromkeys(flags.get(rule, {""}), told)
    for rule, models in GPU.items():
        expected[rule] = {
            model: [
                f"-A tulips -p gpu -t {minutes} -C 'nvlink&ib' --qos=long --mem {memory} --cpus-per-gpu=8 "
                f"{FORMS[form].format(gpus)}"
                for minutes, memory, gpus in tries
            ]
            for model, tries in models.items()
        }
    for rule, tries in NETWORK.items():
        expected[rule] |= dict.fromkeys(
            SERVED, [on_cores("open", *each, "lilies") for each in tries]
        )
    assert flags == expected


def test_jobs_of_the_login_node_never_reach_sbatch(asked):
    flags, _ = asked
    local = {"human_source", "fetch_model", "fetch_dataset", "throughput", "curves", "figure"}
    assert not flags.keys() & (local | {"write_tables", "write_report", "all"})
