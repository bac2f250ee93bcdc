"""The configs of the published studies: right by themselves, and what the studies published."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import pytest
import yaml
from repository import ROOT

from manybaskets.config import load_study
from manybaskets.config.loading import parse_study, settings_of_run
from manybaskets.config.models import HubModel
from manybaskets.data.cleaning import clean
from manybaskets.data.reading import read_rows
from manybaskets.data.splits import split
from manybaskets.measures import get
from manybaskets.measures.selection import check_measures

COUNTS = ROOT / "config/synthetic-eggs.source-counts.yaml"
EGGS, PAPER, WILDCHAT = (
    ROOT / "config" / name
    for name in ("synthetic-eggs.yaml", "synthetic-eggs.paper.yaml", "wildchat-50m.yaml")
)
PAGE = (ROOT / "docs/published-studies.md").read_text(encoding="utf-8")
PUBLISHED = ROOT.parent / "shared/published"
COMMIT = re.compile(r"[0-9a-f]{40}")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What Snakemake makes of two config files."""
    both = dict(base)
    for key, value in changes.items():
        deeper = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = merged(both[key], value) if deeper else value
    return both


def leaves(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def effective(study: Any, path: str) -> Any:
    if isinstance(study, dict):  # names may have dots
        step = next(name for name in study if f"{path}.".startswith(f"{name}."))
        inner = study[step]
    else:
        step = path.split(".")[0]
        inner = getattr(study, step)
    rest = path[len(step) + 1 :]
    return effective(inner, rest) if rest else inner


@pytest.fixture(scope="module")
def eggs():
    return load_study(EGGS)


@pytest.fixture(scope="module")
def paper():
    settings = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (EGGS, PAPER)]
    return parse_study(
        *settings_of_run(merged(*settings), [EGGS, PAPER], ROOT / "config/config.yaml")
    )


def test_the_ablation_holds_rows_fixed_and_uses_every_small_model_equally():
    settings = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (EGGS, COUNTS)]
    study = parse_study(
        *settings_of_run(merged(*settings), [EGGS, COUNTS], ROOT / "config/config.yaml")
    )
    members = study.count_members("small")
    assert sorted(map(len, members.values())) == [1] * 4 + [2] * 2 + [3] * 4 + [4]
    assert {"single-small", "multi-small"} < set(members)
    assert len(study.added_mixes()) == 9 and study.targets == ["llama-3.1-8b"]


@pytest.fixture(scope="module")
def wildchat():
    return load_study(WILDCHAT)


@pytest.fixture()
def published():
    """Folder of the published figures, where this machine has it."""
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not on this machine")
    return PUBLISHED


@pytest.mark.parametrize("file", [EGGS, WILDCHAT], ids=lambda file: file.stem)
def test_the_measures_need_no_embedded_world(file):
    study = load_study(file)
    check_measures(study)
    for name in study.all_measures():
        assert not get(name).function.__module__.endswith(".world"), name
        assert "truth" not in get(name).needs, name


def test_the_brackets_of_synthetic_eggs(eggs):
    brackets = {
        "small": ["llama-3.1-8b", "gemma-2-9b", "qwen2.5-7b", "falcon3-10b"],
        "medium": ["llama-3.1-70b", "mistral-large", "qwen2.5-72b", "command-r-plus"],
        "large": ["llama-3.1-405b", "gemini-2.0-flash", "gpt-4o", "deepseek-v3"],
    }
    mixes = {"human"} | {f"{kind}-{size}" for kind in ("single", "multi") for size in brackets}
    assert set(eggs.mixes) == mixes and eggs.split.parts == 4
    for size, sources in brackets.items():
        assert eggs.mix_sources(f"multi-{size}") == sources
        assert eggs.mix_sources(f"single-{size}") == sources[:1]
    assert set(eggs.sources) == {name for sources in brackets.values() for name in sources}
    hosted = {name for name, source in eggs.sources.items() if source.engine.kind == "openai"}
    assert hosted == set(brackets["large"])
    assert {source.engine.kind for source in eggs.sources.values()} == {"openai", "vllm"}


def test_the_recipe_and_the_sampling_of_synthetic_eggs(eggs, paper):
    for study in (eggs, paper):
        samplings = [source.sampling for source in study.sources.values()]
        for sampling in [*samplings, study.responses.sampling]:
            found = (sampling.temperature, sampling.top_p, sampling.max_new_tokens)
            assert found == (0.7, 0.9, 1024)
        recipe = study.training
        assert (recipe.rank, recipe.alpha, recipe.dropout) == (16, 32, 0.1)
        assert (recipe.epochs, recipe.learning_rate) == (3, 5e-5)
        assert (recipe.warmup_share, recipe.weight_decay, recipe.max_length) == (0.03, 0.01, 1024)
        assert recipe.rows_per_step("llama-3.1-8b") == 64
        assert len(recipe.modules) == 7 and recipe.tf32
        assert study.responses.engine.kind == "vllm"
        assert study.seed == 42 and study.split.test_share == 0.1
        assert study.split.validation_share == 0.05
        assert study.prompting.system_prompt == "You are a helpful assistant."


def test_the_steps_of_the_paper(eggs, paper):
    """12,833 training rows: 603 steps of 64 rows for the 8B, 303 of 128 for the 70B."""
    from manybaskets.training.task import steps_of

    batches = {}
    for target in eggs.targets:
        own = paper.training.of_target(target, gpus=1)
        batches[target] = (own.batch_size, own.accumulation, own.processes)
        batches[target] += (steps_of(own, 12_833), own.launch[target].strategy)
    assert batches == {
        "llama-3.1-8b": (4, 8, 2, 603, "ddp"),
        "llama-3.1-70b": (1, 32, 4, 303, "fsdp"),
    }
    assert paper.training.launch["llama-3.1-70b"].wrapped_layers == ["LlamaDecoderLayer"]
    assert {eggs.training.rows_per_step(target, gpus=1) for target in eggs.targets} == {64}


def test_the_paper_file_holds_only_keys_that_differ(eggs, paper):
    given = dict(leaves(yaml.safe_load(PAPER.read_text(encoding="utf-8"))))
    same = [path for path, value in given.items() if effective(eggs, path) == value]
    assert same == []
    for path, value in given.items():
        assert effective(paper, path) == value
    changed = {"study", "about", "split", "prompting", "truncated_answers", "training"}
    for key in set(type(eggs).model_fields) - changed:
        assert getattr(eggs, key) == getattr(paper, key)


def test_the_paper_file_switches_to_what_the_paper_did(paper):
    assert (paper.training.loss, paper.training.keep_checkpoint) == ("all", "last")
    assert paper.training.seeds == [42]
    assert paper.truncated_answers == "keep" and not paper.split.group_repeats
    # The paper's 8B runs had 603 steps with a checkpoint every 100.
    assert paper.training.evaluations == 603 // 100


@pytest.mark.parametrize(
    ("heading", "more", "fewest"),
    [("The paper's settings", [], 10), ("Robustness", ["robustness"], 5), ("Self-preference", ["preference"], 8)],
)  # fmt: skip
def test_every_switch_of_the_page_is_a_key(heading, more, fewest):
    files = [EGGS, *(EGGS.with_suffix(f".{name}.yaml") for name in more)]
    settings: dict[str, Any] = {}
    for file in files:
        settings = merged(settings, yaml.safe_load(file.read_text(encoding="utf-8")))
    study = parse_study(*settings_of_run(settings, files, ROOT / "config/config.yaml"))
    table = PAGE.split(f"### {heading}")[1].split("\n### ")[0]
    switches = re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)(?:: \w+)?`", table)
    assert len(switches) >= fewest
    for path in switches:
        effective(study, path)


def test_what_cleaning_leaves_of_dolly_fits_without_cutting_a_question(eggs, dolly):
    """At four characters to a token, with room for the template."""
    rows = read_rows(dolly, eggs.dataset.fields.model_copy(update={"category": None}))
    kept, counts = clean(rows, eggs.cleaning, "dolly")
    assert counts["dropped"].pop("max_instruction_characters") == 5
    assert not any(counts["dropped"].values())
    longest = kept["instruction"].str.len_chars().max()
    assert longest <= 4 * (eggs.prompting.max_prompt_tokens - 100)


@pytest.mark.parametrize("file", [EGGS, WILDCHAT], ids=lambda file: file.stem)
def test_revisions_are_commits_or_named_on_the_page(file):
    study = load_study(file)
    assert COMMIT.fullmatch(study.dataset.revision)
    hub = {name: model for name, model in study.models.items() if isinstance(model, HubModel)}
    assert hub == study.models
    moving = {name for name, model in hub.items() if not COMMIT.fullmatch(model.revision)}
    assert {hub[name].revision for name in moving} <= {"main"}
    named = set(re.findall(r"\| `([^`]+)` \| verify \|", PAGE))
    assert moving == (named if file == WILDCHAT else set())
    used = {study.sources[name].model for name in study.used_sources() if name in study.sources}
    assert not moving & ({*study.targets} | used), "what a mix uses has a commit"


def test_a_model_of_both_studies_has_one_commit(eggs, wildchat):
    ours, theirs = ({m.repo: m.revision for m in s.models.values()} for s in (eggs, wildchat))
    shared = set(ours) & set(theirs)
    assert len(shared) == 5
    assert {repo: ours[repo] for repo in shared} == {repo: theirs[repo] for repo in shared}


def test_hosted_models_have_dated_names_or_open_weights_and_a_cap(eggs):
    for name, source in eggs.sources.items():
        if source.engine.kind == "openai":
            assert "latest" not in source.engine.served_model
            tokens = {"in": 1.8, "out": 3.4}  # millions for all training prompts
            cost = tokens["in"] * source.engine.price_in + tokens["out"] * source.engine.price_out
            assert 1.2 * cost < source.engine.spending_cap < 10 * cost, name


def test_shards_take_less_than_two_hours(eggs, wildchat):
    limit = 120  # minutes
    for name, minutes in {"llama-3.1-8b": 4 * 78, "gemma-2-9b": 4 * 159}.items():
        assert minutes / eggs.sources[name].shards <= limit
    slowest = 3163  # tokens per second, prompts included
    for name in ("llama-3.1-70b", "mistral-large", "qwen2.5-72b", "command-r-plus"):
        assert 13_509 * 400 / slowest / 60 / eggs.sources[name].shards <= limit
    tokens = wildchat.split.max_train_prompts * 4000
    for name, source in wildchat.sources.items():
        large = re.search(r"7\db|70b|plus", name)
        speed = slowest if large else 5800 if source.engine.tensor_parallel == 4 else 8700
        assert tokens / speed / 60 / source.shards <= limit, name


def test_token_budgets_of_wildchat(wildchat, published):
    with open(published / "fixtures/context_budget.csv", newline="") as file:
        budgets = {int(row["context_tokens"]): row for row in csv.DictReader(file)}
    assert wildchat.prompting.max_prompt_tokens == int(budgets[8192]["max_input_tokens"])
    for name, source in wildchat.sources.items():
        context = 20000 if name == "qwen2.5-72b" else 8192
        sampling = source.sampling
        assert sampling.max_new_tokens == int(budgets[context]["max_output_tokens"]), name
        assert (sampling.temperature, sampling.top_p) == (1.0, 1.0)
    assert wildchat.seed == 0 and wildchat.training.max_length == 8192
    assert {wildchat.training.rows_per_step(target, gpus=8) for target in wildchat.targets} == {64}


def test_every_published_name_stands_on_the_page(wildchat, published):
    with open(published / "wildchat50m.csv", newline="") as file:
        names = {r["row"] for r in csv.DictReader(file) if r["table"] == "T5"} - {"all"}
    assert len(names) == 26
    listed = dict(re.findall(r"^\| ([^|]+?)(?: \(\w+\))? \| (.+?) \|", PAGE, re.MULTILINE))
    assert names <= set(listed)
    entries = {cell.strip("`") for name, cell in listed.items() if cell.startswith("`")}
    assert set(wildchat.sources) <= entries


def test_blends_and_bases_of_wildchat(wildchat):
    for blend, parts in {
        "q72-l70": {"qwen2.5-72b", "llama-3.3-70b"},
        "l8i-q7": {"llama-3.1-8b", "qwen2-7b"},
    }.items():
        weights = wildchat.mixes[blend].weights
        assert set(weights) == parts and len(set(weights.values())) == 1
    bases = [wildchat.models[target].repo for target in wildchat.targets]
    assert bases == ["meta-llama/Llama-3.1-8B", "Qwen/Qwen2-7B"]


def test_smaller_samples_of_wildchat_lie_within_larger_ones(wildchat):
    """The study's 100,000, 250,000 and 500,000 conversations, in thousandths."""
    languages = ["English"] * 620 + ["Chinese"] * 250 + ["Russian"] * 110 + ["Welsh"] * 20
    rows = pl.DataFrame(
        {
            "prompt_id": [f"{number:04x}" for number in range(1000)],
            "instruction": [f"question {number}" for number in range(1000)],
            "context": [""] * 1000,
            "category": languages,
        }
    )

    def sample(count: int) -> dict[str, set[str]]:
        wanted = wildchat.split.model_copy(
            update={"max_train_prompts": count, "max_test_prompts": None}
        )
        used = split(rows, wanted, wildchat.seed).filter("used")
        return {name: set(part["prompt_id"]) for (name,), part in used.group_by("split")}

    small, middle, large = (sample(count) for count in (100, 250, 500))
    assert [len(s["train"] | s["validation"]) for s in (small, middle, large)] == [100, 250, 500]
    for name in ("train", "validation"):
        assert small[name] < middle[name] < large[name]
    assert small["test"] == middle["test"] == large["test"]
