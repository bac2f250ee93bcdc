"""Which prompts are too long for a model, under real chat templates and tokenizers."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
import yaml
from repository import ROOT

from manybaskets.chat import ChatRenderer, Prompt, load_tokenizer
from manybaskets.config.loading import parse_study
from manybaskets.config.models import ModelPrompting
from manybaskets.config.participants import prompt_readers
from manybaskets.data.long_prompts import read_long_prompts, strictest
from manybaskets.data.prompt_readers import (
    LONG_PROMPTS,
    PromptReader,
    estimating_reader,
    find_long,
)
from manybaskets.errors import UserError
from manybaskets.generation.prompt_fitting import (
    measure_prompts,
    open_reader,
    require_fitted_prompts,
)
from manybaskets.records.responses import FITTED
from manybaskets.records.writing import write_table

PROMPTING = ModelPrompting(system_prompt="Be brief.", max_prompt_tokens=120)
PASSAGE = "The miller of the old town sells flour to the baker on the hill. " * 20
FAMILIES = ("llama", "qwen", "mistral", "gemma")


def use(answer_tokens=40, sequence=None, evaluates=True, conversations=None) -> dict:
    return {
        "answer_tokens": answer_tokens,
        "sequence": sequence,
        "evaluates": evaluates,
        "conversations": conversations,
    }


def reader_of(tiny_models, name: str, prompting=PROMPTING, **changes) -> PromptReader:
    return open_reader(name, tiny_models[name], use(**changes), prompting)


def tokens(tiny_models, name: str, text: str) -> int:
    """Counted by the renderer alone."""
    tokenizer = load_tokenizer(tiny_models[name], name)
    renderer = ChatRenderer(tokenizer, PROMPTING.system_prompt, PROMPTING.date, name)
    return len(renderer.encode_prompt(text))


def words(count: int, **changes) -> PromptReader:
    """A reader that takes this many words."""
    return PromptReader(f"w{count}", count, lambda text: len(text.split()), 999, **changes)


def test_a_question_that_is_too_long_is_excluded_with_its_tokens(tiny_models):
    long = "Why does the river bend? " * 30
    found = find_long(
        [Prompt("a", "Why?"), Prompt("b", long, "A passage.")], reader_of(tiny_models, "llama")
    )
    (row,) = found.rows(named=True)
    assert (row["prompt_id"], row["action"], row["model"]) == ("b", "excluded", "llama")
    expected = tokens(tiny_models, "llama", long)
    assert (row["tokens"], row["limit"], row["context_characters"]) == (expected, 120, None)


def test_a_question_of_just_the_limit_fits(tiny_models):
    question = "Why does the river bend?"
    exactly = tokens(tiny_models, "llama", question)
    for limit, rows in ((exactly, 0), (exactly - 1, 1)):
        prompting = PROMPTING.model_copy(update={"max_prompt_tokens": limit})
        reader = reader_of(tiny_models, "llama", prompting)
        assert find_long([Prompt("a", question)], reader).height == rows


def test_the_context_that_the_strictest_model_takes_fits_all(tiny_models):
    prompt = Prompt("a", "Who buys flour?", PASSAGE)
    long = pl.concat([find_long([prompt], reader_of(tiny_models, name)) for name in FAMILIES])
    (row,) = strictest(long).rows(named=True)
    kept = row["context_characters"]
    assert row["action"] == "shortened" and kept == long["context_characters"].min()
    at = {name: tokens(tiny_models, name, prompt.text(kept)) for name in FAMILIES}
    assert 110 < max(at.values()) <= 120
    short = Prompt("a", "Who buys flour?", PASSAGE[:kept].strip())
    for name in FAMILIES:
        assert find_long([short], reader_of(tiny_models, name)).is_empty()


def test_a_prompt_with_the_longest_answer_fits_the_models_window(tiny_models):
    """The tiny models have 256 positions."""
    roomy = ModelPrompting(max_prompt_tokens=1000)
    assert reader_of(tiny_models, "llama", roomy, answer_tokens=100).limit == 156
    assert reader_of(tiny_models, "llama", roomy, answer_tokens=100, sequence=200).limit == 100
    with pytest.raises(UserError, match="leave no room for a prompt"):
        reader_of(tiny_models, "llama", roomy, answer_tokens=256)


def test_every_question_of_a_conversation_must_fit():
    prompts = [
        Prompt("a", "one two", follow_ups=("one two three four",)),
        Prompt("b", "one", follow_ups=("two",)),
    ]
    found = find_long(prompts, words(3))
    assert found.select("prompt_id", "action", "model", "tokens", "limit").rows() == [
        ("a", "excluded", "w3", 4, 3)
    ]


def test_a_server_with_a_stated_context_is_measured_by_an_estimate():
    reader = estimating_reader("far", 160, "Be ok.")
    # 64 tokens for the template, and a third of the characters.
    assert reader.count("x" * 282) == 160
    found = find_long([Prompt("a", "x" * 282), Prompt("b", "x" * 283)], reader)
    assert found.select("prompt_id", "tokens").rows() == [("b", 161)]


# --- the stages -----------------------------------------------------------------------------------


def rows_file(tmp_path, *prompts: tuple[str, str], metadata=None):
    frame = pl.DataFrame(
        [(f"p{number:02}", *prompt) for number, prompt in enumerate(prompts)],
        schema=["prompt_id", "instruction", "context"],
        orient="row",
    )
    frame = frame.with_columns(follow_ups=pl.lit([], dtype=pl.List(pl.String)))
    write_table(frame, tmp_path / "rows.parquet", metadata)
    return tmp_path / "rows.parquet"


def test_what_is_too_long_is_written_and_read_back(tmp_path):
    rows = rows_file(tmp_path, ("Is it?", ""), ("Who is it?", "one two three four five"))
    measure_prompts(rows, {}, words(20), [], tmp_path / "long.jsonl")
    assert read_long_prompts(tmp_path / "long.jsonl").is_empty()
    measure_prompts(rows, {}, words(7), [], tmp_path / "long.jsonl")
    (row,) = read_long_prompts(tmp_path / "long.jsonl").rows(named=True)
    assert (row["prompt_id"], row["tokens"], row["question"]) == ("p01", 8, "Who is it?")


def test_long_prompts_of_prompt_sets_and_of_experiments_are_written_next_to_those_of_the_dataset(
    tmp_path,
):
    file = tmp_path / "harm.jsonl"
    asked = [("short", ""), ("one two three four", ""), ("one two", "a passage of words")]
    rows = ({"instruction": question, "context": context} for question, context in asked)
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    fields = {"instruction": "instruction", "context": "context"}
    sets = {"harm": {"path": str(file), "fields": fields}}
    rows = rows_file(tmp_path, ("Is it?", ""))
    output = tmp_path / "long.jsonl"
    measure_prompts(rows, sets, words(3), [], output)  # a source, which does not read it
    assert read_long_prompts(output).is_empty()
    other = pl.DataFrame(
        [{"prompt_id": "t/b", "action": "excluded", "prompt_set": "experiment/x", "prompts": 7}],
        schema=LONG_PROMPTS,
    )
    measure_prompts(rows, sets, words(3, evaluates=True), [other], output)
    found = read_long_prompts(output)
    assert found.select("prompt_set", "action", "tokens", "prompts").rows() == [
        ("harm", "excluded", 4, 3),
        ("harm", "shortened", 6, 3),
        ("experiment/x", "excluded", None, 7),
    ]
    measure_prompts(rows, sets, None, [other], output)  # a judge, which reads nothing else
    assert read_long_prompts(output)["prompt_id"].to_list() == ["t/b"]


def test_a_model_that_is_added_must_take_the_prompts_as_they_were_asked(tiny_models, tmp_path):
    counts = {FITTED: {"excluded": 0, "shortened": 1, "models": ["other"]}}
    uses, prompting = {"llama": use()}, PROMPTING.model_dump()
    given = ("llama", tiny_models["llama"], uses, prompting)
    fine = rows_file(tmp_path, ("Who is it?", "A short passage."), metadata=counts)
    require_fitted_prompts(fine, *given)
    long = rows_file(tmp_path, ("Who is it?", PASSAGE), metadata=counts)
    with pytest.raises(UserError, match="p00: .* tokens for 'llama', which takes 120") as error:
        require_fitted_prompts(long, *given)
    assert "delete `data/prompts/train.parquet`" in str(error.value)
    # A server has no tokenizer, an embedded model is not measured, an older study was not fitted.
    require_fitted_prompts(long, None, None, uses, prompting)
    require_fitted_prompts(long, "tiny", tiny_models["llama"], uses, prompting)
    require_fitted_prompts(rows_file(tmp_path, ("Who is it?", PASSAGE)), *given)


@pytest.mark.parametrize("conversations", ["trained", "answered", None])
def test_conversations_are_tried_before_anything_is_answered(tiny_models, tmp_path, conversations):
    """Only training rows need a template that leaves earlier turns as they were."""
    folder = tmp_path / "qwen"
    shutil.copytree(tiny_models["qwen"], folder)
    file = folder / "chat_template.jinja"
    file.write_text("{{ messages | length }}" + file.read_text())
    rows, output = tmp_path / "clean.parquet", tmp_path / "long.jsonl"
    asked = {"prompt_id": ["a", "b"], "instruction": ["Why?", "Who?"], "context": ["", ""]}
    write_table(pl.DataFrame(asked | {"follow_ups": [[], ["And then?"]]}), rows)
    reader = open_reader("m", folder, use(conversations=conversations), PROMPTING)
    if conversations != "trained":
        measure_prompts(rows, {}, reader, [], output)
        return
    with pytest.raises(UserError, match="'m' rewrites earlier turns") as error:
        measure_prompts(rows, {}, reader, [], output)
    assert "prompt b with 2 questions; nothing was answered yet" in error.value.where
    assert "cleaning.first_turn_only: true" in error.value.remedy and not output.exists()


def test_who_reads_conversations_and_how():
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    names = ("target", "source", "both", "scorer")
    folders = {name: {"kind": "folder", "path": name} for name in names}
    settings["models"] |= folders
    settings["sources"] |= {name: {"model": name} for name in ("source", "both")}
    settings["mixes"]["people"] = {"kind": "weighted", "weights": {"source": 1, "both": 1}}
    settings["targets"] += ["target", "both"]
    settings["scoring"] = {"scorer": "scorer"}
    settings |= {"preference": None, "robustness": None}
    readers = prompt_readers(parse_study(settings, "config.yaml"))
    assert {name: use["conversations"] for name, use in readers.items()} == {
        "source": "answered", "both": "trained", "target": "trained", "scorer": None,
    }  # fmt: skip
