"""Config: every mistake is told with its key, and the shipped study is right."""

from __future__ import annotations

import copy

import pytest
import yaml
from repository import ROOT

from manybaskets.config import load_study
from manybaskets.config.loading import parse_study, settings_of_run
from manybaskets.errors import UserError

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def broken(edit) -> str:
    settings = copy.deepcopy(SHIPPED)
    edit(settings)
    with pytest.raises(UserError) as error:
        parse_study(settings, "config.yaml")
    return str(error.value)


def test_the_shipped_study_loads():
    study = load_study(ROOT / "config/config.yaml")
    assert study.used_sources() == ["human", "llama", "qwen", "mistral", "gemma"]
    assert study.mix_sources("multi") == ["llama", "qwen", "mistral", "gemma"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("mixes.multi.sources.0", "falcon", "mixes.multi: 'falcon' is not among sources"),
        ("sources.qwen.model", "qwen7", "sources.qwen.model: 'qwen7' is not among models"),
        ("targets.0", "mixtral", "targets: 'mixtral' is not among models"),
        ("training.rank", 0, "training.rank"),
        ("training.seeds", [1, 1], "training.seeds: remove the duplicate 1"),
        ("split.test_share", 1.5, "split.test_share"),
        ("models.llama.architecture", "gpt", "models.llama.architecture"),
        ("sources.llama.sampling.temperature", -1, "sources.llama.sampling.temperature"),
        ("prompting.max_prompt_tokens", 256, "set it below training.max_length"),
        (
            "comparisons.against-human.baseline",
            "multi",
            "conditions: remove 'multi', which is the baseline",
        ),
        ("study", "My Study", "study"),
        ("mixes.vanilla", {"kind": "human"}, "mixes.vanilla: this name is reserved"),
        ("mixes.w", {"kind": "weighted", "weights": {"llama": 0}}, "mixes.w.weights"),
        ("engine", "vllm", "engine: unknown key"),
        ("prompt_sets.test", {"kind": "refused"}, "prompt_sets: 'train' and 'test'"),
        (
            "sources.llama.engine",
            "vlm",
            "sources.llama.engine: 'vlm' is not one of 'transformers', 'vllm'",
        ),
        ("sources.llama.engine", {"tensor_parallel": 2}, "engine: the key `kind` is missing"),
        ("sources.x", {"engine": "vllm"}, "engine 'vllm' needs an entry of `models`"),
        ("sources.x", {"engine": {"kind": "openai"}}, "sources.x.engine.served_model: this key"),
        (
            "sources.x",
            {"engine": {"kind": "openai", "served_model": "m", "key": "s"}},
            "sources.x.engine.key: unknown key",
        ),
        (
            "sources.llama.engine",
            {"kind": "openai", "served_model": "m"},
            "runs no entry of `models`",
        ),
        ("sources.x", {"engine": "replay"}, "either `path` or `repo`"),
        ("sources.x", {"engine": {"kind": "replay", "repo": "a/b"}}, "set it to a commit or tag"),
        ("responses.engine", "openai", "responses.engine: 'openai' cannot run adapters"),
        ("sources.llama.pilot", {"override_reason": "go"}, "sources.llama.pilot.override_reason"),
        ("sources.llama.quality", {"languages": ["english"]}, "sources.llama.quality.languages"),
    ],
)
def test_a_mistake_is_told_with_its_key(path, value, message):
    def edit(settings):
        *steps, last = path.split(".")
        for step in steps:
            settings = settings[int(step)] if step.isdigit() else settings[step]
        settings[int(last) if last.isdigit() else last] = value

    text = broken(edit)
    assert message in text and "to do:" in text


def test_a_missing_key_and_several_mistakes_at_once():
    def edit(settings):
        del settings["dataset"]
        settings["training"]["epoch"] = 1

    text = broken(edit)
    assert "2 errors" in text and "dataset: this key is missing" in text
    assert "training.epoch: unknown key; did you mean 'epochs'?" in text


def test_values_on_the_command_line_change_the_default_study():
    study = parse_study(
        *settings_of_run({"training": {"seeds": [9]}}, [], ROOT / "config/config.yaml")
    )
    assert study.training.seeds == [9] and study.training.rank == 16


def test_a_named_file_stands_alone(tmp_path):
    settings = SHIPPED | {"study": "other"}
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(settings))
    assert (
        parse_study(*settings_of_run(settings, [file], ROOT / "config/config.yaml")).study
        == "other"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [1\nb: 2", "not YAML"), ("- a\n- b", "has no keys"), ("", "has no keys")],
)
def test_a_file_that_is_no_config(tmp_path, content, message):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(UserError, match=message):
        load_study(tmp_path / "c.yaml")


def test_the_smallest_study_of_the_readme_is_right():
    readme = (ROOT / "README.md").read_text()
    block = readme.split("```yaml\n")[1].split("```")[0]
    study = parse_study(yaml.safe_load(block), "README.md")
    assert study.training.rank == 16 and study.mix_sources("mostly-human") == ["human", "llama"]


def test_what_changes_no_result_is_kept_apart_and_comes_back():
    source = parse_study(SHIPPED, "config.yaml").sources["llama"]
    assert type(source).assembled(source.science(), source.operations()) == source
    assert {"shards", "pilot", "max_error_share"} <= source.operations().keys()
    served = type(source)(
        engine={"kind": "openai", "served_model": "m", "spending_cap": 5, "price_in": 1}
    )
    assert "spending_cap" not in str(served.science())
    assert served.operations()["engine"]["spending_cap"] == 5
    assert served.science()["engine"]["served_model"] == "m"
    assert type(source).assembled(served.science(), served.operations()) == served


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"modles": {}}, "modles: unknown key; did you mean 'models'?"),
        (
            {"sources": {"far": {"engine": {"kind": "openai", "served_model": "m", "base_ulr": "u"}}}},
            "sources.far.engine.base_ulr: unknown key; did you mean 'base_url'?",
        ),
        (
            {"dataset": {"kind": "file", "path": "x", "fields": {"responce": "y"}}},
            "dataset.fields.responce: unknown key; did you mean 'response'?",
        ),
        ({"zzz": 1}, "zzz: unknown key\n"),
    ],
)  # fmt: skip
def test_a_close_key_of_the_section_is_suggested(settings, said):
    with pytest.raises(UserError) as caught:
        parse_study({"study": "mine"} | settings, "test")
    assert said in str(caught.value)
