"""An adapter of a real model works outside the project, with the commands of its own model card."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from real_models import Missing, chat_model
from test_openai_against_vllm import free_port, wait_until_healthy

from manybaskets.cards.adapter_card import adapter_card, adapter_card_settings
from manybaskets.config import parse_study
from manybaskets.config.models import Prompting
from manybaskets.config.training import Training
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.models.adapter_base import adapter_base
from manybaskets.training.adapters import train_adapter

REPO, COMMIT = "HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac"
QUESTION = "What is the capital of France?"
TOKENS = 12
STUDY = {
    "study": "eggs",
    "dataset": {"kind": "hub", "repo": "databricks/databricks-dolly-15k", "revision": "v1"},
    "models": {"smollm2": {"kind": "hub", "repo": REPO, "revision": "main"}},
    "sources": {"parrot": {"model": "smollm2"}},
    "mixes": {"parrot": {"kind": "single", "source": "parrot"}},
    "targets": ["smollm2"],
    "measures": ["response_words"],
    "scoring": {"no_scorer_reason": "none is needed"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The model as the workflow fetches it from the Hub."""
    try:
        converted = chat_model()
    except Missing as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("models") / "smollm2"
    shutil.copytree(converted, folder, copy_function=os.symlink)
    told = {"repo": REPO, "revision": "main", "commit": COMMIT}
    (folder / "source.json").write_text(json.dumps(told))
    return folder


@pytest.fixture(scope="module")
def cache(model, tmp_path_factory) -> Path:
    """Hugging Face's cache after `hf download` of the commit."""
    home = tmp_path_factory.mktemp("cache")
    repository = home / "hub" / f"models--{REPO.replace('/', '--')}"
    shutil.copytree(model, repository / "snapshots" / COMMIT, symlinks=True)
    return home


@pytest.fixture(scope="module")
def adapter(model, tmp_path_factory) -> Path:
    """An adapter that has learned to answer every question in the same unlikely way."""
    folder = tmp_path_factory.mktemp("run")
    rows = [
        {
            "messages": [
                {"role": "system", "content": Prompting().system_prompt},
                {"role": "user", "content": f"What is the capital of {country}?"},
                {"role": "assistant", "content": "Squawk! A parrot knows no capital."},
            ],
            "prompt_id": country,
            "source": "parrot",
        }
        for country in ("Spain", "Peru", "Kenya", "Japan", "Italy", "Chad", "Cuba", "Fiji")
    ]
    origins = adapter_card_settings(parse_study(STUDY, "test"))
    train_adapter(
        model,
        {"train": rows[:6], "validation": rows[6:]},
        training=Training(rank=8, epochs=8, learning_rate=2e-3, batch_size=6, max_length=64,
                          evaluations=1, precision="float32", smoke_steps=0),
        prompting=Prompting(),
        seed=1,
        threads=2,
        name="smollm2",
        work=folder / "work",
        output=folder / "adapter",
        run="smollm2/parrot/seed1",
        base=adapter_base(STUDY["models"]["smollm2"], model),
        card=partial(adapter_card, origins, "smollm2", "parrot"),
    )  # fmt: skip
    return folder / "adapter"


@pytest.fixture(scope="module")
def answers(model, adapter) -> dict[str, str]:
    """What the project's own engine answers, without and with the adapter."""
    engine = TransformersEngine(model, Prompting(), "float32", 2, "smollm2")
    ids = engine.renderer.encode_prompt(QUESTION)
    found = {}
    for name, folder in (("untuned", None), ("tuned", adapter)):
        engine.use_adapter(folder)
        output = engine.model.generate(
            input_ids=engine.torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False
        )
        text = engine.renderer.tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True)
        found[name] = text.strip()
    assert found["tuned"].startswith("Squawk!") and not found["untuned"].startswith("Squawk!")
    return found


def code_of(adapter: Path, language: str) -> str:
    """The first block of a language in the model card."""
    card = (adapter / "README.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", card, re.DOTALL)[1]


def offline(cache: Path) -> dict[str, str]:
    """Variables of a process that has Hugging Face's cache and no network."""
    return os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}


def test_the_config_names_the_repository_and_the_commit(adapter):
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (REPO, COMMIT)


def test_peft_loads_the_adapter_with_the_code_of_its_card(adapter, cache, answers, tmp_path):
    """Without the project, from the cache alone; the prompt's ids come from the card's template."""
    script = (
        code_of(adapter, "python")
        + f"""
messages = [{{"role": "system", "content": {Prompting().system_prompt!r}}},
            {{"role": "user", "content": {QUESTION!r}}}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
output = model.generate(**inputs, max_new_tokens={TOKENS}, do_sample=False)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())
"""
    )
    environment = offline(cache)
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == answers["tuned"]


def test_vllm_serves_the_adapter_with_the_command_of_its_card(
    vllm_python, vllm_environment, adapter, cache, answers, tmp_path
):
    port = free_port()
    program, task, base, *options = shlex.split(code_of(adapter, "bash").replace("\\\n", " "))
    assert (program, task) == ("vllm", "serve")
    # The CPU build is a package of another name, where the program `vllm` does not find its version.
    command = [vllm_python, "-m", "vllm.entrypoints.openai.api_server", "--model", base, *options]
    own = ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager",
           "--max-model-len", "256", "--kv-cache-memory-bytes", str(1 << 28),
           "--served-model-name", "untuned"]  # fmt: skip
    variables = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    variables["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # a process less to start
    log = tmp_path / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [*command, *own],
            env=vllm_environment | offline(cache) | variables,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_healthy(server, f"http://127.0.0.1:{port}/health", log)
        served = {name: asked(port, name) for name in ("untuned", "smollm2-parrot")}
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    assert served == {"untuned": answers["untuned"], "smollm2-parrot": answers["tuned"]}


def asked(port: int, model: str) -> str:
    """The greedy answer of a served model."""
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": Prompting().system_prompt},
            {"role": "user", "content": QUESTION},
        ],
        "temperature": 0,
        "max_tokens": TOKENS,
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["choices"][0]["message"]["content"].strip()
