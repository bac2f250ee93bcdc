"""The model card of an adapter: the Hub's own library reads it, and it names every origin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from manybaskets.cards.adapter_card import adapter_card, adapter_card_settings
from manybaskets.config import parse_study
from manybaskets.models.adapter_base import AdapterBase

MODELS = {
    "llama": {"kind": "hub", "repo": "meta-llama/Llama-3.1-8B", "revision": "d04e592"},
    "own": {"kind": "folder", "path": "/home/me/secret/model"},
    "smol": {"kind": "gguf", "repo": "someone/smol-gguf", "file": "smol-135M.Q4.gguf",
             "revision": "r1"},
    "local": {"kind": "gguf", "path": "/home/me/files/tiny-135M.gguf"},
}  # fmt: skip
STUDY = {
    "study": "eggs",
    "dataset": {"kind": "hub", "repo": "databricks/databricks-dolly-15k", "revision": "v1"},
    "models": MODELS,
    "sources": {
        "hen": {"model": "llama", "quality": {"languages": ["en"]}},
        "duck": {"model": "own"},
        "goose": {"engine": {"kind": "openai", "served_model": "gpt-4o-2024-08-06"}},
        "swan": {"engine": {"kind": "replay", "repo": "nyu/answers", "revision": "r7"}},
        "gull": {"engine": {"kind": "replay", "path": "/home/me/files/gull.jsonl"}},
        "tern": {"model": "smol"},
    },
    "mixes": {"multi": {"kind": "weighted", "weights": {"human": 1, "hen": 3}}},
    "targets": list(MODELS),
    "measures": ["response_words"],
    "scoring": {"no_scorer_reason": "none is needed"},
}
MANIFEST = {
    "training": {"rank": 12, "modules": ["q_proj", "v_proj"], "learning_rate": 5e-5},
    "trained_modules": {"q_proj": 30, "v_proj": 30},
    "prompting": {
        "system_prompt": "You are ``` careful | <b>",
        "template_arguments": {"enable_thinking": False},
    },
    "rows_per_step": 8,
    "steps": 30,
    "kept_step": 20,
    "kept_eval_loss": 1.23456,
    "seed": 2,
    "launch": {"versions": {"peft": "0.21.2"}},
    "git_commit": "c0ffee",
}
WHO = ("human", "hen", "duck", "goose", "swan", "gull", "tern")


def card_of(target: str, base: AdapterBase, sources=WHO, study=STUDY) -> str:
    rows = {
        "train": [{"source": source} for source in sources] + [{"source": sources[0]}],
        "validation": [{"source": sources[-1]}],
    }
    settings = adapter_card_settings(parse_study(study, "test"))
    folder = Path("results/eggs/runs/x/adapter")
    return adapter_card(settings, target, "multi", folder, base, MANIFEST, rows)


def test_the_hub_reads_what_the_adapter_was_made_from():
    card = ModelCard(card_of("llama", AdapterBase("meta-llama/Llama-3.1-8B", "d04e592")))
    told = card.data.to_dict()
    assert told["base_model"] == "meta-llama/Llama-3.1-8B"
    assert (told["base_model_relation"], told["library_name"]) == ("adapter", "peft")
    assert told["datasets"] == ["databricks/databricks-dolly-15k"]
    assert (told["license"], told["license_name"]) == ("other", "see-the-notes-on-licences")
    assert "language" not in told, "most sources' languages are unknown"


def test_every_source_of_the_mix_is_counted_and_described():
    text = card_of("llama", AdapterBase("meta-llama/Llama-3.1-8B", "d04e592"))
    assert "| train | human | 2 | 0.250 |" in text and "| train | swan | 1 | 0.125 |" in text
    assert "| validation | tern | 1 | 1.00 |" in text
    for told in (
        "`human`: the humans of the dataset",
        "`hen`: `meta-llama/Llama-3.1-8B` at revision `d04e592`",
        "`duck`: the model `own` from a user's folder",
        "`goose`: `gpt-4o-2024-08-06` behind the server `https://api.openai.com/v1`",
        "`swan`: ready answers from `nyu/answers` at revision `r7`",
        "`gull`: ready answers from `gull.jsonl`",
        "`tern`: the GGUF file `smol-135M.Q4.gguf` of `someone/smol-gguf` at revision `r1`",
    ):
        assert f"\n- {told}\n" in text, told
    licences = text.partition("## Licences")[2].partition("##")[0]
    assert len(re.findall("^- ", licences, re.MULTILINE)) == 1 + len(WHO)
    assert "/home/me" not in text


def test_the_card_tells_settings_prompt_and_how_to_load():
    text = card_of("llama", AdapterBase("meta-llama/Llama-3.1-8B", "d04e592"))
    for line in ("| modules | `q_proj, v_proj` |", "| learning_rate | `5e-05` |",
                 "| step of the checkpoint | `20` |", "| seed | `2` |"):  # fmt: skip
        assert f"\n{line}\n" in text
    assert "\n| trained layers | `30 q_proj, 30 v_proj` |\n" in text
    assert 'to the chat template: `{"enable_thinking": false}`.' in text
    assert "\n````text\nYou are ``` careful | <b>\n````\n" in text
    assert (
        "vllm serve meta-llama/Llama-3.1-8B --revision d04e592 --enable-lora --max-lora-rank 16"
        in text
    )
    assert "relative to the folder" not in text


@pytest.mark.parametrize(
    ("target", "hub", "original"),
    [
        ("smol", "someone/smol-gguf", "the GGUF file `smol-135M.Q4.gguf` of `someone/smol-gguf`"),
        ("local", None, "the GGUF file `tiny-135M.gguf`"),
    ],
)
def test_a_converted_model_names_its_folder_and_its_original(target, hub, original):
    text = card_of(target, AdapterBase(f"results/eggs/models/{target}"))
    assert ModelCard(text).data.to_dict().get("base_model") == hub
    folder = f"`results/eggs/models/{target}`"
    assert f"names the folder {folder}, which was made from {original}" in text
    assert f"vllm serve results/eggs/models/{target} --enable-lora" in text
    assert "relative to the folder where the workflow ran" in text


def test_what_the_project_made_itself_has_its_licence():
    study = STUDY | {
        "dataset": {"kind": "embedded"},
        "models": {"llama": {"kind": "embedded", "architecture": "llama", "habit": "terse"}},
        "sources": {"hen": {"model": "llama"}},
        "targets": ["llama"],
    }
    base = AdapterBase("results/eggs/models/llama")
    told = ModelCard(card_of("llama", base, ("human", "hen"), study)).data.to_dict()
    assert (told["license"], told["language"]) == ("apache-2.0", ["en"])
    assert "base_model" not in told and "datasets" not in told
