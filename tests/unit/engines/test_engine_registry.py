"""Engines: each says what it needs and can do; one of a user's own needs no change of the library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import yaml
from extension_files import EXTENSIONS, extended
from planned_jobs import planned
from repository import LIBRARY, ROOT

from manybaskets.config.documentation import configuration_page, json_schema
from manybaskets.config.engine_kinds import ENGINES, EngineSettings, Opening, engine
from manybaskets.config.engines import OpenAISettings, TransformersSettings, VllmSettings
from manybaskets.config.loading import parse_study
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Engine
from manybaskets.engines.factory import open_engine
from manybaskets.errors import UserError
from manybaskets.experiments import Work
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.machine import Machine, ModelNeeds
from manybaskets.plan.needs import JobNeeds
from manybaskets.plan.speeds import Priors

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
PHRASES = {"kind": "phrases", "phrases": ["Yes.", "No."]}


@pytest.fixture()
def phrases():
    """The engine of `tests/extensions/phrases.py`, registered for one test."""
    with extended("phrases.py", engines=ENGINES):
        yield


def study(**source):
    sources = SHIPPED["sources"] | {"phrases": source}
    return parse_study(SHIPPED | {"sources": sources}, "config.yaml")


def opening(**changes) -> Opening:
    settings = {"name": "tiny", "folder": None, "prompting": Prompting(), "sampling": Sampling()}
    return Opening(**settings | {"precision": "float32"} | changes)


def test_every_engine_s_environment_is_a_file():
    for settings in ENGINES:
        assert (ROOT / "envs" / settings.environment).is_file()


def test_the_engines_of_the_library_tell_what_they_can():
    able = {
        name: (each.runs_model, each.remote, each.takes_adapters, each.reads_logits, each.generates)
        for name, each in ENGINES.items()
    }
    assert able == {
        "transformers": (True, False, True, True, True),
        "vllm": (True, False, True, False, True),
        "openai": (False, True, False, False, True),
        "replay": (False, False, False, False, False),
    }


def test_the_config_takes_an_engine_of_ones_own(phrases):
    own = study(engine=PHRASES).sources["phrases"].engine
    assert own.phrases == ["Yes.", "No."]
    assert own.science() == PHRASES
    assert list(own.model_dump()) == ["kind", "phrases"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"engine": {"kind": "phrases", "phrases": []}}, "sources.phrases.engine.phrases: List"),
        ({"engine": {"kind": "phrases"}}, "sources.phrases.engine.phrases: this key is missing"),
        ({"engine": PHRASES | {"top": 1}}, "sources.phrases.engine.top: unknown key"),
        ({"engine": PHRASES, "model": "llama"}, "engine 'phrases' runs no entry of `models`"),
        ({"engine": "phrase"}, "'phrase' is not one of 'transformers', 'vllm', 'openai', 'replay', 'phrases'"),
    ],
)  # fmt: skip
def test_its_mistakes_are_told_with_their_key(phrases, source, message):
    with pytest.raises(UserError) as error:
        study(**source)
    assert message in str(error.value)


def test_an_engine_is_refused_where_it_cannot_do_what_is_asked(phrases):
    for key, message in (
        ({"responses": SHIPPED["responses"] | {"engine": PHRASES}}, "cannot run adapters"),
        ({"preference": SHIPPED["preference"] | {"judging": {"engine": PHRASES}}}, "cannot read"),
    ):
        with pytest.raises(UserError) as error:
            parse_study(SHIPPED | key, "config.yaml")
        assert f"'phrases' {message}" in str(error.value)
        assert "use one of 'transformers', 'vllm'" in str(error.value)


def test_schema_and_documentation_list_it(phrases):
    schema = json.loads(json_schema())
    assert "PhrasesSettings" in schema["$defs"]
    (names, _) = schema["$defs"]["Source"]["properties"]["engine"]["anyOf"]
    assert "transformers" in names["enum"] and "phrases" not in names["enum"]  # it has a needed key
    assert "## `engine`, kind `phrases`" in configuration_page()
    assert "| `phrases` | list of text | required | The answers. |" in configuration_page()


def test_without_its_file_it_is_unknown():
    assert "phrases" not in ENGINES
    with pytest.raises(UserError, match="'phrases' is not one of"):
        study(engine=PHRASES)


def test_it_opens_through_the_factory(phrases):
    settings = study(engine=PHRASES).sources["phrases"].engine
    assert open_engine(settings, opening()).identity["engine"] == "phrases"


def test_its_jobs_ask_for_no_gpu_and_their_time_is_unknown(phrases):
    """What nobody has measured is not taken for transformers."""
    config = study(engine=PHRASES)
    needs = JobNeeds(config, ModelNeeds(Machine.model_validate({}), model_sizes(config)))
    assert needs.of_source("phrases")[::3] == (0, 0)
    priors = Priors(config, model_sizes(config))
    jobs = [
        planned("generate", source=name, shard="0", shards="1") for name in ("phrases", "llama")
    ]
    assert [priors.knows(job) for job in jobs] == [False, True]
    assert priors(jobs[0], Work(100.0, 10.0, 10.0)).total > 0


def test_what_is_remote_needs_the_network():
    config = study(engine={"kind": "openai", "served_model": "m"})
    needs = JobNeeds(config, ModelNeeds(Machine.model_validate({}), model_sizes(config)))
    assert needs.of_source("phrases").network == 1 and needs.of_source("llama").network == 0


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="the engine 'vllm' is already registered"):
        engine(VllmSettings)


def test_an_engine_needs_a_kind():
    class Nameless(EngineSettings):
        kind: str = "some"

    with pytest.raises(TypeError, match="kind: Literal"):
        engine(Nameless)


def test_an_engine_must_be_what_its_settings_say(tiny_models):
    class Silent(Engine):
        identity: ClassVar = {"engine": "silent"}

    class SilentSettings(EngineSettings):
        takes_adapters: ClassVar = True
        kind: Literal["silent"] = "silent"

        def open(self, opening):
            return Silent()

    class OtherName(TransformersSettings):
        kind: Literal["other"] = "other"

    with pytest.raises(ValueError, match="runs a model, but no folder was given"):
        open_engine(SilentSettings(), opening())
    with pytest.raises(TypeError, match="Silent must be a LocalEngine"):
        open_engine(SilentSettings(), opening(folder=Path("somewhere")))
    with pytest.raises(ValueError, match="identity of engine 'other'"):
        open_engine(OtherName(), opening(folder=tiny_models["llama"]))


def test_the_number_format_is_the_engine_s_then_the_study_s():
    assert VllmSettings(quantization="fp8", precision="bfloat16").weights_format("float32") == "fp8"
    assert VllmSettings(precision="bfloat16").weights_format("float32") == "bfloat16"
    assert TransformersSettings().weights_format("float32") == "float32"


def test_only_what_is_paid_has_a_price():
    paid = OpenAISettings(served_model="m", price_in=2.0, price_out=8.0, spending_cap=3.0)
    assert paid.price(1e6, 5e5) == 6.0 and paid.cap() == 3.0
    assert VllmSettings().price(1e6, 1e6) is None and VllmSettings().cap() is None


def test_snakemake_plans_with_it(tmp_path):
    """In a process of its own, from a folder that holds the config and the file."""
    config = SHIPPED | {
        "extensions": [str(EXTENSIONS / "phrases.py")],
        "sources": SHIPPED["sources"] | {"phrases": {"engine": PHRASES}},
        "mixes": SHIPPED["mixes"] | {"own": {"kind": "single", "source": "phrases"}},
    }
    (tmp_path / "study.json").write_text(json.dumps(config))
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")]
    done = subprocess.run(
        [*command, "results/embedded/mixes/own/train.jsonl", "--configfile", "study.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for file in ("sources/phrases/pilot.json", "sources/phrases/shards/0-of-1.parquet"):
        assert f"results/embedded/{file}" in done.stdout
