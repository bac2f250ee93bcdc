"""Training: what is learned, what is kept, and that a killed run ends as an undisturbed one."""

from __future__ import annotations

import json
import math
import shutil
from itertools import groupby

import pytest
from safetensors.torch import load_file

from manybaskets.chat import ChatRenderer, Prompt
from manybaskets.config.models import Prompting
from manybaskets.config.training import Launch, Training
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.jobs import stage_versions as versions
from manybaskets.training.adapters import train_adapter
from manybaskets.training.encoded_rows import IGNORED, encode_rows, pad_batch

# The models of these tests know nothing, so their first loss is at chance.
SETTINGS = Training(
    rank=4, epochs=2, learning_rate=5e-3, batch_size=4, max_length=128, evaluations=4,
    precision="float32", dropout=0.05, max_first_loss=2.0,
)  # fmt: skip


def chat_rows(count: int, start: int = 0) -> list[dict]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Who founded town {number}?"},
                {"role": "assistant", "content": f"King Harl founded town {number}."},
            ],
            "prompt_id": f"p{number}",
            "source": "human",
        }
        for number in range(start, start + count)
    ]


def train(tiny_models, folder, monkeypatch=None, memory_mb=None, **changes):
    train_adapter(
        tiny_models["llama"],
        {"train": chat_rows(24), "validation": chat_rows(6, 100)},
        training=SETTINGS.model_copy(update=changes),
        prompting=Prompting(),
        seed=3,
        threads=2,
        name="llama",
        work=folder / "work",
        output=folder / "adapter",
        memory_mb=memory_mb,
    )
    return json.loads((folder / "adapter" / "manifest.json").read_text())


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_labels_are_the_answer_and_its_end_token_and_nothing_else(tiny_models, family):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    renderer = ChatRenderer(tokenizer, "You are a helpful assistant.", "26 Jul 2024", family)
    rows = encode_rows(chat_rows(3), renderer, 128)
    batch = pad_batch(rows, tokenizer.pad_token_id)
    for number in range(3):
        kept = batch["labels"][number] != IGNORED
        learned = batch["input_ids"][number][kept]
        assert tokenizer.decode(learned) == f"King Harl founded town {number}.<|end|>"
        assert (batch["labels"][number][kept] == learned).all()
        assert batch["attention_mask"][number].sum() == len(rows[number]["input_ids"])


ANSWERS = ("King Harl.", "  Long ago,\nthey say.\n", "\nNobody knows. ")
QUESTIONS = ("Who founded Alden?", "And when was that?", "Why there? ")


def conversation(turns: int, answers: tuple[str, ...] = ANSWERS) -> dict:
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    for question, answer in zip(QUESTIONS[:turns], answers, strict=False):
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages, "prompt_id": "p", "source": "human"}


def spans(labels: list[int]) -> list[list[int]]:
    """The stretches of labels that are learned."""
    groups = groupby(labels, key=lambda label: label != IGNORED)
    return [list(group) for learned, group in groups if learned]


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_every_answer_of_a_conversation_is_learned_as_it_was_generated(tiny_models, family, turns):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    renderer = ChatRenderer(tokenizer, "You are a helpful assistant.", "26 Jul 2024", family)
    answers = tuple(answer.strip() for answer in ANSWERS)
    row = encode_rows([conversation(turns, answers)], renderer, 400)[0]
    ids, labels = row["input_ids"], row["labels"]
    learned = [tokenizer.decode(span) for span in spans(labels)]
    assert learned == [f"{answer}<|end|>" for answer in answers[:turns]]
    assert [token for token, label in zip(ids, labels, strict=True) if label == token] == [
        token for span in spans(labels) for token in span
    ]
    # Up to each answer the ids are those that the model was asked with.
    prompt = Prompt("p", QUESTIONS[0], "", QUESTIONS[1:turns])
    for turn in range(turns):
        asked = list(renderer.render(prompt, 400, answers[:turn]).ids)
        answer = list(renderer.encode_answer(answers[turn]))
        assert ids[: len(asked) + len(answer)] == asked + answer
    assert len(ids) == len(asked) + len(answer)
    # And the whole is the template's own text of the finished conversation.
    messages = conversation(turns, answers)["messages"][family == "gemma" :]
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    decoded = tokenizer.decode(ids)
    assert whole.startswith(decoded) and whole[len(decoded) :].strip() == ""


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_whitespace_around_answers_breaks_no_conversation(tiny_models, family):
    """All four templates strip it off earlier answers; the last one is learned as it is."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    renderer = ChatRenderer(tokenizer, "", "26 Jul 2024", family)
    labels = encode_rows([conversation(3)], renderer, 400)[0]["labels"]
    stripped = [answer.strip() for answer in ANSWERS[:2]]
    wanted = [f"{answer}<|end|>" for answer in (*stripped, ANSWERS[2])]
    assert [tokenizer.decode(span) for span in spans(labels)] == wanted


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_loss_on_everything_leaves_out_the_bos_alone(tiny_models, family, turns):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    renderer = ChatRenderer(tokenizer, "", "26 Jul 2024", family)
    answers, everything = (
        encode_rows([conversation(turns)], renderer, 400, loss)[0] for loss in ("answers", "all")
    )
    assert everything["input_ids"] == answers["input_ids"]
    ids, labels = everything["input_ids"], everything["labels"]
    ignored = [place for place, label in enumerate(labels) if label == IGNORED]
    assert ignored == ([] if family == "qwen" else [0])
    assert labels[1:] == ids[1:]
    assert answers == encode_rows([conversation(turns)], renderer, 400)[0]


def test_the_kind_of_loss_reaches_the_trainer(tiny_models, tmp_path, monkeypatch):
    seen = {}

    class Stopped(Exception):
        pass

    def fit(model, train, validation, **settings):
        seen["labels"] = [label for row in [*train, *validation] for label in row["labels"]]
        raise Stopped

    monkeypatch.setattr("manybaskets.training.process.fit", fit)
    for loss, ignored in (("all", 30), ("answers", None)):
        with pytest.raises(Stopped):
            train(tiny_models, tmp_path, loss=loss, smoke_steps=0)
        count = seen["labels"].count(IGNORED)
        assert count == ignored if ignored else count > 30  # one BOS for each of 24 + 6 rows


def test_an_adapter_is_learned_kept_at_its_best_and_loads(tiny_models, tmp_path):
    manifest = train(tiny_models, tmp_path)
    losses = {p["step"]: p["loss"] for p in manifest["curve"] if p["kind"] == "eval"}
    assert sorted(losses) == [0, 3, 6, 9, 12]
    assert manifest["kept_eval_loss"] == min(loss for step, loss in losses.items() if step)
    assert losses[12] < losses[0] - 0.3
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")
    pair = [(engine.renderer.encode_prompt("Who founded town 7?"),
             engine.renderer.encode_answer("King Harl founded town 7."))]  # fmt: skip
    untuned = sum(engine.score(pair)[0])
    engine.use_adapter(tmp_path / "adapter")
    assert sum(engine.score(pair)[0]) > untuned + 1
    left = {path.name for path in (tmp_path / "work").glob("*/*")}
    assert left == {"adapter", "adapter-digests.json"}, (
        "checkpoints are gone with the adapter there"
    )


def test_the_same_rows_are_not_trained_on_twice(tiny_models, tmp_path, monkeypatch):
    """A mix that was made again with the same content finds its adapter; another recipe trains."""
    train(tiny_models, tmp_path)
    files = ("adapter_model.safetensors", "adapter_config.json", "manifest.json")
    before = [(tmp_path / "adapter" / name).read_bytes() for name in files]
    shutil.rmtree(tmp_path / "adapter")
    with monkeypatch.context() as patch:
        patch.setattr("manybaskets.training.adapters.launch", lambda *_: pytest.fail("trained"))
        train(tiny_models, tmp_path)
    assert [(tmp_path / "adapter" / name).read_bytes() for name in files] == before
    train(tiny_models, tmp_path, alpha=7)
    assert (tmp_path / "adapter" / files[0]).read_bytes() != before[0]
    assert len(list(tmp_path.glob("work/*"))) == 1, "the adapter of the old recipe is gone"
    monkeypatch.setitem(versions.STAGES, "train", versions.STAGES["train"] + 1)
    monkeypatch.setattr("manybaskets.training.adapters.launch", lambda *_: pytest.fail("trained"))
    with pytest.raises(pytest.fail.Exception, match="trained"):
        train(tiny_models, tmp_path, alpha=7)


def test_a_killed_run_goes_on_to_the_same_losses_and_weights(tiny_models, tmp_path, monkeypatch):
    whole = train(tiny_models, tmp_path / "whole")

    class Killed(Exception):
        pass

    def die(self, args, state, control, **kwargs):
        if state.global_step == 11:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("transformers.trainer_callback.DefaultFlowCallback.on_step_begin", die)
        train(tiny_models, tmp_path / "killed")
    # Steps 1 to 6 are the first pass, so the run goes on in the middle of the second.
    assert list((tmp_path / "killed/work").glob("*/checkpoint-9"))
    assert not (tmp_path / "killed/adapter").exists()
    resumed = train(tiny_models, tmp_path / "killed")
    ours, theirs = (
        [(p["step"], p["kind"], p["loss"]) for p in m["curve"] if p["kind"] == "eval"]
        for m in (resumed, whole)
    )
    for (step, kind, loss), (other_step, other_kind, other) in zip(ours, theirs, strict=True):
        assert (step, kind) == (other_step, other_kind)
        assert math.isclose(loss, other, abs_tol=1e-5)
    one, other = (
        load_file(tmp_path / name / "adapter/adapter_model.safetensors")
        for name in ("whole", "killed")
    )
    assert all((one[key] - other[key]).abs().max() < 1e-5 for key in one)


def check_same(resumed: dict, whole: dict, folder) -> None:
    """All losses, logged means included, within 1e-5, and the weights too."""
    ours, theirs = (
        [(p["step"], p["kind"], p["loss"]) for p in manifest["curve"]]
        for manifest in (resumed, whole)
    )
    assert [point[:2] for point in ours] == [point[:2] for point in theirs]
    assert [p[2] for p in ours] == pytest.approx([p[2] for p in theirs], abs=1e-5)
    one, other = (
        load_file(folder / name / "adapter/adapter_model.safetensors")
        for name in ("whole", "killed")
    )
    assert all((one[key] - other[key]).abs().max() < 1e-5 for key in one)


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


NO_TIME = 1e-9  # minutes: a checkpoint after every step


@pytest.mark.parametrize("step", [5, 6, 7, 11])
def test_a_checkpoint_between_two_evaluations_goes_on_to_the_same_losses(
    tiny_models, tmp_path, monkeypatch, step
):
    """In the middle of a pass and of a mean in the log, at the end of a pass, and just after it."""
    changes = {"evaluations": 1, "accumulation": 1}
    whole = train(tiny_models, tmp_path / "whole", **changes)
    assert [p["step"] for p in whole["curve"] if p["kind"] == "train"] == [3, 6, 9, 12]

    def die(self, args, state, control, **kwargs):
        if state.global_step == step:
            raise Killed

    changes["checkpoint_minutes"] = NO_TIME
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("transformers.trainer_callback.DefaultFlowCallback.on_step_begin", die)
        train(tiny_models, tmp_path / "killed", **changes)
    kept = {path.name for path in (tmp_path / "killed/work").glob("*/checkpoint-*")}
    assert kept == {f"checkpoint-{step}"}
    resumed = train(tiny_models, tmp_path / "killed", **changes)
    assert resumed["launch"]["went_on_from_step"] == step
    check_same(resumed, whole, tmp_path)


@pytest.mark.parametrize("step", [6, 9, 12])
def test_a_run_killed_in_an_evaluation_repeats_that_alone(tiny_models, tmp_path, monkeypatch, step):
    """A checkpoint comes before an evaluation that would take too long; also the last one."""
    whole = train(tiny_models, tmp_path / "whole")
    from manybaskets.training import fitting

    evaluate = fitting._validation_loss

    def die(trainer, rows):
        if trainer.state.global_step == step:
            raise Killed
        return evaluate(trainer, rows)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fitting, "_validation_loss", die)
        train(tiny_models, tmp_path / "killed", checkpoint_minutes=NO_TIME)
    resumed = train(tiny_models, tmp_path / "killed")
    assert resumed["launch"]["went_on_from_step"] == step
    check_same(resumed, whole, tmp_path)
    assert resumed["kept_step"] == whole["kept_step"]


def test_a_training_shorter_than_the_time_saves_at_evaluations_alone(
    tiny_models, tmp_path, monkeypatch
):
    from manybaskets.training import timed_checkpoints

    saved = []
    monkeypatch.setattr(timed_checkpoints, "mark_complete", lambda folder, step: saved.append(step))
    train(tiny_models, tmp_path, smoke_steps=0)
    assert saved == [3, 6, 9, 12]


def test_a_run_killed_after_its_last_step_is_only_finished(tiny_models, tmp_path, monkeypatch):
    whole = train(tiny_models, tmp_path / "whole")

    class Killed(Exception):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("manybaskets.training.adapters.exported", die)
        train(tiny_models, tmp_path / "killed")
    finished = train(tiny_models, tmp_path / "killed")
    assert finished["launch"]["went_on_from_step"] == whole["steps"] == 12
    assert finished["curve"] == whole["curve"] and finished["kept_step"] == whole["kept_step"]


def test_labels_at_chance_stop_the_run_before_its_first_step(tiny_models, tmp_path, monkeypatch):
    def no_step(*_, **__):
        raise AssertionError("a step was made")

    monkeypatch.setattr("transformers.Trainer.training_step", no_step)
    with pytest.raises(UserError, match="the loss on answers before training is"):
        train(tiny_models, tmp_path, max_first_loss=0.01, smoke_steps=0)
    assert not (tmp_path / "adapter").exists()


def test_an_adapter_that_does_nothing_is_no_result(tiny_models, tmp_path):
    with pytest.raises(UserError, match="does not change the model's logits"):
        train(tiny_models, tmp_path, learning_rate=1e-30)
    assert not (tmp_path / "adapter").exists()


def test_weights_that_add_nothing_or_are_missing_are_no_adapter(tiny_models):
    """The check that stands before every training and after it, on weights made up for it."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    from manybaskets.training.checkpoints import check_whole, load_base

    base = load_base(tiny_models["qwen"], "float32")
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    fresh = get_peft_model_state_dict(model, save_embedding_layers=False)
    with pytest.raises(UserError, match="does not change the model's logits"):
        check_whole(model, fresh, "qwen")  # LoRA starts with B = 0
    one = next(key for key in fresh if "lora_B" in key)
    trained = {key: weight + (key == one) for key, weight in fresh.items()}
    check_whole(model, trained, "qwen")
    shard = trained | {one: trained[one][:1]}
    lacking = {key: weight for key, weight in trained.items() if key != one}
    broken = trained | {one: trained[one] * torch.nan}
    for wrong, words in (
        (shard, "1 weights"),
        (lacking, "1 weights"),
        (broken, "logits, or makes them non-finite"),
    ):
        with pytest.raises(UserError, match=words):
            check_whole(model, wrong, "qwen")


@pytest.mark.parametrize("smoke_steps", [0, 2])
def test_a_loss_that_is_no_number_stops_the_run_at_once(tiny_models, tmp_path, smoke_steps):
    with pytest.raises(UserError, match="loss is nan at step [234]\\n"):
        train(tiny_models, tmp_path, learning_rate=1e30, epochs=50, smoke_steps=smoke_steps)
    assert not (tmp_path / "adapter").exists()


def test_the_trial_sees_the_longest_rows_and_changes_nothing(tiny_models, tmp_path, monkeypatch):
    from manybaskets.training import longest_rows_trial, process
    from manybaskets.training.fitting import fit

    seen = []

    def watched(model, rows, validation, **settings):
        seen.append([len(row["input_ids"]) for row in rows])
        return fit(model, rows, validation, **settings)

    for module in (process, longest_rows_trial):
        monkeypatch.setattr(module, "fit", watched)
    manifests = [
        train(tiny_models, tmp_path / str(steps), smoke_steps=steps, batch_size=2)
        for steps in (3, 0)
    ]
    tried, whole, alone = seen
    assert tried == sorted(whole, reverse=True)[:6] and whole == alone and len(whole) == 24
    assert max(whole) > min(whole), "rows of one length would show nothing"
    assert manifests[0]["curve"] == manifests[1]["curve"]
    one, other = (
        (tmp_path / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("3", "0")
    )
    assert one == other


def test_a_trial_that_fails_is_the_end(tiny_models, tmp_path, monkeypatch):
    """A checkpoint that lacks weights is found before the training, not after."""
    from safetensors.torch import save_file
    from transformers import Trainer

    save = Trainer._save

    def half(self, output_dir=None, state_dict=None):
        save(self, output_dir, state_dict)
        file = f"{output_dir}/adapter_model.safetensors"
        weights = load_file(file)
        weights.pop(sorted(weights)[0])
        save_file(weights, file)

    monkeypatch.setattr(Trainer, "_save", half)
    with pytest.raises(UserError, match="1 weights of the saved adapter") as told:
        train(tiny_models, tmp_path)
    assert "lora_A" in told.value.where and "saved None" in told.value.where
    assert not list(tmp_path.glob("work/*/checkpoint-*"))


def test_computing_activations_again_changes_no_result(tiny_models, tmp_path):
    """Also with dropout, which has to be drawn the same again."""
    manifests = [
        train(tiny_models, tmp_path / str(again), dropout=0.3,
              launch={"llama": Launch(gradient_checkpointing=again)})
        for again in (True, False)
    ]  # fmt: skip
    ours, theirs = ([p["loss"] for p in manifest["curve"]] for manifest in manifests)
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_the_manifest_tells_how_it_was_trained(tiny_models, tmp_path):
    import torch
    import transformers

    manifest = train(tiny_models, tmp_path, accumulation=2)
    assert manifest["rows_per_step"] == 8 and manifest["steps"] == 6
    how = manifest["launch"]
    assert (how["strategy"], how["processes"], how["device"]) == ("one process", 1, "cpu")
    assert how["versions"]["torch"] == torch.__version__
    assert how["versions"]["transformers"] == transformers.__version__
    assert set(how["versions"]) == {"torch", "transformers", "peft", "accelerate"}
    assert how["trial_seconds"] + how["training_seconds"] < how["seconds"] < 600
    assert (
        how["trial_seconds"] > 0
        and how["training_seconds"] > 0
        and how["peak_bytes_of_a_process"] > 1e8
    )
    assert how["went_on_from_step"] == 0
    steps = [point for point in manifest["curve"] if point["kind"] == "train"]
    assert max(point["learning_rate"] for point in steps) == pytest.approx(5e-3)
    assert all(point["grad_norm"] > 0 for point in steps)


@pytest.mark.parametrize(
    ("rows", "batch", "accumulation", "processes", "epochs", "steps"),
    [(12_833, 4, 8, 2, 3, 603), (12_833, 1, 32, 4, 3, 303), (25, 4, 1, 1, 2, 14), (24, 4, 1, 1, 2, 12),
     (25, 4, 2, 1, 1, 4), (25, 4, 1, 2, 1, 4), (3, 4, 1, 1, 1, 1), (10, 4, 1, 1, 0.5, 2)],
)  # fmt: skip
def test_whole_passes_see_every_row(rows, batch, accumulation, processes, epochs, steps):
    """Steps counted as transformers counts those of one pass."""
    from manybaskets.training.task import steps_of

    settings = SETTINGS.model_copy(
        update={"batch_size": batch, "accumulation": accumulation, "processes": processes,
                "epochs": epochs}
    )  # fmt: skip
    assert steps_of(settings, rows) == steps


def test_all_linear_layers_but_the_head_are_trained_and_listed(tiny_models, tmp_path):
    few = train(tiny_models, tmp_path / "few", modules=["v_proj", "mlp.up_proj"])
    assert few["trained_modules"] == {"up_proj": 2, "v_proj": 2}
    manifest = train(tiny_models, tmp_path / "all", modules="all-linear")
    seven = {f"{name}_proj": 2 for name in ("q", "k", "v", "o", "gate", "up", "down")}
    assert manifest["trained_modules"] == seven
    config = json.loads((tmp_path / "all/adapter/adapter_config.json").read_text())
    assert config["target_modules"] == sorted(seven)
    weights = load_file(tmp_path / "all/adapter/adapter_model.safetensors")
    assert len(weights) == 2 * 2 * 7 and not any("head" in name for name in weights)


def test_a_layer_that_the_target_lacks_is_named_before_any_row_is_read(tiny_models, tmp_path):
    with pytest.raises(UserError, match="target 'llama' has no linear layer 'c_attn'"):
        train(tiny_models, tmp_path, modules=["q_proj", "c_attn"])
    assert not (tmp_path / "work").exists()


def test_the_built_model_has_the_last_word_on_its_layers(tiny_models, tmp_path, monkeypatch):
    monkeypatch.setattr("manybaskets.training.adapters.check_modules", lambda *_: None)
    with pytest.raises(UserError, match="target 'llama' has no linear layer 'c_attn'"):
        train(tiny_models, tmp_path, modules=["q_proj", "c_attn"])


def test_memory_too_small_for_one_row_stops_the_job_before_it_loads_the_model(
    tiny_models, tmp_path, monkeypatch
):
    for module in ("process", "longest_rows_trial"):
        name = f"manybaskets.training.{module}.build_adapter_model"
        monkeypatch.setattr(name, lambda _: pytest.fail("loaded"))
    with pytest.raises(UserError, match="needs 0.8. GB of memory.*a process has 0.50 GB"):
        train(tiny_models, tmp_path, memory_mb=500)


def test_a_tracker_that_is_not_installed_is_named(tiny_models, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="tracker 'wandb' is not installed"):
        train(tiny_models, tmp_path, report_to=["wandb"])
    assert not (tmp_path / "work").exists()


def test_a_row_that_is_too_long_is_named(tiny_models, tmp_path):
    with pytest.raises(UserError, match="a training row has"):
        train(tiny_models, tmp_path, max_length=20)


def test_passes_of_few_tokens_give_the_same_losses(tiny_models, tmp_path):
    """A batch that is computed in several passes makes the step of the whole batch."""
    launch = {"llama": Launch(tokens_per_pass=40)}
    whole = train(tiny_models, tmp_path / "whole", dropout=0.0)
    parts = train(tiny_models, tmp_path / "parts", dropout=0.0, launch=launch)
    assert parts["launch"]["tokens_per_pass"] == 40 < whole["launch"]["tokens_per_pass"]
    for one, other in zip(whole["curve"], parts["curve"], strict=True):
        assert one["step"] == other["step"] and one["kind"] == other["kind"]
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
