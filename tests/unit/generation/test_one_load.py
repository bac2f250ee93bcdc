"""Many adapters on one load: the bytes of one by one, and no adapter taken for another."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
from tiny_adapters import make_adapters

from manybaskets.config.models import Prompting
from manybaskets.config.responses import Responses
from manybaskets.config.sampling import Sampling
from manybaskets.engines.adapter_probe import BASE, TOKENS, Probes
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.run_responses import respond
from manybaskets.generation.runs import (
    adapters_of,
    check_made_for,
    checked_adapters,
    in_turn,
    name_of,
)
from manybaskets.models.folder import fingerprint
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import read_metadata

RUNS = [("vanilla", 0), ("human", 1), ("human", 2), ("single", 1)]
SETS = {"test": 9, "refused": 5}
HOW = Responses(sampling=Sampling(temperature=0.9, max_new_tokens=12), samples=2, batch_size=4)


@pytest.fixture(scope="module")
def folders(tiny_models, tmp_path_factory):
    """An adapter of the llama model for every tuned run."""
    return make_adapters(tiny_models["llama"], tmp_path_factory.mktemp("adapters"), [1, 2, 3])


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    """Files of two prompt sets."""
    folder = tmp_path_factory.mktemp("prompts")
    files = {}
    for name, count in SETS.items():
        rows = {
            "prompt_id": [f"{name}-{n}" for n in range(count)],
            "instruction": [f"Who founded town {'x' * n}?" for n in range(count)],
            "context": [""] * count,
            "follow_ups": [[]] * count,
        }
        frame = pl.DataFrame(rows, schema_overrides={"follow_ups": pl.List(pl.String)})
        files[name] = folder / f"{name}.parquet"
        frame.write_parquet(files[name])
    return files


@pytest.fixture()
def load(tiny_models):
    """Loads the llama model."""
    return lambda: TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")


def answer(engine, folder, prompts, runs, adapters):
    """Files by run and prompt set."""
    named = {
        (run, name): folder / f"{run[0]}{run[1]}-{name}.parquet" for run in runs for name in SETS
    }
    respond(engine, "llama", runs=runs, adapters=adapters, prompt_sets=prompts, responses=HOW,
            max_prompt_tokens=200, study_seed=3, work=folder / "work", outputs=list(named.values()))  # fmt: skip
    return named


@pytest.mark.parametrize("order", [RUNS, RUNS[::-1]], ids=["untuned first", "untuned last"])
def test_one_load_answers_as_one_load_each_does(load, folders, prompts, tmp_path, order):
    """Byte by byte, in any order; and every run in its own way."""
    given = dict(zip(RUNS, [None, *folders], strict=True))
    together = answer(load(), tmp_path / "one", prompts, order, [given[run] for run in order])
    texts = []
    for run in RUNS:
        alone = answer(load(), tmp_path / "each", prompts, [run], [given[run]])
        for place, file in alone.items():
            assert file.read_bytes() == together[place].read_bytes()
            made = read_metadata(file)
            assert made["who"] == f"llama/{run[0]}/{run[1]}/{place[1]}"
            assert made["adapter"] == (given[run] and fingerprint(given[run]))
        texts.append(tuple(read_responses(alone[run, "test"])["text"]))
    assert len(set(texts)) == len(RUNS)


def test_a_run_that_is_added_is_answered_alone(load, folders, prompts, tmp_path, monkeypatch):
    """The journals of the others hold their rows."""
    before = answer(load(), tmp_path, prompts, RUNS[:3], [None, *folders[:2]])
    written = {place: file.read_bytes() for place, file in before.items()}
    engine = load()
    whole, asked = engine._generate, []
    monkeypatch.setattr(
        engine, "_generate", lambda batch, sampling: asked.extend(batch) or whole(batch, sampling)
    )
    after = answer(engine, tmp_path, prompts, RUNS, [None, *folders])
    assert len(asked) == HOW.samples * sum(SETS.values())
    assert {place: after[place].read_bytes() for place in written} == written


def test_adapters_that_have_answered_leave_the_memory(load, folders, monkeypatch):
    engine = load()
    tuned = RUNS[1:]
    for (mix, seed), folder in zip(in_turn(engine, "llama", tuned, folders), folders, strict=True):
        assert list(engine.adapters) == [folder], (mix, seed)
        kept = {
            name.rsplit(".", 2)[1]
            for name, _ in engine.model.named_parameters()
            if "lora_A" in name
        }
        assert kept == set(engine.adapters.values())  # fmt: skip
    engine.use_adapter(None)
    engine.load()
    engine.use_adapter(folders[0])  # it comes back
    engine.load()
    engine.release_adapters()
    assert list(engine.adapters) == [folders[0]]


def spoilt(folder, to, change):
    """A copy of an adapter whose weights a function has changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, to)
    weights = load_file(to / "adapter_model.safetensors")
    save_file({name: change(name, each) for name, each in weights.items()},
              to / "adapter_model.safetensors", metadata={"format": "pt"})  # fmt: skip
    return to


def test_an_adapter_without_effect_is_refused(load, folders, tmp_path):
    """B is zero, as before the first step of training."""
    zero = spoilt(folders[0], tmp_path / "zero", lambda name, w: w * 0 if "lora_B" in name else w)
    engine = load()
    with pytest.raises(UserError, match="the adapter has no effect") as caught:
        engine.use_adapter(zero)
    assert str(zero) in str(caught.value)
    with pytest.raises(UserError, match="the adapter has no effect"):
        engine.use_adapter(zero)  # asking again changes nothing


def test_an_adapter_whose_weights_are_no_numbers_is_refused(load, folders, tmp_path):
    broken = spoilt(folders[0], tmp_path / "broken", lambda name, w: w * float("nan"))
    with pytest.raises(UserError, match="log-probabilities are not finite"):
        load().use_adapter(broken)


def test_an_adapter_with_almost_no_effect_is_taken(load, folders, tmp_path):
    """Hardly trained is not untrained."""
    weak = spoilt(
        folders[0], tmp_path / "weak", lambda name, w: w * 1e-3 if "lora_B" in name else w
    )
    engine = load()
    engine.use_adapter(weak)
    assert engine.identity["adapter"] == fingerprint(weak)


def test_one_adapter_under_two_names_is_refused(load, folders, tmp_path):
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    engine = load()
    engine.use_adapter(folders[0])
    engine.use_adapter(folders[0])
    with pytest.raises(UserError, match="two runs have the same adapter") as caught:
        engine.use_adapter(copy)
    assert str(folders[0]) in str(caught.value) and str(copy) in str(caught.value)


def test_other_weights_that_act_the_same_are_refused(load, folders, tmp_path):
    """A with twice the numbers and B with half of them is the same adapter in another file."""
    twin = spoilt(
        folders[0], tmp_path / "twin", lambda name, w: w * (2 if "lora_A" in name else 0.5)
    )
    assert fingerprint(twin) != fingerprint(folders[0])
    engine = load()
    engine.use_adapter(folders[1])
    engine.use_adapter(folders[0])
    with pytest.raises(UserError, match="different weights act the same") as caught:
        engine.use_adapter(twin)
    assert str(folders[0]) in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "at_work"),
    [(None, 0), (0, None), (1, 0)],
    ids=["one is left on", "none is switched on", "another is switched on"],
)
def test_an_engine_that_switches_wrongly_is_noticed(load, folders, monkeypatch, wanted, at_work):
    """A planted fault: what is switched on is not what was asked for."""
    engine = load()
    for folder in folders[:2]:
        engine.use_adapter(folder)
    folder = None if wanted is None else folders[wanted]
    engine.use_adapter(folder)
    engine.load()
    engine.use_adapter(folder)
    if at_work is None:
        engine.model.disable_adapter_layers()
    else:
        engine.model.enable_adapter_layers()
        engine.model.set_adapter(engine.adapters[folders[at_work]])
    named = BASE if at_work is None else str(folders[at_work])
    with pytest.raises(UserError, match="the model acts like") as caught:
        engine.load()
    assert named in str(caught.value).splitlines()[0]


def test_noise_of_the_machine_is_no_effect(tmp_path):
    """Where a model does not repeat itself, an adapter must change more than that."""
    probes = Probes("llama")
    for name in "ab":
        probes.register(tmp_path / name, name)
    probes.note_base([-1.0, -2.0], [-1.0, -2.001])
    with pytest.raises(UserError, match="has no effect"):
        probes.check("a", [-1.005, -2.0])
    probes.check("a", [-1.05, -2.0])
    with pytest.raises(UserError, match="act the same"):
        probes.check("b", [-1.055, -2.0])
    # Noise does not make of an adapter another one.
    probes.check("a", [-1.049, -2.001])


def test_swapped_folders_are_noticed_by_what_training_wrote(load, folders, prompts, tmp_path):
    """Also where a job has one run only, and so nothing to compare it with."""
    made = []
    for folder, (mix, seed) in zip(folders[:2], RUNS[1:3], strict=True):
        made.append(shutil.copytree(folder, tmp_path / f"{mix}{seed}"))
        manifest = json.loads((folder / "manifest.json").read_text())
        named = manifest | {"run": name_of("llama", mix, seed)}
        (made[-1] / "manifest.json").write_text(json.dumps(named))
    check_made_for(made[0], "llama", "human", 1)
    for run in [("llama", "human", 2), ("llama", "single", 1), ("qwen", "human", 1)]:
        with pytest.raises(UserError, match="another run: llama human seed 1"):
            check_made_for(made[0], *run)
    assert checked_adapters("llama", RUNS[1:3], made) == made
    with pytest.raises(UserError, match="another run: llama human seed 2"):
        checked_adapters("llama", RUNS[1:3], made[::-1])
    with pytest.raises(UserError, match="another run: llama human seed 2"):
        answer(load(), tmp_path, prompts, RUNS[1:2], made[1:])
    assert not list(tmp_path.glob("*.parquet"))


def test_adapters_belong_to_the_tuned_runs_in_their_order(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    assert adapters_of(RUNS, paths) == [None, *paths]
    assert adapters_of(RUNS[:1], []) == [None]
    with pytest.raises(ValueError, match="shorter|longer"):
        adapters_of(RUNS, paths[:2])


def test_the_probe_fits_into_the_smallest_context(load):
    engine = load()
    assert len(engine.probe()) == TOKENS - 1
    assert engine.probe() == engine.probe()
