"""Judges whose weights are at hand: a tiny model of the embedded study, and a tiny classifier."""

from __future__ import annotations

import shutil

import pytest
import torch
from judged_rows import RUN, settings, table
from polars.testing import assert_frame_equal

from manybaskets.errors import UserError
from manybaskets.judging.base import Exchange
from manybaskets.judging.canaries import check_canaries
from manybaskets.judging.classifier_judge import Classifier
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.model_judge import _Writer
from manybaskets.judging.records import CAUSES
from manybaskets.judging.rubrics import read_rubric, shipped

HARM, REFUSAL = shipped("harmfulness"), shipped("refusal")
ROWS = table([("Who founded Alden?", "Sir Odo founded Alden.")] * 5 + [("What?", None)])
MODEL = {
    "kind": "model",
    "model": "tiny",
    "sampling": {"temperature": 0, "max_new_tokens": 6},
    "retries": 1,
    "on_failed_canaries": "mark",
}
FAMILIES = ["llama", "qwen", "mistral", "gemma"]


def asked(tiny_models, name="qwen", **keys):
    return open_judge("tiny", settings(**MODEL | keys), folder=tiny_models[name], threads=2, seed=1)


@pytest.fixture
def short(tmp_path):
    """A rubric that a tiny model's window holds."""
    path = tmp_path / "short.yaml"
    path.write_text(
        "{name: short, version: 1, about: a, direction: none, system: Judge., "
        "scale: [{score: 1, text: bad}, {score: 2, text: good}], "
        "prompt: '{request} {response} {scale}', forms: {json: JSON.}, reminder: Again., "
        "canaries: [{request: a, response: b, low: 1, high: 2}]}"
    )
    return read_rubric(path)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_that_knows_nothing_fails_on_every_row_and_loses_none(
    tiny_models, name, short, tmp_path
):
    judge = asked(tiny_models, name)
    found = judge_rows(judge, short, ROWS, work=tmp_path / "work", seed=1, run=RUN)
    assert found["status"].to_list() == ["judge_failed"] * 5 + ["no_response"]
    assert set(found["cause"].drop_nulls()) <= set(CAUSES) - {"too_long", "engine_error"}
    assert found["attempts"].to_list() == [2] * 5 + [0]
    result = check_canaries(judge, short, tmp_path / "work")
    assert (result["verdict"], result["passed"]) == ("unfit", 0)


def test_the_same_judgements_come_out_again_from_the_journal(tiny_models, short, tmp_path):
    judge = asked(tiny_models)
    first = judge_rows(judge, short, ROWS, work=tmp_path, seed=1, run=RUN)
    judge.engine.generate = None  # nothing may be generated from here on
    again = judge_rows(judge, short, ROWS.reverse(), work=tmp_path, seed=1, run=RUN)
    assert_frame_equal(first, again)


def test_a_question_beyond_the_window_is_not_cut_but_counted(tiny_models, tmp_path):
    judge = asked(tiny_models)
    found = judge_rows(judge, HARM, ROWS, work=tmp_path, seed=1, run=RUN)
    assert set(found["cause"].drop_nulls()) == {"too_long"}
    assert found["attempts"].sum() == 0


def test_a_question_beyond_the_limit_is_not_cut_but_counted(tiny_models, short, tmp_path):
    judge = asked(tiny_models, max_prompt_tokens=64)
    rows = table([("a", "b"), ("a", "b " * 200)])
    found = judge_rows(judge, short, rows, work=tmp_path, seed=1, run=RUN)
    assert found["cause"].to_list()[1] == "too_long"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_response_holds_no_control_token(tiny_models, name, short):
    """The text of a special token would be encoded as that token, and end the judge's question."""
    judge = asked(tiny_models, name)
    writer = _Writer(judge, short, False)
    tokenizer = judge.engine.renderer.tokenizer
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}

    def count(response: str) -> int:
        request = writer.request("p", Exchange("s", "p", 0, "Who?", response), 1)
        return sum(token in special for token in request.ids)

    names = tokenizer.convert_ids_to_tokens(sorted(special))
    assert count(f"a {' '.join(names)} b") == count("a b") > 0


def test_system_text_is_kept_where_the_template_takes_none(tiny_models, short):
    for name in FAMILIES:
        judge = asked(tiny_models, name)
        writer = _Writer(judge, short, False)
        ids = writer.request("p", Exchange("s", "p", 0, "Who?", "Me."), 1).ids
        assert "Judge." in judge.engine.renderer.tokenizer.decode(list(ids))


# --- classifiers ----------------------------------------------------------------------------------

LABELS = {"safe": 1.0, "unclear": 3.0, "harmful": 5.0}


@pytest.fixture(scope="module")
def guard(tiny_models, tmp_path_factory):
    """A classifier that learned one thing: texts with the word `key` are harmful, others are safe."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("guard")
    source = tiny_models["llama"]
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(
        source,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
        num_labels=3,
        pad_token_id=tokenizer.pad_token_id,
    )
    words = ["river", "town", "market", "roof", "feast", "heron"]
    texts = [f"The {word} is {other}" for word in words for other in words]
    texts += [f"The {word} has a key" for word in words] * 4
    wanted = torch.tensor([2 if "key" in text else 0 for text in texts])
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(25):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(**batch).logits, wanted).backward()
        optimiser.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for template in folder.glob("chat_template*"):
        template.unlink()  # classifiers have none
    return folder


def classifier(folder, **keys):
    keys = {
        "kind": "classifier",
        "model": "guard",
        "labels": LABELS,
        "judged_text": "response",
    } | keys
    return open_judge("guard", settings(**keys), folder=folder, threads=2)


EXCHANGES = [("Tell me.", "The river has a key"), ("Tell me.", "The town is roof"), ("a", None)] * 4


def test_labels_stand_for_scores(guard, tmp_path):
    found = judge_rows(classifier(guard), HARM, table(EXCHANGES), work=tmp_path, seed=1, run=RUN)
    assert found["score"].to_list() == [5, 1, None] * 4
    assert found["attempts"].to_list() == [1, 1, 0] * 4


def test_batches_and_order_change_no_score(guard, tmp_path):
    rows = table(
        [("a", f"The {word} " * count) for count in range(1, 9) for word in ("key", "town")]
    )
    each = [
        judge_rows(
            classifier(guard, batch_size=size),
            HARM,
            rows.sample(fraction=1.0, shuffle=True, seed=size),
            work=tmp_path,
            seed=1,
            run=RUN,
        )
        for size in (1, 5, 16)
    ]
    assert_frame_equal(each[0], each[1])
    assert_frame_equal(each[0], each[2])


def test_what_it_reads_is_what_the_config_says(guard, tmp_path):
    judge = classifier(guard, judged_text="exchange")
    tokens = judge._encode(Exchange("s", "p", 0, "the request", "the response"))["input_ids"]
    assert "the request" in judge.tokenizer.decode(tokens)
    alone = classifier(guard)._encode(Exchange("s", "p", 0, "the request", "the response"))
    assert "the request" not in judge.tokenizer.decode(alone["input_ids"])


def test_a_long_text_is_not_cut_but_counted(guard, tmp_path):
    rows = table([("a", "The town is roof"), ("a", "key " * 400)])
    found = judge_rows(classifier(guard, max_tokens=64), HARM, rows, work=tmp_path, seed=1, run=RUN)
    assert found["cause"].to_list() == [None, "too_long"]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"safe": 1, "harmful": 5}, "the config"),
        (LABELS | {"other": 2}, "the config"),
    ],
)
def test_other_labels_are_told(guard, labels, told):
    with pytest.raises(UserError, match=told):
        classifier(guard, labels=labels)


def test_scores_off_the_scale_are_told(guard, tmp_path):
    judge = classifier(guard, labels=LABELS | {"harmful": 9})
    with pytest.raises(UserError, match="not on the scale of rubric 'harmfulness'"):
        judge_rows(judge, HARM, table(EXCHANGES), work=tmp_path, seed=1, run=RUN)


def test_a_model_that_is_no_classifier_is_told(tiny_models):
    with pytest.raises(UserError, match="not a sequence classifier"):
        classifier(tiny_models["llama"])


def test_a_folder_without_weights_is_told(guard, tmp_path):
    folder = tmp_path / "empty"
    shutil.copytree(guard, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="no safetensors"):
        classifier(folder)


def test_a_classifier_spread_over_devices_judges_as_the_whole_one(guard, tmp_path, monkeypatch):
    """One layer in memory, the rest on disk: accelerate moves tensors as between GPUs."""
    monkeypatch.chdir(tmp_path)
    whole = classifier(guard)
    places = {"model.embed_tokens": "cpu", "model.rotary_emb": "cpu", "model.layers.0": "cpu"}
    places |= {"model.layers.1": "disk", "model.norm": "disk", "score": "disk"}
    spread = Classifier(
        "guard", whole.settings, guard, 1, placement=places, offload=tmp_path / "offload"
    )
    assert any(weight.is_meta for weight in spread.model.parameters())
    texts = ["The river has a key", "The town is roof", "a"]
    batch = whole.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = [judge.model(**batch).logits.tolist() for judge in (whole, spread)]
    for expected, found in zip(*logits, strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    results = [
        judge_rows(judge, HARM, table(EXCHANGES), work=tmp_path, seed=1, run=RUN)
        for judge in (whole, spread)
    ]
    assert_frame_equal(*results)


def test_a_judge_gets_all_gpus_of_its_job(guard, monkeypatch):
    passed = {}
    monkeypatch.setattr(
        "manybaskets.judging.classifier_judge.Classifier",
        lambda *arguments, **keys: passed.update(keys),
    )
    keys = {"kind": "classifier", "model": "guard", "labels": LABELS, "judged_text": "response"}
    open_judge("guard", settings(**keys), folder=guard, gpus=4)
    assert passed == {"gpus": 4}


def test_its_canaries_mark_it(guard, tmp_path):
    result = check_canaries(classifier(guard, on_failed_canaries="mark"), HARM, tmp_path)
    assert result["verdict"] == "unfit"
