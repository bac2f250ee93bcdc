"""Replayed answers: matched by what they answer, whatever the order of the file."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import random
import sys
import types
from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manybaskets.config.data import Cleaning
from manybaskets.config.sections import Fields
from manybaskets.config.sources import Source
from manybaskets.config.study import Study
from manybaskets.data.cleaning import clean
from manybaskets.data.reading import read_rows
from manybaskets.errors import UserError
from manybaskets.generation.replay import (
    NO_ANSWER,
    NO_ROW,
    TO_WHOLE_PROMPT,
    fetch_answers,
    given_answers,
    replay,
)
from manybaskets.records.ids import prompt_ids
from manybaskets.records.responses import PROMPTS, RESPONSES, read_responses, valid_answers
from manybaskets.records.writing import read_metadata

MODELS = ["llama-3.1-8b", "gemma-7b", "qwen1.5-7b", "falcon-7b",
          "llama-3.1-70b", "mistral-large", "qwen1.5-72b", "cohere-command",
          "llama-3.1-405b", "gemini-pro", "gpt-4o", "deepseek-67b"]  # fmt: skip
# A few texts, so that lists of them repeat some.
TEXTS = st.sampled_from(["Who?", "Why not?", "Where is it, and since when?"])
LENIENT = {"max_failed_share": 0.1}


def prompt_table(rows: list[dict]) -> pl.DataFrame:
    """Prompts with ids as the cleaning gives them."""
    frame = pl.DataFrame(rows, schema={"instruction": pl.String, "context": pl.String})
    frame = frame.with_columns(
        prompt_ids(frame), follow_ups=pl.lit([], dtype=PROMPTS["follow_ups"])
    )
    return frame.select(list(PROMPTS))


def asked(*instructions: str, context: str = "") -> pl.DataFrame:
    return prompt_table([{"instruction": each, "context": context} for each in instructions])


def write(path, rows: list[dict]):
    """A file in the format that its name says."""
    kind = path.name.removesuffix(".gz").rsplit(".")[-1]
    if kind == "parquet":
        pl.DataFrame(rows).write_parquet(path)
        return path
    opened = gzip.open if path.name.endswith("gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as handle:
        if kind == "csv":
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            handle.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def source(path, fields: dict | None = None, **changes) -> Source:
    engine = {"kind": "replay", "path": str(path), "fields": fields or {"context": None}}
    engine |= changes.pop("engine", {})
    return Source(engine=engine, **changes)


def answered(prompts, path, folder, fields: dict | None = None, **changes) -> pl.DataFrame:
    return replay(
        prompts,
        "ready",
        source(path, fields, **changes),
        path,
        folder / "train.parquet",
        folder / "quarantine.jsonl",
    )


def texts_of(frame: pl.DataFrame) -> dict[str, str | None]:
    return dict(frame.select("prompt_id", "text").iter_rows())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    questions=st.lists(TEXTS, min_size=1, max_size=8),
    others=st.integers(0, 3),
    shuffling=st.randoms(use_true_random=False),
)
def test_any_order_of_the_file_gives_the_same_responses(tmp_path, questions, others, shuffling):
    """Every prompt gets an answer of its own text, and each row of the file is used once."""
    rows = [
        {"instruction": f"  {text}\n", "response": f"answer {shuffling.random()} to {text}"}
        for text in questions
    ]
    rows += [{"instruction": f"Another {n}?", "response": "none"} for n in range(others)]
    prompts = asked(*questions)
    first = answered(prompts, write(tmp_path / "a.jsonl", rows), tmp_path / "a")
    shuffling.shuffle(rows)
    order = list(range(prompts.height))
    shuffling.shuffle(order)
    second = answered(prompts[order], write(tmp_path / "b.jsonl", rows), tmp_path / "b")
    assert texts_of(first) == texts_of(second)
    instructions = dict(prompts.select("prompt_id", "instruction").iter_rows())
    for prompt_id, text in texts_of(first).items():
        assert text.endswith(f" to {instructions[prompt_id]}")
    used = [row["response"] for row in rows if row["response"] != "none"]
    assert sorted(texts_of(first).values()) == sorted(used)
    counts = read_metadata(tmp_path / "a/train.parquet")["rows"]
    matched = len(questions)
    assert counts == {"file": matched + others, "matched": matched, "unused": others}


def test_the_eleventh_occurrence_comes_after_the_tenth(tmp_path):
    rows = [{"instruction": "Who?", "response": f"answer {n:02d}"} for n in range(12)]
    texts = texts_of(answered(asked(*["Who?"] * 12), write(tmp_path / "a.csv", rows), tmp_path))
    by_occurrence = {int(prompt_id.split("-")[1]): text for prompt_id, text in texts.items()}
    assert by_occurrence == {n: f"answer {n:02d}" for n in range(12)}


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.ndjson", "a.csv", "a.csv.gz", "a.parquet"]
)
def test_every_format_answers_alike(tmp_path, name):
    rows = [
        {"q": 'Why,\noh "why"?', "reply": "So, é\u2028.", "model": "x"},
        {"q": "Who?", "reply": "King Harl.", "model": "x"},
    ]
    path = write(tmp_path / name, rows)
    fields = {"instruction": "q", "context": None, "response": "reply"}
    frame = answered(asked("Who?", 'Why,\noh "why"?'), path, tmp_path, fields)
    assert sorted(frame["text"]) == ["King Harl.", "So, é\u2028."]
    assert frame.schema == RESPONSES
    assert read_responses(tmp_path / "train.parquet").equals(frame.sort("prompt_id"))
    constant = {"sample": 0, "turn": 0, "attempts": 1, "finish_reason": "stop"}
    constant |= {"prompt_tokens": None, "completion_tokens": None, "error": None}
    assert frame.select(list(constant)).unique().to_dicts() == [constant]
    metadata = read_metadata(tmp_path / "train.parquet")
    assert metadata.pop("git_commit")
    assert metadata == {
        "who": "ready",
        "engine": "replay",
        "model": name,
        "revision": None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "sampling": None,
        "matched_by": "text",
        "rows": {"file": 2, "matched": 2, "unused": 0},
        "samples": 1,
        "answers_with_reasoning": 0,
        "shortened_prompts": 0,
        "served": [],
    }


def test_contexts_are_part_of_what_is_asked(tmp_path):
    """In a column of their own, or before the instruction in the whole user turn."""
    prompts = prompt_table(
        [
            {"instruction": "Who rules?", "context": context}
            for context in ("Harl is king.", "Mira is queen.", "")
        ]
    )
    answers = {"Harl is king.": "Harl.", "Mira is queen.": "Mira.", "": "Nobody knows."}
    own = [
        {"instruction": " Who rules? ", "context": f"{context}\n", "response": text}
        for context, text in reversed(answers.items())
    ]
    whole = [
        {"instruction": f"{context}\n\nWho rules?", "response": text}
        for context, text in reversed(answers.items())
    ]
    expected = {row["prompt_id"]: answers[row["context"]] for row in prompts.to_dicts()}
    given = write(tmp_path / "own.jsonl", own)
    assert texts_of(answered(prompts, given, tmp_path, {"context": "context"})) == expected
    assert texts_of(answered(prompts, write(tmp_path / "whole.jsonl", whole), tmp_path)) == expected


@pytest.mark.parametrize("ids", [False, True])
def test_conversations_answer_with_their_first_turn(tmp_path, ids):
    prompts = asked("Who?", "Why?")
    turns = [{"role": "user", "content": " Why?"}, {"role": "assistant", "content": "So."}]
    longer = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Harl."}]
    longer += [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "Then."}]
    order = prompts["prompt_id"].to_list()[::-1]
    rows = [
        {"conversation": talk} | ({"prompt_id": prompt_id} if ids else {})
        for talk, prompt_id in zip((turns, longer), order, strict=True)
    ]
    fields = {"messages": "conversation", "context": None}
    frame = answered(prompts, write(tmp_path / "a.jsonl", rows), tmp_path, fields)
    assert frame["text"].to_list() == ["Harl.", "So."]
    matched_by = read_metadata(tmp_path / "train.parquet")["matched_by"]
    assert matched_by == ("prompt_id" if ids else "text")


def test_a_file_of_ids_needs_no_texts(tmp_path):
    prompts = asked("Who?", "Why?")
    rows = [{"prompt_id": each, "text": f"to {each}"} for each in prompts["prompt_id"]]
    path = write(tmp_path / "a.parquet", rows[::-1])
    frame = answered(prompts, path, tmp_path, {"context": None, "response": "text"})
    assert texts_of(frame) == {each: f"to {each}" for each in prompts["prompt_id"]}


def test_a_column_of_prompt_ids_alone_decides(tmp_path):
    prompts = asked("Who?", "Who?", "Why?")
    rows = [
        {"prompt_id": prompt_id, "instruction": "changed", "response": f"to {prompt_id}"}
        for prompt_id in prompts["prompt_id"]
    ]
    rows += [{"prompt_id": "elsewhere-0", "instruction": "Who?", "response": "no"}]
    frame = answered(prompts, write(tmp_path / "a.parquet", rows[::-1]), tmp_path)
    assert texts_of(frame) == {each: f"to {each}" for each in prompts["prompt_id"]}
    assert read_metadata(tmp_path / "train.parquet")["matched_by"] == "prompt_id"
    with pytest.raises(UserError, match="1 of 3 prompts have no row") as caught:
        answered(prompts, write(tmp_path / "b.parquet", rows[1:]), tmp_path)
    assert "without a column 'prompt_id'" in caught.value.remedy
    with pytest.raises(UserError, match="1 texts have more rows than prompts"):
        doubled = [*rows, rows[0] | {"response": "other"}]
        answered(prompts, write(tmp_path / "c.parquet", doubled), tmp_path)


def test_doubles_that_say_the_same_are_one_answer(tmp_path):
    rows = [{"instruction": "Who?", "response": "Harl."}] * 3
    prompts = asked("Who?", "Who?")
    frame = answered(prompts, write(tmp_path / "a.jsonl", rows), tmp_path)
    assert texts_of(frame) == dict.fromkeys(prompts["prompt_id"], "Harl.")
    assert read_metadata(tmp_path / "train.parquet")["rows"]["unused"] == 1


def test_absent_and_unfit_answers_are_rows_with_errors(tmp_path):
    """Both are counted against the settings; only the unfit ones lie in the quarantine file."""
    looped = "ha ho he hi " * 20
    prompts = asked("Who?", "Why?", "When?", "Where?", "What?")
    given = ["Harl.", None, " \n", looped, "What?"]
    rows = [
        {"instruction": instruction, "response": text}
        for instruction, text in zip(prompts["instruction"], given, strict=True)
    ]
    path = write(tmp_path / "a.jsonl", rows)
    settings = {"max_error_share": 0.5, "quality": {"max_failed_share": 0.3}}
    frame = answered(prompts, path, tmp_path, **settings)
    errors = [None, NO_ANSWER, NO_ANSWER, "not taken: repeats itself"]
    errors += ["not taken: echo of the prompt"]
    assert frame["error"].to_list() == errors
    assert frame["text"].to_list() == ["Harl.", None, None, None, None]
    assert frame["finish_reason"].to_list() == ["stop", *["error"] * 4]
    apart = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert {row["prompt_id"]: (row["text"], row["reason"]) for row in apart} == {
        prompts["prompt_id"][3]: (looped, "repeats itself"),
        prompts["prompt_id"][4]: ("What?", "echo of the prompt"),
    }
    with pytest.raises(UserError, match="4 of 5 prompts have no accepted answer") as caught:
        answered(prompts, path, tmp_path / "b", max_error_share=0.5)
    assert "0.52 (`max_error_share` + `quality.max_failed_share`)" in caught.value.expected
    assert "repeats itself: 'ha ho" in caught.value.remedy
    assert not (tmp_path / "b").exists()


def test_prompts_without_a_row_are_counted_and_five_are_named(tmp_path):
    prompts = asked("Who?", "Who?", *(f"Why {n}? {'x' * 100}" for n in range(6)))
    path = write(tmp_path / "a.jsonl", [{"instruction": "Who?", "response": "Harl."}])
    with pytest.raises(UserError, match="7 of 8 prompts have no row") as caught:
        answered(prompts, path, tmp_path)
    error = caught.value
    lacking = sorted(
        prompts.filter(~pl.col("prompt_id").is_in([prompts["prompt_id"][0]]))["prompt_id"]
    )
    texts = dict(prompts.select("prompt_id", "instruction").iter_rows())
    named = [line.strip() for line in error.what.splitlines()[1:]]
    assert named == [f"{each}: {texts[each][:80]!r}" for each in lacking[:5]]
    assert str(path) in error.where and "sources.ready.engine.fields" in error.remedy


def test_doubles_with_different_answers_are_counted_and_named_with_their_rows(tmp_path):
    texts = [f"Why {n}?" for n in range(7)]
    rows = [{"instruction": t, "response": f"{t} {n}"} for n in range(2) for t in texts]
    with pytest.raises(UserError, match="7 texts have more rows than prompts") as caught:
        answered(asked(*texts), write(tmp_path / "a.jsonl", rows), tmp_path)
    named = [line.strip() for line in caught.value.what.splitlines()[1:]]
    assert len(named) == 5
    for line in named:
        text = line.split("'")[1]
        first = texts.index(text) + 1
        assert line == f"{text!r} in rows [{first}, {first + 7}]"


@pytest.mark.parametrize(
    ("content", "fields", "expected"),
    [
        ('{"instruction": "Who?", "response": "a"}\n{"instr', {}, ["not JSON", "line 2"]),
        (
            '{"instruction": "Who?", "output": "a"}\n',
            {},
            ["no column 'response'", "instruction, output", "sources.ready.engine.fields.response"],
        ),
        (
            '{"prompt": "Who?", "response": "a"}\n',
            {},
            ["no column 'instruction'", "sources.ready.engine.fields.instruction"],
        ),
        (
            '{"instruction": "Who?", "response": "a"}\n',
            {"context": "passage"},
            ["no column 'passage'", "sources.ready.engine.fields.context"],
        ),
        (
            '{"instruction": "Who?", "response": [3]}\n',
            {},
            ["[3] (list) instead of text", "line 1"],
        ),
        (
            '{"prompt_id": [3], "response": "a"}\n',
            {},
            ["'prompt_id' contains [3] (list) instead of text"],
        ),
        ("", {}, ["no rows"]),
    ],
    ids=["broken", "no-answer", "no-instruction", "no-context", "list", "list-id", "empty"],
)
def test_bad_files_name_the_place_and_the_key(tmp_path, content, fields, expected):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        answered(asked("Who?"), path, tmp_path, {"context": None} | fields)
    for part in [*expected, str(path)]:
        assert part in str(caught.value)


def test_conversations_cannot_be_replayed(tmp_path):
    prompts = asked("Who?", "Why?").with_columns(follow_ups=pl.Series([["And then?"], []]))
    path = write(tmp_path / "a.jsonl", [{"instruction": "Who?", "response": "Harl."}])
    with pytest.raises(
        UserError, match="source 'ready' replays single answers, but 1 prompts are conv"
    ) as caught:
        answered(prompts, path, tmp_path)
    assert prompts["prompt_id"][0] in caught.value.where


def study(sources: dict) -> Study:
    return Study.model_validate(
        {
            "study": "own",
            "dataset": {"kind": "file", "path": "rows.jsonl"},
            "models": {"tiny": {"kind": "folder", "path": "model"}},
            "sources": sources,
            "mixes": {"human": {"kind": "human"}},
            "targets": ["tiny"],
            "measures": ["response_words"],
        }
    )


def test_a_file_that_is_not_there_is_known_before_anything_runs(tmp_path):
    there = write(tmp_path / "a.jsonl", [{"instruction": "Who?", "response": "Harl."}])
    others = {
        "model": {"model": "tiny"},
        "hub": {"engine": {"kind": "replay", "repo": "a/b", "revision": "c"}},
    }
    ready = {"ready": {"engine": {"kind": "replay", "path": str(there)}}}
    assert given_answers(study(others | ready)) == {"ready": str(there)}
    there.unlink()
    with pytest.raises(
        UserError, match="the answers file of source 'ready' does not exist"
    ) as caught:
        given_answers(study(others | ready))
    assert caught.value.where == f"sources.ready.engine.path: {there}"


class FakeDataset:
    def __init__(self, columns):
        self.columns, self.column_names = columns, list(columns)

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name):
        return self.columns[name]


def hub(monkeypatch, load) -> None:
    module = types.ModuleType("datasets")
    module.load_dataset = load
    monkeypatch.setitem(sys.modules, "datasets", module)


@pytest.mark.parametrize("key", ["text", "texts", "prompt_id"])
def test_a_dataset_of_the_hub_answers_as_a_file(tmp_path, monkeypatch, key):
    prompts = asked("Who?", "Why?", context="It was Harl." if key == "texts" else "")
    columns = {"q": ["Why?", "Who?"], "reply": ["So.", "Harl."], "passage": ["It was Harl."] * 2}
    columns |= {"prompt_id": prompts["prompt_id"].to_list()[::-1]} if key == "prompt_id" else {}
    asked_for = []

    def load(repo, revision, split):
        asked_for.append((repo, revision, split))
        return FakeDataset(columns)

    hub(monkeypatch, load)
    fields = {"instruction": "q", "context": "passage" if key == "texts" else None}
    engine = {"kind": "replay", "repo": "someone/answers", "revision": "abc", "split": "gpt"}
    settings = Source(engine=engine | {"fields": fields | {"response": "reply"}})
    file = tmp_path / "answers.parquet"
    fetch_answers(settings.engine, "sources.ready.engine", file)
    assert set(asked_for) == {("someone/answers", "abc", "gpt")}
    output = tmp_path / "train.parquet"
    frame = replay(prompts, "ready", settings, file, output, tmp_path / "quarantine.jsonl")
    assert frame["text"].to_list() == ["Harl.", "So."]
    metadata = read_metadata(output)
    assert (metadata["model"], metadata["revision"]) == ("someone/answers", "abc")
    assert metadata["matched_by"] == key


def test_a_dataset_that_cannot_be_fetched_names_the_source(tmp_path, monkeypatch):
    def load(*arguments, **options):
        raise ConnectionError("no route to host")

    hub(monkeypatch, load)
    engine = {"kind": "replay", "repo": "someone/answers", "revision": "abc"}
    with pytest.raises(UserError, match="no route to host") as caught:
        fetch_answers(Source(engine=engine).engine, "sources.ready.engine", tmp_path / "a.parquet")
    assert "someone/answers, revision abc" in caught.value.where
    assert "sources.ready.engine.path" in caught.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def alpacaeval(dolly):
    """Folder with the answers of twelve models to the same prompts."""
    folder = dolly.parent / "alpacaeval"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_real_answers_of_twelve_models(alpacaeval, tmp_path, model):
    """The prompts are one file's; another has its own order, and one answer is empty."""
    with gzip.open(alpacaeval / "gpt-4o.jsonl.gz", "rt", encoding="utf-8") as handle:
        prompts = asked(*(json.loads(line)["instruction"].strip() for line in handle))
    path = alpacaeval / f"{model}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle]
    own = {row["instruction"].strip(): row["output"] for row in rows}
    frame = answered(
        prompts, path, tmp_path, {"context": None, "response": "output"}, quality=LENIENT
    )
    assert frame.height == len(own) == 805
    assert set(frame["prompt_id"]) == set(prompts["prompt_id"])
    lines = (tmp_path / "quarantine.jsonl").read_text().split("\n")[:-1]
    apart = {row["prompt_id"]: row["text"] for row in map(json.loads, lines)}
    found = dict.fromkeys(prompts["prompt_id"]) | texts_of(frame)
    expected = dict(
        zip(prompts["prompt_id"], (own[t] for t in prompts["instruction"]), strict=True)
    )
    empty = [prompt_id for prompt_id, text in expected.items() if not text]
    assert len(empty) == (model == "gemini-pro")
    assert {k: v for k, v in (found | apart).items() if k not in empty} == {
        k: v for k, v in expected.items() if k not in empty
    }
    failed = frame.filter(pl.col("finish_reason") == "error")
    assert set(failed["prompt_id"]) == {*empty, *apart}
    without = failed.filter(pl.col("error") == NO_ANSWER)
    assert without["prompt_id"].to_list() == empty and without["text"].null_count() == len(empty)


def test_repeated_prompts_of_dolly_get_each_of_their_answers_once(dolly, tmp_path):
    rows, _ = clean(read_rows(dolly, Fields()), Cleaning(), "dolly")
    columns = ["instruction", "context", "response"]
    shuffled = rows.select(columns).to_dicts()
    random.Random(1).shuffle(shuffled)
    prompts = rows.select("prompt_id", "instruction", "context").with_columns(
        follow_ups=pl.lit([], dtype=PROMPTS["follow_ups"])
    )
    frame = answered(
        prompts,
        write(tmp_path / "answers.jsonl.gz", shuffled),
        tmp_path,
        {"context": "context"},
        quality=LENIENT,
    )
    lines = (tmp_path / "quarantine.jsonl").read_text().split("\n")[:-1]
    apart = {row["prompt_id"]: row["text"] for row in map(json.loads, lines)}
    given = texts_of(frame) | apart
    assert None not in given.values() and len(given) == rows.height == 15_015
    wanted, found = defaultdict(Counter), defaultdict(Counter)
    for prompt_id, instruction, context, response in rows.select("prompt_id", *columns).iter_rows():
        wanted[instruction, context][response] += 1
        found[instruction, context][given[prompt_id]] += 1
    assert found == wanted
    assert sum(each.total() > 1 for each in wanted.values()) == 130


def test_reasoning_in_ready_answers_is_removed_and_counted(tmp_path):
    """F03: of `reasoning </think> answer` and `<think>…</think>answer` the answer alone is taken."""
    forms = ["hm\n</think>\n\nThe town is old.", "<think>hm</think>The town is new."]
    questions = [f"Tell me of town {number}." for number in range(len(forms))]
    rows = [
        {"instruction": question, "response": text}
        for question, text in zip(questions, forms, strict=True)
    ]
    frame = answered(asked(*questions), write(tmp_path / "a.jsonl", rows), tmp_path)
    assert sorted(frame["text"]) == ["The town is new.", "The town is old."]
    assert read_metadata(tmp_path / "train.parquet")["answers_with_reasoning"] == 2


def test_answers_to_a_prompt_that_is_shortened_here_are_not_taken(tmp_path):
    """They are found by the whole prompt, quarantined and counted, and make no share of failures."""
    rows = [{"instruction": f"Why {n}?", "context": f"Passage {n}."} for n in range(4)]
    prompts = prompt_table(rows)
    cut = pl.col("instruction") == "Why 2?"
    prompts = prompts.with_columns(
        whole_context=pl.when(cut).then("context"),
        context=pl.when(cut).then(pl.lit("Pass")).otherwise("context"),
    )
    file = write(
        tmp_path / "ready.jsonl", [row | {"response": f"So {n}."} for n, row in enumerate(rows)]
    )
    frame = answered(prompts, file, tmp_path, {"context": "context"}, max_error_share=0.0,
                     quality={"max_failed_share": 0.0})  # fmt: skip
    asked_of = dict(prompts.select("prompt_id", "instruction").iter_rows())
    texts = {asked_of[row["prompt_id"]]: row["text"] for row in frame.iter_rows(named=True)}
    assert texts == {"Why 0?": "So 0.", "Why 1?": "So 1.", "Why 2?": None, "Why 3?": "So 3."}
    (error,) = frame["error"].drop_nulls()
    assert error == f"not taken: {TO_WHOLE_PROMPT}"
    (apart,) = map(json.loads, (tmp_path / "quarantine.jsonl").read_text().splitlines())
    assert (apart["text"], apart["reason"]) == ("So 2.", TO_WHOLE_PROMPT)
    assert read_metadata(tmp_path / "train.parquet")["shortened_prompts"] == 1


@pytest.mark.parametrize(
    ("asked_as", "in_the_file"),
    [
        ("Who?\nName him.", "Who?\r\nName him.\r\n"),
        ("Who?\r\nName him.", "Who?\nName him."),
        ("Who?\rName him.", "Who?\nName him."),
        ("Où est-il\u00e9?", "Où est-ile\u0301?"),
    ],
    ids=["crlf", "lf", "cr", "nfd"],
)
def test_line_ends_and_forms_of_letters_do_not_matter(tmp_path, asked_as, in_the_file):
    prompts = asked(asked_as, "Another?")
    rows = [{"instruction": in_the_file, "response": "Harl."}]
    rows += [{"instruction": "Another?", "response": "No."}]
    frame = answered(prompts, write(tmp_path / "a.jsonl", rows), tmp_path)
    assert texts_of(frame)[prompts["prompt_id"][0]] == "Harl."


def test_a_share_of_the_prompts_may_have_no_row_and_is_counted(tmp_path):
    prompts = asked(*(f"Why {n}?" for n in range(10)))
    rows = [{"instruction": f"Why {n}?", "response": f"{n}"} for n in range(9)]
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(UserError, match="1 of 10 prompts have no row") as caught:
        answered(prompts, path, tmp_path)
    assert "raise `sources.ready.engine.max_missing_share`" in caught.value.remedy
    engine = {"max_missing_share": 0.1}
    frame = answered(prompts, path, tmp_path, engine=engine)
    assert frame.filter(pl.col("finish_reason") == "error")["error"].to_list() == [NO_ROW]
    assert read_metadata(tmp_path / "train.parquet")["rows"] == {
        "file": 9, "matched": 9, "unused": 0
    }  # fmt: skip
    engine["max_missing_share"] = 0.05
    with pytest.raises(UserError, match="at most a share of 0.05 without one"):
        answered(prompts, path, tmp_path / "b", engine=engine)


def test_how_replayed_answers_ended_is_unknown(tmp_path):
    prompts = asked("Who?", "Why?")
    rows = [{"instruction": t, "response": f"{t} ends in the mid"} for t in ("Who?", "Why?")]
    answered(prompts, write(tmp_path / "a.jsonl", rows), tmp_path)
    assert valid_answers(tmp_path / "train.parquet")["finish_reason"].to_list() == [None, None]
