"""Reading: the same rows from every format, and one clear error for every bad input."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import types

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manybaskets.config.data import HubDataset
from manybaskets.config.sections import Fields
from manybaskets.data import raw_tables
from manybaskets.data.reading import ROWS, read_hub_dataset, read_prompts, read_rows
from manybaskets.errors import UserError
from manybaskets.records import responses as records
from manybaskets.records.ids import prompt_ids

FIELDS = Fields(category="category")
SAMPLE = [
    {"instruction": "Why, oh why?", "context": "", "response": "So.\n\nSo.", "category": "open"},
    {"instruction": 'Say "é\u2028ü".', "context": "A, b", "response": "", "category": "closed"},
]
# What rows without a conversation hold in the columns of one.
SINGLE = {
    "follow_ups": [],
    "follow_up_responses": [],
    "system_message": False,
    "broken_conversation": None,
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def write(path, rows, kind):
    if kind == "array.json":
        path.write_text(json.dumps(rows, indent=2))
        return path
    if kind.startswith("parquet"):
        pl.DataFrame(rows).write_parquet(path)
        return path
    opened = gzip.open if kind.endswith("gz") else open
    with opened(path, "wt", encoding="utf-8", newline="") as handle:
        if kind.startswith("csv"):
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("jsonl", [1, 2]),
        ("json", [1, 2]),
        ("array.json", [1, 2]),
        ("jsonl.gz", [1, 2]),
        ("csv", [2, 5]),  # lines: after the header, and after a text of three lines
        ("csv.gz", [2, 5]),
        ("parquet", [1, 2]),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, kind, numbers):
    frame = read_rows(write(tmp_path / f"rows.{kind}", SAMPLE, kind), FIELDS)
    assert frame.schema == ROWS
    assert frame.drop("row").to_dicts() == [row | SINGLE for row in SAMPLE]
    assert frame["row"].to_list() == numbers


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=6))
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_texts_come_through_unchanged(tmp_path, kind, texts):
    rows = [dict(zip(("instruction", "context", "response"), t, strict=True)) for t in texts]
    frame = read_rows(write(tmp_path / f"any.{kind}", rows, kind), Fields())
    assert frame.select("instruction", "context", "response").to_dicts() == rows


def test_long_passages_in_csv(tmp_path):
    csv.field_size_limit(131_072)  # Python's own, whatever was read before
    rows = [{"instruction": "a", "context": "b" * 200_000, "response": "c"}]
    frame = read_rows(write(tmp_path / "long.csv", rows, "csv"), Fields())
    assert len(frame["context"][0]) == 200_000


def test_other_column_names_and_absent_values(tmp_path):
    rows = [{"goal": "Open it.", "label": 3}, {"goal": None, "note": None, "label": None}]
    path = write(tmp_path / "rows.jsonl", rows, "jsonl")
    fields = Fields(instruction="goal", context="note", response=None, category="label")
    assert read_rows(path, fields).to_dicts() == [
        {"instruction": "Open it.", "context": "", "response": None, "category": "3", "row": 1}
        | SINGLE,
        {"instruction": "", "context": "", "response": None, "category": None, "row": 2} | SINGLE,
    ]
    answered = read_rows(path, Fields(instruction="goal", context=None, response="note"))
    assert answered["response"].to_list() == ["", ""]  # a column without a value is an empty answer


def test_blank_lines_count_as_lines_and_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = json.dumps(SAMPLE[0]).encode()
    path.write_bytes(b"\xef\xbb\xbf\n" + row + b"\r\n\n" + row)
    assert read_rows(path, FIELDS)["row"].to_list() == [2, 4]


GOOD = json.dumps(SAMPLE[0]).encode() + b"\n"
BAD = [
    ("empty.jsonl", b"", "no rows", "empty.jsonl", "dataset.path"),
    ("blank.jsonl", b"\n \n", "no rows", "blank.jsonl", "dataset.path"),
    ("header.csv", b"instruction,context,response,category\n", "no rows", "header.csv", ""),
    ("rows.xlsx", GOOD, "unknown file type", "rows.xlsx", "dataset.path"),
    ("rows.parquet.gz", GOOD, "unknown file type", "rows.parquet.gz", ""),
    ("broken.jsonl", GOOD + b'{"instruction": "a"', "not JSON", "broken.jsonl, line 2", ""),
    ("deep.jsonl", GOOD + b"[" * 200_000, "not JSON", "deep.jsonl, line 2", ""),
    ("list.jsonl", GOOD + b'["a"]\n', "not a JSON object", "list.jsonl, line 2", ""),
    (
        "array.json",
        b"[\n" + GOOD + b"]" + GOOD,
        "not JSON",
        "array.json, line 3",
        "one JSON object",
    ),
    ("items.json", b"[\n" + GOOD + b", 7]", "is not a JSON object: 7", "items.json, entry 2", ""),
    (
        "doubled.jsonl",
        GOOD + b'{"a": 1, "b": 2, "a": 3}',
        "key 'a' occurs twice",
        "doubled.jsonl, line 2",
        "remove one",
    ),
    (
        "bomb.jsonl.gz",
        gzip.compress(b" " * (1 << 21)),
        "unpacks to more than",
        "bomb.jsonl.gz",
        "zcat",
    ),
    (
        "infinite.jsonl",
        GOOD + GOOD.replace(b'"Why, oh why?"', b"Infinity"),
        "contains inf (float)",
        "infinite.jsonl, line 2",
        "",
    ),
    ("latin.jsonl", GOOD + "é".encode("latin1"), "not UTF-8", "latin.jsonl, line 2", "iconv"),
    ("cut.jsonl.gz", gzip.compress(GOOD * 50)[:-20], "truncated", "cut.jsonl.gz", "again"),
    ("plain.jsonl.gz", GOOD, "gzip file is damaged", "plain.jsonl.gz", ".gz"),
    ("bad.parquet", GOOD, "not Parquet", "bad.parquet", "dataset.path"),
    ("ragged.csv", b"instruction,context\na,b\nc,d,e\n", "3 fields", "ragged.csv, line 3", "quote"),
    ("quote.csv", b'instruction,context\n"a,b\nc,d\n', "not CSV", "quote.csv, line 2", "quotes"),
    ("twice.csv", b"instruction,instruction\na,b\n", "twice", "twice.csv, line 1", "rename"),
    (
        "number.jsonl",
        GOOD + GOOD.replace(b'"Why, oh why?"', b"[7]"),
        "contains [7] (list) instead of text",
        "number.jsonl, line 2",
        "dataset.fields.instruction",
    ),
    (
        "surrogate.jsonl",
        GOOD + GOOD.replace(b'"Why, oh why?"', b'"\\ud83d"'),
        "surrogate",
        "surrogate.jsonl, line 2",
        "",
    ),
]


@pytest.mark.parametrize(("name", "data", "what", "where", "remedy"), BAD, ids=[b[0] for b in BAD])
def test_bad_files_are_named_with_their_line(
    tmp_path, monkeypatch, name, data, what, where, remedy
):
    monkeypatch.setattr(raw_tables, "_MOST_UNPACKED", 1 << 20)
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_rows(path, FIELDS)
    assert what in caught.value.what
    assert caught.value.where.endswith(where)
    assert remedy in caught.value.remedy


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="does not exist") as caught:
        read_rows(tmp_path / "none.jsonl", FIELDS)
    assert "dataset.path" in caught.value.remedy
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read_rows(tmp_path / "folder.jsonl", FIELDS)


@pytest.mark.parametrize("field", ["instruction", "context", "response", "category"])
def test_missing_column_names_the_columns_found_and_the_key(tmp_path, field):
    path = write(tmp_path / "rows.jsonl", SAMPLE, "jsonl")
    with pytest.raises(UserError, match="no column 'nope'") as caught:
        read_rows(path, FIELDS.model_copy(update={field: "nope"}), key="prompt_sets.mine")
    assert "instruction, context, response, category" in caught.value.expected
    assert f"prompt_sets.mine.fields.{field}" in caught.value.remedy
    assert ("null" in caught.value.remedy) == (field != "instruction")


def test_prompts_have_the_ids_that_training_prompts_of_the_same_text_have(tmp_path):
    rows = [{"instruction": " Say it. ", "context": "a\n"}, {"instruction": "Say it."}]
    path = write(tmp_path / "set.jsonl", rows, "jsonl")
    prompts = read_prompts(path, Fields(response="answer", category="kind"))
    assert prompts.schema == records.PROMPTS
    bare = pl.DataFrame({"instruction": ["Say it."] * 2, "context": ["a", ""]})
    assert prompts["prompt_id"].to_list() == prompt_ids(bare).to_list()
    assert prompts.select("instruction", "context").equals(bare)
    assert prompts["follow_ups"].to_list() == [[], []]


def test_prompt_without_instruction_is_named(tmp_path):
    rows = [{"instruction": "a", "context": ""}, {"instruction": "  ", "context": "b"}]
    with pytest.raises(UserError, match="1 prompts have no instruction") as caught:
        read_prompts(write(tmp_path / "set.jsonl", rows, "jsonl"), Fields(), "prompt_sets.mine")
    assert caught.value.where.endswith("set.jsonl, row 2")
    assert "prompt_sets.mine" in caught.value.remedy


class FakeDataset(dict):
    column_names = property(lambda self: list(self))

    def __len__(self):
        return len(self["instruction"])


def hub(monkeypatch, load):
    module = types.ModuleType("datasets")
    module.load_dataset = load
    monkeypatch.setitem(sys.modules, "datasets", module)
    return HubDataset(kind="hub", repo="someone/rows", revision="abc", fields=FIELDS)


def test_hub_rows_are_mapped_like_a_file(monkeypatch):
    asked = []

    def load(*args, **options):
        asked.append((args, options))
        return FakeDataset({name: [row[name] for row in SAMPLE] for name in SAMPLE[0]})

    frame = read_hub_dataset(hub(monkeypatch, load))
    assert asked == [(("someone/rows",), {"revision": "abc", "split": "train"})]
    assert frame.drop("row").to_dicts() == [row | SINGLE for row in SAMPLE]
    assert frame.schema == ROWS


def test_hub_failures_say_what_to_check(monkeypatch):
    def load(*args, **options):
        raise ConnectionError("no route\nto host")

    with pytest.raises(UserError, match="ConnectionError: no route") as caught:
        read_hub_dataset(hub(monkeypatch, load))
    assert "dataset.revision" in caught.value.remedy
    dataset = hub(monkeypatch, load)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="cannot be imported"):
        read_hub_dataset(dataset)
    with pytest.raises(UserError, match="no rows"):
        read_hub_dataset(hub(monkeypatch, lambda *a, **o: FakeDataset({"instruction": []})))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_what_data_frames_write_for_a_missing_text_is_missing(tmp_path, kind):
    nan = float("nan")
    rows = [
        {"instruction": "Who?", "context": nan, "response": "Mara.", "category": nan},
        {"instruction": "When?", "context": nan, "category": nan},
    ]
    rows[1]["response"] = nan if kind == "jsonl" else None  # a column of texts has no NaN
    frame = read_rows(write(tmp_path / f"rows.{kind}", rows, kind), FIELDS)
    assert frame.select("context", "response", "category").rows() == [
        ("", "Mara.", None),
        ("", "", None),
    ]


def test_a_number_is_the_text_that_the_file_shows(tmp_path, caplog):
    caplog.set_level("INFO")
    numbers = [42, 4.5, -1, 10**400, True]
    rows = [{"instruction": "How many?", "context": "", "response": n} for n in numbers]
    path = write(tmp_path / "rows.jsonl", rows, "jsonl")
    assert read_rows(path, Fields())["response"].to_list() == [
        "42",
        "4.5",
        "-1",
        str(10**400),
        "true",
    ]
    assert "5 values in column 'response' are taken as texts" in caplog.text
    frame = pl.DataFrame({"instruction": ["a", "b"], "response": [3.0, None]})
    frame.write_parquet(tmp_path / "rows.parquet")
    read = read_rows(tmp_path / "rows.parquet", Fields(context=None))
    assert read["response"].to_list() == ["3", ""]


def test_text_that_compresses_well_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_tables, "_MOST_UNPACKED", 1 << 12)
    lines = b"".join(GOOD.replace(b"Why", str(n).encode()) for n in range(2000))
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(lines))
    assert read_rows(path, FIELDS).height == 2000
