"""Conversations through the data path: read, cleaned, split, answered, mixed and counted."""

from __future__ import annotations

import csv
import hashlib
import json
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manybaskets.chat import ChatRenderer, Rendered
from manybaskets.config.data import Cleaning, Split
from manybaskets.config.evaluation import Scoring
from manybaskets.config.mixes import HumanMix, MultiMix
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Fields
from manybaskets.data.cleaning import REASONS, clean
from manybaskets.data.conversations import read_conversation
from manybaskets.data.prompt_sets import write_prompt_sets
from manybaskets.data.reading import ROWS, read_prompts, read_rows
from manybaskets.data.splits import split
from manybaskets.engines.base import Completion, Engine
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.generation.shards import human_responses
from manybaskets.measures.measuring import match_prompts
from manybaskets.mixes import eligibility as mixes
from manybaskets.mixes.assignment import assign
from manybaskets.mixes.mix_rows import build_mix, read_mix, write_mix
from manybaskets.mixes.token_lengths import count_tokens
from manybaskets.records import responses as records
from manybaskets.records.ids import prompt_ids
from manybaskets.records.responses import valid_answers
from manybaskets.scoring.likelihood import score_runs
from manybaskets.training.encoded_rows import IGNORED, encode_rows

FIELDS = Fields(messages="conversation")
SOURCES = ("hen", "duck", "goose")


def chat(*texts: str, system: str | None = None) -> list[dict]:
    """Messages with the keys of a real log; user and assistant by turns."""
    private = {"hashed_ip": "9f86d081", "header": {"user-agent": "Mozilla"}, "country": "Iceland"}
    turns = [
        {"content": text, "role": ("user", "assistant")[index % 2], **private}
        for index, text in enumerate(texts)
    ]
    return [{"content": system, "role": "system", **private}] * (system is not None) + turns


def written(path, conversations, **columns):
    """A JSON lines file of conversations."""
    rows = [
        {"conversation": value} | {name: values[index] for name, values in columns.items()}
        for index, value in enumerate(conversations)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def cleaned(tmp_path, conversations, **rules):
    rows = read_rows(written(tmp_path / "chats.jsonl", conversations), FIELDS)
    return clean(rows, Cleaning(**rules), "chats.jsonl")


# Reading


@pytest.mark.parametrize("kind", ["jsonl", "json text", "csv", "parquet"])
def test_every_format_gives_the_same_conversations_and_nothing_else(tmp_path, kind):
    conversations = [
        chat("Who?", "Harl.", "Why?", "So."),
        chat("Hé\u2028?", "a", system="Be kind."),
    ]
    path = tmp_path / f"chats.{kind.split()[0]}"
    if kind == "parquet":
        pl.DataFrame({"conversation": conversations, "ip": ["1.2.3.4"] * 2}).write_parquet(path)
    elif kind == "csv":
        with open(path, "w", newline="", encoding="utf-8") as handle:
            lines = [[json.dumps(value)] for value in conversations]
            csv.writer(handle).writerows([["conversation"], *lines])
    else:
        values = map(json.dumps, conversations) if kind == "json text" else conversations
        written(path.with_suffix(".jsonl"), values, ip=["1.2.3.4"] * 2)
        path = path.with_suffix(".jsonl")
    frame = read_rows(path, FIELDS)
    assert frame.schema == ROWS
    assert frame.drop("row", "category").to_dicts() == [
        {
            "instruction": "Who?",
            "context": "",
            "response": "Harl.",
            "follow_ups": ["Why?"],
            "follow_up_responses": ["So."],
            "system_message": False,
            "broken_conversation": None,
        },
        {
            "instruction": "Hé\u2028?",
            "context": "",
            "response": "a",
            "follow_ups": [],
            "follow_up_responses": [],
            "system_message": True,
            "broken_conversation": None,
        },
    ]
    content = json.dumps(frame.to_dicts())
    assert not any(word in content for word in ("9f86d081", "Mozilla", "Iceland", "1.2.3.4"))


def test_other_columns_are_not_read(tmp_path):
    path = written(tmp_path / "c.jsonl", [chat("Who?", "Harl.")], instruction=[7], topic=["king"])
    fields = Fields(messages="conversation", context="none", category="topic")
    row = read_rows(path, fields).row(0, named=True)
    assert (row["instruction"], row["response"], row["category"]) == ("Who?", "Harl.", "king")


TURNS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system", "tool"]), st.sampled_from("ab ")),
    max_size=7,
)


@settings(max_examples=300)
@given(TURNS | TURNS.map(lambda turns: turns[:1] + [("user", "a"), ("assistant", "b")] * 2))
def test_what_is_sound_is_what_the_grammar_says(turns):
    """Letters of the roles, upper case where there is a text, against a regular expression."""
    letters = "".join(
        role[0].upper() if text.strip() or role == "system" else role[0] for role, text in turns
    )
    messages = [{"role": role, "content": text} for role, text in turns]
    asked = tuple(text for role, text in turns if role == "user")
    found = read_conversation(messages, answered=True)
    assert (found.fault is None) == bool(re.fullmatch("S?(UA)+", letters))
    assert found.system == letters.startswith("S")
    if found.fault is None:
        assert found.questions == asked and len(found.answers) == len(asked)
    else:
        assert found.questions == found.answers == ()
    bare = read_conversation(messages, answered=False)
    assert (bare.fault is None) == bool(re.fullmatch("S?[Aa]*U[UAa]*", letters))
    assert (bare.questions, bare.answers) == ((asked if bare.fault is None else ()), ())


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "there is no question"),
        ([], "there is no question"),
        ("  ", "there is no question"),
        (chat(system="Be kind."), "there is no question"),
        (chat("a", "b", "c"), "the last question has no answer"),
        (chat("a", "b", " \n", "d"), "message 3 is empty"),
        (chat("a", None, system="s"), "message 3 is empty"),
        (chat("a", "b") + chat("c", "d", system="s"), "message 3 has the role 'system'"),
        ([{"role": "half \ud83d", "content": "a"}], r"message 1 has the role 'half \ud83d'"),
        (chat("a", "b")[::-1], "message 1 has role assistant, expected user"),
        (chat("a", "b", "c", "d")[:3:2], "message 2 has role user, expected assistant"),
    ],
)
def test_faults_are_named(value, fault):
    assert read_conversation(value, answered=True).fault == fault


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (7, "expected a list of messages, found int"),
        ({"role": "user", "content": "a"}, "expected a list of messages, found dict"),
        ("Who?", "text that is not JSON"),
        ('"Who?"', "expected a list of messages, found str"),
        ([["Who?"]], "message 1 is not an object but list"),
        ([*chat("a"), {"speaker": "gpt", "text": "b"}], "message 2 has the keys speaker, text"),
        ([{"role": 1, "content": "a"}], "the role of message 1 has the type int"),
        (chat("a", "b", "half \ud83d", "c"), "half of a surrogate pair"),
    ],
)
def test_values_that_are_no_conversation_are_named_with_their_line(tmp_path, value, what):
    path = tmp_path / "chats.jsonl"
    rows = [{"conversation": chat("a", "b")}, {"conversation": value}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=what) as caught:
        read_rows(path, FIELDS)
    assert caught.value.where == f"{path}, line 2"


def test_a_missing_column_of_conversations_is_named(tmp_path):
    with pytest.raises(UserError, match="no column 'chat'") as caught:
        read_rows(written(tmp_path / "c.jsonl", [chat("a", "b")]), Fields(messages="chat"))
    assert "dataset.fields.messages" in caught.value.remedy


# Prompt sets


def test_prompt_sets_take_the_questions_and_need_no_answers(tmp_path):
    conversations = [chat(" Who? ", "Harl.", "Why?\n"), chat("Where?"), [chat("a")[0]] * 2]
    prompts = read_prompts(written(tmp_path / "set.jsonl", conversations), FIELDS)
    assert prompts.schema == records.PROMPTS
    assert prompts.select("instruction", "follow_ups").rows() == [
        ("Who?", ["Why?"]), ("Where?", []), ("a", ["a"]),
    ]  # fmt: skip
    kept, _ = cleaned(tmp_path, [chat("Who?", "x", "Why?", "y")])
    assert prompts["prompt_id"][0] == kept["prompt_id"][0]
    bad = written(tmp_path / "bad.jsonl", [chat("a"), chat("a", "b", "")])
    with pytest.raises(
        UserError, match="1 conversations are invalid.*message 3 is empty"
    ) as caught:
        read_prompts(bad, FIELDS, "prompt_sets.mine")
    assert caught.value.where == f"{bad}, row 2"
    assert "prompt_sets.mine.fields.messages" in caught.value.remedy


def test_prompt_set_files_carry_the_later_questions(tmp_path):
    conversations = [chat(f"q{n}", "a", *["and?", "b"] * (n % 3)) for n in range(40)]
    kept, _ = cleaned(tmp_path, conversations)
    table = split(kept, Split(), 1)
    extra = written(tmp_path / "extra.jsonl", [chat("first", "x", "second")])
    section = {"kind": "file", "path": str(extra), "fields": FIELDS.model_dump()}
    sets = {name: tmp_path / f"{name}.parquet" for name in ("test", "extra")}
    train = tmp_path / "train.parquet"
    write_prompt_sets(
        table,
        {"extra": section},
        towns=None,
        seed=1,
        train=train,
        sets=sets,
        long_prompts={},
        long_prompts_of_sets={},
    )
    assert pl.read_parquet(sets["extra"])["follow_ups"].to_list() == [["second"]]
    asked = pl.concat([pl.read_parquet(file) for file in (train, sets["test"])])
    assert asked.schema == records.PROMPTS
    later = {row["instruction"]: row["follow_ups"] for row in asked.iter_rows(named=True)}
    assert later == {f"q{n}": ["and?"] * (n % 3) for n in range(40)}


# Cleaning, ids, split


def test_one_odd_conversation_leaves_one_row_behind_and_the_rest_goes_on(tmp_path):
    """D4."""
    conversations = [chat(f"question {n}", "answer", "more?", "more.") for n in range(30)]
    conversations[7] = conversations[7][:3]
    kept, counts = cleaned(tmp_path, conversations)
    assert counts["dropped"] == dict.fromkeys(REASONS, 0) | {"broken_conversation": 1}
    assert counts["kept"] == 29
    assert kept["row"].to_list() == [n for n in range(1, 31) if n != 8]
    with pytest.raises(UserError, match="1 conversations are invalid.*last question") as caught:
        cleaned(tmp_path, conversations, broken_conversation="fail")
    assert caught.value.where == "chats.jsonl, row 8"
    assert "cleaning.broken_conversation: drop" in caught.value.remedy


def test_system_messages_that_go_are_counted(tmp_path):
    conversations = [chat("a", "b", system="s"), chat("a", system="s"), chat("c", "d")]
    kept, counts = cleaned(tmp_path, conversations)
    assert counts["system_messages"] == 1 and kept.height == 2


def test_first_turns_alone_are_kept_and_counted_on_request(tmp_path):
    conversations = [
        chat("a", "b", "c", "d"),
        chat("a", "b", "e", "f"),
        chat("g", "h"),
        chat("a", "b", "c"),
        chat("i", "j", "k" * 9, "l"),
    ]
    kept, counts = cleaned(
        tmp_path,
        conversations,
        first_turn_only=True,
        exact_duplicates="drop",
        max_instruction_characters=5,
    )
    assert kept.select("instruction", "response").rows() == [("a", "b"), ("g", "h"), ("i", "j")]
    assert kept["follow_ups"].list.len().max() == kept["follow_up_responses"].list.len().max() == 0
    dropped = {"broken_conversation": 1, "exact_duplicates": 1}
    assert counts["dropped"] == dict.fromkeys(REASONS, 0) | dropped
    assert counts["first_turns"] == 3
    whole, counts = cleaned(tmp_path, conversations)
    assert "first_turns" not in counts and whole["follow_ups"].list.len().max() == 1
    # The same ids as those of a dataset of single questions.
    single, _ = cleaned(tmp_path, [chat("a", "b"), chat("g", "h"), chat("i", "j")])
    assert kept["prompt_id"].to_list() == single["prompt_id"].to_list()


def test_limits_and_repeats_regard_later_turns(tmp_path):
    conversations = [
        chat("ab", "x", "abc", "y"),
        chat("ab", "x", "abcd", "y"),
        chat("ab", "x", "abc", "other"),
        chat("ab", "x", " abc ", "y"),
        chat("ab", "x"),
    ]
    kept, counts = cleaned(
        tmp_path, conversations, max_instruction_characters=3, exact_duplicates="drop"
    )
    assert kept["row"].to_list() == [1, 3, 5]
    assert counts["dropped"]["max_instruction_characters"] == 1
    assert counts["dropped"]["exact_duplicates"] == 1


def test_ids_are_those_of_single_prompts_where_nothing_follows():
    """The digest once more: sorted, compact JSON under SHA-256, 16 digits, an occurrence number."""
    rows = {"instruction": ["Who?", "Who?"], "context": ["", "é"], "response": ["a", "b"]}
    plain = pl.DataFrame(rows)
    empty = plain.with_columns(follow_ups=pl.lit([], dtype=pl.List(pl.String)))
    texts = ['["Who?",""]', '["Who?","é"]']
    wanted = [hashlib.sha256(text.encode()).hexdigest()[:16] + "-0" for text in texts]
    assert prompt_ids(plain).to_list() == wanted
    assert prompt_ids(empty).to_list() == wanted
    follow_ups = pl.Series([["Why?"], []])
    later = prompt_ids(plain.with_columns(follow_ups=follow_ups))
    digest = hashlib.sha256(b'["Who?","",["Why?"]]').hexdigest()[:16]
    assert later.to_list() == [f"{digest}-0", wanted[1]]


WORDS = st.sampled_from(["a", "b"])
CHATS = st.lists(
    st.tuples(WORDS, WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=2)), min_size=1, max_size=12
)


@settings(max_examples=150)
@given(CHATS, st.randoms(use_true_random=False))
def test_ids_are_unique_and_say_which_conversations_ask_the_same(chats, rng):
    """D16."""

    def frame_of(rows):
        columns = {
            "instruction": [row[0] for row in rows],
            "context": [""] * len(rows),
            "response": [row[1] for row in rows],
            "follow_ups": [[question for question, _ in row[2]] for row in rows],
            "follow_up_responses": [[answer for _, answer in row[2]] for row in rows],
        }
        lists = ("follow_ups", "follow_up_responses")
        frame = pl.DataFrame(columns, schema_overrides=dict.fromkeys(lists, pl.List(pl.String)))
        return frame.with_columns(prompt_ids(frame))

    frame = frame_of(chats)
    assert frame["prompt_id"].is_unique().all()
    stems = frame["prompt_id"].str.split("-").list.first()
    questions = list(zip(frame["instruction"], map(tuple, frame["follow_ups"]), strict=True))
    assert len(set(zip(stems, questions, strict=True))) == len(set(stems)) == len(set(questions))
    again = frame_of(rng.sample(chats, len(chats)))
    assert again.sort("prompt_id").equals(frame.sort("prompt_id"))


def test_conversations_that_begin_alike_stay_on_one_side_and_keep_their_turns(tmp_path):
    conversations = [chat(f"q{n // 2}", "a", f"later {n}", f"b{n}") for n in range(60)]
    kept, _ = cleaned(tmp_path, conversations)
    assert kept["prompt_id"].n_unique() == 60
    table = split(kept, Split(test_share=0.2), 3)
    sides = table.group_by("instruction").agg((pl.col("split") == "test").n_unique())
    assert sides["split"].unique().to_list() == [1]
    assert set(table["split"]) == {"train", "validation", "test"}
    columns = ["prompt_id", "follow_ups", "follow_up_responses"]
    assert table.select(columns).equals(kept.select(columns))


# Answers


def test_the_human_source_has_one_row_for_every_turn(tmp_path):
    conversations = [chat(f"q{n}", f"a{n}", *["and?", f"b{n}"] * (n % 2)) for n in range(20)]
    kept, _ = cleaned(tmp_path, conversations)
    table = split(kept, Split(), 1)
    prompts = mixes.training_prompts(table)
    frame = pl.DataFrame(human_responses(table), schema=records.RESPONSES)
    records.check_responses(frame, records.turns_of(prompts), "human")
    known = {row["prompt_id"]: row["instruction"][1:] for row in prompts.iter_rows(named=True)}
    for prompt_id, turn, text in frame.select("prompt_id", "turn", "text").iter_rows():
        assert text == "ab"[turn] + known[prompt_id]
    unanswered = table.with_columns(
        response=pl.lit(None, dtype=pl.String),
        follow_up_responses=pl.lit([], dtype=pl.List(pl.String)),
    )
    nothing = pl.DataFrame(human_responses(unanswered), schema=records.RESPONSES)
    records.check_responses(nothing, records.turns_of(prompts), "human", max_error_share=1.0)
    assert (nothing["finish_reason"] == "error").all()


class Hen(Engine):
    """Remembers what it was asked; every answer tells who, which prompt, and which turn."""

    identity = {"engine": "hen"}

    def __init__(self) -> None:
        self.asked = []

    def render(self, prompt, answers, max_tokens):
        turns = prompt.conversation(answers)
        messages = tuple((turn["role"], turn["content"]) for turn in turns)
        return Rendered(messages, (), len(prompt.context), False)

    def generate(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            text = f"hen {request.turn} on {request.prompt_id}"
            yield request, Completion(text, "stop", 4, 9)


def test_a_source_goes_on_with_its_own_answers_and_never_with_those_of_the_dataset(tmp_path):
    """D1, D8: from the file to the requests."""
    told = chat("Who?", "DATASET 0", "Why?", "DATASET 1")
    kept, _ = cleaned(tmp_path, [told, told, chat("Who?", "DATASET 0", "And?", "DATASET 1")])
    engine = Hen()
    how = AnswerSettings(
        who="hen", sampling=Sampling(), batch_size=2, max_prompt_tokens=99, max_error_share=0.0,
        study_seed=1, work=tmp_path / "work",
    )  # fmt: skip
    frame = answer_prompts(kept, engine, how, tmp_path / "out.parquet")
    asked = {(request.prompt_id, request.turn): request for request in engine.asked}
    assert len(asked) == len(engine.asked) == frame.height == 6
    assert len({request.seed for request in engine.asked}) == 6
    assert "DATASET" not in str([request.messages for request in engine.asked])
    for prompt_id, follow_ups in kept.select("prompt_id", "follow_ups").iter_rows():
        assert asked[prompt_id, 1].messages == (
            ("user", "Who?"),
            ("assistant", f"hen 0 on {prompt_id}"),
            ("user", follow_ups[0]),
        )
    told_twice = kept["prompt_id"][:2].to_list()
    assert len(set(told_twice)) == 2  # the same text: two rows, each with its own answers
    for prompt_id in told_twice:
        own = frame.filter(prompt_id=prompt_id).sort("turn")["text"].to_list()
        assert own == [f"hen {turn} on {prompt_id}" for turn in (0, 1)]


# Mixes


def table_of(tmp_path, rows=60):
    """A split of conversations of one to three turns."""
    conversations = [
        chat(f"q{n}", f"DATASET {n}", *[f"later {n}", "DATASET"] * (n % 3)) for n in range(rows)
    ]
    kept, _ = cleaned(tmp_path, conversations)
    return split(kept, Split(parts=3, validation_share=0.2), 1)


def answers_of(prompts, source, changes=()):
    """Responses of a source; `changes` replaces the columns of some (prompt, turn)."""
    changes = dict(changes)
    same = {"sample": 0, "finish_reason": "stop", "completion_tokens": 4, "attempts": 1}
    rows = [
        {**same, "prompt_id": prompt_id, "turn": turn, "text": f"{source} {turn} on {prompt_id}"}
        | changes.get((prompt_id, turn), {})
        for prompt_id, turns in records.turns_of(prompts).items()
        for turn in range(turns)
    ]
    return pl.DataFrame(rows, schema=records.RESPONSES).sample(fraction=1, shuffle=True, seed=0)


def lengths_of(prompts):
    pairs = prompts.select("prompt_id").join(pl.DataFrame({"source": SOURCES}), how="cross")
    return pairs.with_columns(
        target=pl.lit("t"), prompt_tokens=10, answer_tokens=20, control_text=False
    )


def everyone(prompts):
    nothing = pl.lit(None, dtype=pl.String)
    return prompts.select("prompt_id", eligible=True, reason=pl.lit(""), source=nothing)


def test_a_conversation_is_answered_by_one_source_alone(tmp_path):
    """No turn follows the answer of another model, nor of the dataset."""
    prompts = mixes.training_prompts(table_of(tmp_path))
    responses = {source: answers_of(prompts, source) for source in SOURCES}
    recipe = MultiMix(kind="multi", sources=list(SOURCES))
    assignment = assign(prompts, recipe, "multi", 1)
    rows = build_mix(prompts, everyone(prompts), assignment, responses, "Be kind.")
    assert [row["prompt_id"] for row in rows] == sorted(prompts["prompt_id"])
    assert {row["source"] for row in rows} == set(SOURCES)
    known = {row["prompt_id"]: row for row in prompts.iter_rows(named=True)}
    for row in rows:
        prompt = known[row["prompt_id"]]
        wanted = [{"role": "system", "content": "Be kind."}]
        for turn, question in enumerate([prompt["instruction"], *prompt["follow_ups"]]):
            answer = f"{row['source']} {turn} on {row['prompt_id']}"
            wanted += [{"role": "user", "content": question}]
            wanted += [{"role": "assistant", "content": answer}]
        assert row["messages"] == wanted
    lengths = {len(row["messages"]) for row in rows}
    assert lengths == {3, 5, 7}


def test_a_fault_in_any_turn_takes_the_prompt_out_of_all_mixes(tmp_path):
    prompts = mixes.training_prompts(table_of(tmp_path))
    longer = [key for key, turns in records.turns_of(prompts).items() if turns == 3]
    failed = {"text": None, "finish_reason": "error", "error": "no memory"}
    responses = {source: answers_of(prompts, source) for source in SOURCES} | {
        "duck": answers_of(
            prompts,
            "duck",
            {
                (longer[0], 1): failed,
                (longer[0], 2): failed,
                (longer[1], 2): {"text": " \n"},
                (longer[2], 1): {"finish_reason": "length"},
                (longer[4], 0): {"finish_reason": "length"},
                (longer[4], 2): failed,
            },
        )
    }
    tokens = pl.when((pl.col("prompt_id") == longer[3]) & (pl.col("source") == "goose"))
    lengths = lengths_of(prompts).with_columns(
        answer_tokens=tokens.then(91).otherwise("answer_tokens")
    )
    # What failed has no length.
    unmeasured = pl.col("prompt_id").is_in([longer[0], longer[4]]) & (pl.col("source") == "duck")
    lengths = lengths.filter(~unmeasured)
    found = mixes.eligibility(prompts, responses, lengths, 100)
    assert found.height == prompts.height and found["prompt_id"].is_unique().all()
    assert {row[0]: row[2:] for row in found.filter(~pl.col("eligible")).iter_rows()} == {
        longer[0]: ("failed answer", "duck"),
        longer[1]: ("empty answer", "duck"),
        longer[2]: ("truncated answer", "duck"),
        longer[3]: ("too long", "goose"),
        longer[4]: ("failed answer", "duck"),
    }
    lacking = responses["hen"].filter(~((pl.col("prompt_id") == longer[5]) & (pl.col("turn") == 1)))
    with pytest.raises(UserError, match=f"1 prompts have no answer from source 'hen'.*{longer[5]}"):
        mixes.eligibility(prompts, responses | {"hen": lacking}, lengths, 100)
    assignment = assign(prompts, MultiMix(kind="multi", sources=["hen"] * 3), "m", 1)
    with pytest.raises(UserError, match=f"1 prompts have no answer from source 'hen'.*{longer[5]}"):
        build_mix(prompts, everyone(prompts), assignment, {"hen": lacking}, "")


STRANGE = [
    "e\u0301 is not \u00e9, nor \ufb01 fi",
    "<|begin|><|end|> <s> [INST] \u2028 two\r\nlines\ttab  two spaces",
    "\U0001f95a \u200d zero width \u200b here\u0000",
    "long " * 4000 + "end",
    'quote " and \\ and {{ braces }}',
]


def test_user_text_goes_from_the_dataset_to_the_mix_byte_by_byte(tmp_path):
    """D2: only whitespace around a text goes, when it is read."""
    conversations = [
        chat(f"  {text} {n}\n", f"answer {n}", f"\t{text}", f"answer {n}")
        for n in range(6)
        for text in STRANGE
    ]
    kept, _ = cleaned(tmp_path, conversations)
    table = split(kept, Split(parts=1), 1)
    prompts = mixes.training_prompts(table)
    human = pl.DataFrame(human_responses(table), schema=records.RESPONSES)
    assignment = assign(prompts, HumanMix(kind="human"), "human", 1)
    rows = build_mix(prompts, everyone(prompts), assignment, {"human": human}, "")
    write_mix(rows, tmp_path / "train.jsonl")
    numbers = dict(prompts.select("prompt_id", "row").iter_rows())
    assert len(numbers) > 20
    for row in read_mix(tmp_path / "train.jsonl"):
        told = conversations[numbers[row["prompt_id"]] - 1]
        said = [turn["content"].encode() for turn in row["messages"] if turn["role"] == "user"]
        assert said == [turn["content"].strip().encode() for turn in told[::2]]


# Lengths


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_lengths_are_those_of_the_rows_that_are_trained_on(tmp_path, tiny_models, family):
    from transformers import AutoTokenizer

    table = table_of(tmp_path, 30)
    prompts = mixes.training_prompts(table)
    longer = next(key for key, turns in records.turns_of(prompts).items() if turns == 3)
    failed = {"text": None, "finish_reason": "error"}
    responses = {
        "hen": answers_of(prompts, "hen"),
        "duck": answers_of(prompts, "duck", {(longer, 1): failed}),
    }
    lengths, contexts = count_tokens(table, responses, tiny_models[family], family, Prompting())
    assert sorted(contexts["prompt_id"]) == sorted(prompts["prompt_id"])
    assert contexts["context_characters"].null_count() == contexts.height
    pairs = set(lengths.select("prompt_id", "source").iter_rows())
    crossed = {(key, source) for key in prompts["prompt_id"] for source in ("hen", "duck")}
    assert pairs == crossed - {(longer, "duck")} and lengths.height == len(pairs)

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    prompting = Prompting()
    renderer = ChatRenderer(tokenizer, prompting.system_prompt, prompting.date, family)
    recipe = MultiMix(kind="multi", sources=["hen"] * 4)
    assignment = assign(prompts, recipe, "m", 1)
    rows = build_mix(prompts, everyone(prompts), assignment, responses, "")
    counted = {row[0]: row[3:5] for row in lengths.filter(source="hen").iter_rows()}
    for row, encoded in zip(rows, encode_rows(rows, renderer, 10_000), strict=True):
        answers = sum(label != IGNORED for label in encoded["labels"])
        assert counted[row["prompt_id"]] == (len(encoded["labels"]) - answers, answers)


# Measures


def test_measures_see_the_first_answer_of_a_conversation(tmp_path):
    prompts = mixes.training_prompts(table_of(tmp_path, 30))
    file = tmp_path / "responses.parquet"
    records.write_responses(answers_of(prompts, "hen"), file, {})
    answers = valid_answers(file)
    assert answers["prompt_id"].to_list() == sorted(prompts["prompt_id"])
    assert answers["turn"].unique().to_list() == [0]
    matched = match_prompts([("test", file)])["test"]
    assert matched["prompt_ids"] == sorted(prompts["prompt_id"])
    assert matched["token_budget"] == 5 * prompts.height  # hen, 0, on and an id of two words
    texts = [f"hen 0 on {prompt_id}" for prompt_id in prompts["prompt_id"]]
    assert sorted(answers["text"]) == sorted(texts)


def test_likelihoods_are_those_of_the_first_answers(tmp_path, tiny_models):
    table = table_of(tmp_path, 12)
    prompts = table.select(records.PROMPTS.names())
    engine = TransformersEngine(tiny_models["qwen"], Prompting(), "float32", 1, "qwen")
    scored = {}
    for name, asked in {
        "whole": prompts,
        "first": prompts.with_columns(follow_ups=pl.lit([], dtype=pl.List(pl.String))),
    }.items():
        file = tmp_path / f"{name}.parquet"
        made = {"who": "qwen/vanilla/0/test", "adapter": None}
        records.write_responses(answers_of(asked, "hen"), file, made)
        score_runs(engine, asked, table, target="qwen", runs=[("vanilla", 0)], adapters=[None],
                   responses=[file], max_prompt_tokens=200, settings=Scoring(), work=tmp_path / name,
                   outputs=[tmp_path / f"{name}-nll.parquet"])  # fmt: skip
        scored[name] = pl.read_parquet(tmp_path / f"{name}-nll.parquet")
    assert scored["whole"]["own_tokens"].null_count() == 0
    assert scored["whole"].equals(scored["first"])


SHAREGPT = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Mara."}]
FORMS = {
    "sharegpt": SHAREGPT,
    "sharegpt with a system message": [{"from": "system", "value": "Be brief."}, *SHAREGPT],
    "ultrachat": ["Who?", "Mara."],
    "pieces": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Wh"}, {"type": "text", "text": "o?"}],
        },
        {"role": "assistant", "content": "Mara."},
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_that_conversations_come_in_are_the_same_turns(form):
    read = read_conversation(FORMS[form], answered=True)
    assert (read.questions, read.answers, read.fault) == (("Who?",), ("Mara.",), None)


CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "weather"}}]}
FAULTS = {
    "calls a tool": [*chat("a"), CALL, {"role": "tool", "content": "12"}, *chat("a", "b")[1:]],
    "content that is not text (image_url)": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        *chat("a", "b")[1:],
    ],
    "role 'function_response'": [
        *SHAREGPT, {"from": "function_response", "value": "12"}, {"from": "gpt", "value": "b"}
    ],
    "message 2 is empty": [*chat("a"), {"role": "assistant"}],
    "the last question has no answer": ["Who?", "Mara.", "And who else?"],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_one_conversation_with_something_else_is_dropped_and_counted(tmp_path, fault):
    path = written(tmp_path / "chats.jsonl", [chat("a", "b"), FAULTS[fault], chat("c", "d")])
    rows, counts = clean(read_rows(path, FIELDS), Cleaning(), str(path))
    assert counts["dropped"]["broken_conversation"] == 1 and counts["kept"] == 2
    assert fault in read_rows(path, FIELDS)["broken_conversation"][1]
    assert rows["instruction"].to_list() == ["a", "c"]
