"""What each kind of job asks for: GPUs, memory, time, cores."""

from __future__ import annotations

import pytest
from planned_jobs import study

from manybaskets.config.engines import VllmSettings
from manybaskets.config.judges import ClassifierJudge
from manybaskets.config.training import Launch
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.machine import Machine, ModelNeeds
from manybaskets.plan.needs import NO_MODEL, JobNeeds


def needs(config=None, **machine) -> JobNeeds:
    config = config or study("synthetic-eggs")
    return JobNeeds(config, ModelNeeds(Machine.model_validate(machine), model_sizes(config)))


@pytest.fixture(scope="module")
def published() -> JobNeeds:
    return needs()


def test_sources_and_targets_ask_by_their_models_and_engines(published):
    small, large = published.of_source("llama-3.1-8b"), published.of_source("llama-3.1-70b")
    assert (small.gpus, large.gpus) == (1, 4) and large.minutes(100) > small.minutes(100)
    assert published.of_target("llama-3.1-70b") == large


def test_the_engine_says_the_format_of_the_weights_and_the_gpus(published):
    whole = published.of_engine("llama-3.1-70b", VllmSettings())
    assert published.of_engine("llama-3.1-70b", VllmSettings(quantization="fp8")).gpus == 2
    assert published.of_engine("llama-3.1-70b", VllmSettings(tensor_parallel=2)).gpus == 2
    assert whole.gpus == 4


def test_an_engine_that_cannot_use_gpus_gets_none(published):
    class OnCores(VllmSettings):
        needs_gpu = False

    asked = published.of_engine("llama-3.1-8b", OnCores())
    assert asked.gpus == 0
    assert asked.memory_mb == 4000 + 19_200  # the weights and a fifth


def test_a_model_that_runs_elsewhere_needs_little(published):
    assert published.of_engine(None, VllmSettings()) == NO_MODEL
    assert published.of_scoring(None) == NO_MODEL
    assert (NO_MODEL.gpus, NO_MODEL.memory_mb, NO_MODEL.minutes(30)) == (0, 4000, 30)


def test_scoring_ignores_the_engine_of_the_answers(published):
    """The transformers library scores, in the precision of the training."""
    config = study("synthetic-eggs")
    responses = config.responses.model_copy(update={"engine": VllmSettings(quantization="fp8")})
    changed = needs(config.model_copy(update={"responses": responses}))
    assert changed.of_target("llama-3.1-70b").gpus == 2
    assert changed.of_scoring("llama-3.1-70b").gpus == 4


def test_rules_and_people_judge_without_a_model():
    embedded = needs(study())
    assert embedded.of_judge("vault-harm") == NO_MODEL
    assert embedded.judging_minutes("vault-harm", 5000) == 60
    assert embedded.judging_minutes("tiny", 5000) == 5000


def test_a_classifier_is_loaded_in_float32():
    """Whatever the precision of the training is."""
    judge = ClassifierJudge(
        kind="classifier", model="llama-3.1-70b", labels={"safe": 1}, judged_text="response"
    )
    config = study("synthetic-eggs")
    asked = needs(config.model_copy(update={"judges": {"guard": judge}}), gpu={"per_node": 8})
    assert config.training.precision == "bfloat16"
    assert asked.of_scoring("llama-3.1-70b").gpus == 4
    assert asked.of_judge("guard").gpus == 8


def test_a_training_has_a_gpu_for_each_process_or_the_cores_of_the_machine():
    config = study("synthetic-eggs")
    training = config.training.model_copy(update={"processes": 2})
    config = config.model_copy(update={"training": training})
    on_gpus, on_cores = needs(config), needs(config, gpu=None)
    assert on_gpus.of_training("llama-3.1-8b").gpus == 2
    assert on_gpus.of_training("llama-3.1-8b").threads() == 1
    assert on_gpus.of_training("llama-3.1-8b").threads(gpus_here=False) == 8
    assert on_cores.of_training("llama-3.1-8b").gpus == 0
    assert on_cores.of_training("llama-3.1-8b").threads() == 8
    assert needs(config, gpu=None, cpus=1).of_training("llama-3.1-8b").threads() == 2


def test_answers_and_scores_take_the_cores_of_the_machine_without_a_gpu(published):
    asked = (
        published.of_source("llama-3.1-8b"),
        published.of_target("llama-3.1-8b"),
        published.of_scoring("llama-3.1-8b"),
        published.of_engine("llama-3.1-8b", VllmSettings()),
    )
    assert {each.threads() for each in asked} == {1}
    assert {each.threads(gpus_here=False) for each in asked} == {8}
    on_cores = needs(gpu=None, cpus=3)
    assert on_cores.of_source("llama-3.1-8b").threads() == 3
    assert published.of_engine(None, VllmSettings()).threads(gpus_here=False) == 1


def test_tiny_models_take_one_core_each():
    """So that the jobs of two of them run side by side."""
    embedded = needs(study())
    asked = [embedded.of_training(target) for target in embedded.study.targets]
    asked += map(embedded.of_source, embedded.study.sources)
    asked += map(embedded.of_judge, embedded.study.judges)
    assert {each.threads(gpus_here=False) for each in asked} == {1}
    sizes = {"tiny": 5e6, "small": 135e6}
    models = ModelNeeds(Machine(), sizes)
    assert [models.cores(name) for name in sizes] == [1, 8]


def test_without_gpus_a_job_asks_for_what_its_model_needs(published):
    """Not for the memory that goes with a GPU."""
    target = published.of_target("llama-3.1-8b")
    assert target.memory() == 60_000
    assert target.memory(gpus_here=False) == 4000 + 19_200  # the weights and a fifth
    assert needs(gpu=None).of_target("llama-3.1-8b").memory() == 4000 + 19_200
    assert NO_MODEL.memory() == NO_MODEL.memory(gpus_here=False) == 4000


def test_without_gpus_a_training_asks_for_weights_optimizer_and_activations():
    config = study("laptop")
    asked = needs(config).of_training("smollm2")
    assert asked.memory() == 60_000
    # A peak of 2.8 GB was measured, and profiles/laptop has 2,000 MB of 6,700 for a second job.
    assert 2800 < asked.memory(gpus_here=False) <= 4700
    assert needs(config, gpu=None).of_training("smollm2").memory() == asked.memory(gpus_here=False)

    def memory(**changes):
        training = config.training.model_copy(update=changes)
        changed = needs(config.model_copy(update={"training": training}))
        return changed.of_training("smollm2").memory(gpus_here=False)

    plain = memory()
    assert memory(max_length=2048) > 2 * plain  # activations
    assert memory(rank=256) > plain + 1000  # adapters with their gradients and moments
    recomputing = {"smollm2": Launch(gradient_checkpointing=True)}
    assert memory(max_length=2048, launch=recomputing) < memory(max_length=2048) / 2
    assert memory(processes=2) > 1.8 * plain
    embedded = needs(study())
    assert {embedded.of_training(name).memory() for name in embedded.study.targets} == {4000}


def test_the_recipe_holds_what_determines_an_adapter(published):
    recipe = published.training_recipe("llama-3.1-8b")
    assert not recipe.keys() & {"seeds", "per_target"}
    assert recipe["learning_rate"] == published.study.training.learning_rate


def test_only_models_that_one_gpu_does_not_hold_are_sharded():
    config = study("synthetic-eggs")
    training = config.training.model_copy(update={"launch": {}})
    config = config.model_copy(update={"training": training})
    launch = needs(config).training_operations()["launch"]
    assert launch.keys() == {"llama-3.1-70b"} and launch["llama-3.1-70b"]["strategy"] == "fsdp"
    assert needs(config, gpu={"memory_gib": 400}).training_operations()["launch"] == {}
