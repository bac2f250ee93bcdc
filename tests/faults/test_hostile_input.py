"""Files, configs and messages that were made or broken to harm: an error in plain words, or counted."""

from __future__ import annotations

import copy
import gzip
import json

import pytest
import yaml
from repository import ROOT

from manybaskets.config.data import Cleaning
from manybaskets.config.loading import load_study, parse_study
from manybaskets.config.sections import Fields
from manybaskets.data import raw_tables
from manybaskets.data.cleaning import clean
from manybaskets.data.reading import read_rows
from manybaskets.errors import UserError, printable

ROW = {"instruction": "Who?", "context": "", "response": "Mara."}
GOOD = json.dumps(ROW).encode() + b"\n"


def row(**changes) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


CALL = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{"id": "c"}]}]
REFUSED = {
    "empty.jsonl": b"",
    "empty.parquet": b"",
    "empty.csv": b"",
    "zeros.jsonl": bytes(64),
    "zeros.parquet": bytes(64),
    "half.parquet": b"PAR1" + bytes(64),
    "cut.jsonl": GOOD + GOOD[:20],
    "cut.jsonl.gz": gzip.compress(GOOD * 99)[:-9],
    "plain.jsonl.gz": GOOD,
    "bomb.jsonl.gz": gzip.compress(bytes(1 << 22)),
    "latin.jsonl": GOOD + "{é}".encode("latin1"),
    "deep.jsonl": GOOD + b"[" * 200_000,
    "deep.json": b"[" * 200_000,
    "doubled.jsonl": GOOD + b'{"instruction": "a", "instruction": "b"}',
    "surrogate.jsonl": GOOD + b'{"instruction": "\\ud83d"}',
    "escapes.jsonl": GOOD + b'{"\\u001b[2J": 1, "\\u001b[2J": 2}',
    "column.csv": b'"\x1b[31minstruction",response\na,b\n',
    "list.jsonl": row(instruction=["Who?"]),
    "object.jsonl": row(response={"text": "Mara."}),
    "infinity.jsonl": GOOD + b'{"instruction": Infinity}',
    "invisible.jsonl": row(instruction="\u200b\u2060"),
    "nothing.json": b"[]",
    "items.json": b"[1, 2]",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_one_error_that_names_it(tmp_path, monkeypatch, survived, name):
    monkeypatch.setattr(raw_tables, "_MOST_UNPACKED", 1 << 20)
    (tmp_path / name).write_bytes(REFUSED[name])
    with pytest.raises(UserError) as caught:
        clean(read_rows(tmp_path / name, Fields()), Cleaning(), str(tmp_path / name))
    told = str(caught.value)
    assert name in told and told == printable(told) and "\x1b" not in told
    survived("a broken or hostile file of rows is one error that names it")


TAKEN = {
    "array.json": json.dumps([ROW, ROW], indent=1).encode(),
    "crlf.jsonl": GOOD.replace(b"\n", b"\r\n") * 2,
    "mark.jsonl": b"\xef\xbb\xbf" + GOOD,
    "missing.jsonl": GOOD + row(response="No.").replace(b'""', b"NaN"),
    "number.jsonl": row(response=42),
    "boolean.jsonl": row(response=True),
    "control.jsonl": row(response="a\x1b[2Jb"),
    "formula.csv": b"instruction,context,response\n=1+1,,@SUM(A1)\n",
    "separators.jsonl": row(response="a\u2028b\x85c"),
    "huge-number.jsonl": row(response=10**400),
    "empty-answer.jsonl": GOOD + row(instruction="And?", response="\u200b"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_an_odd_file_is_read_or_its_rows_are_counted(tmp_path, survived, name):
    (tmp_path / name).write_bytes(TAKEN[name])
    kept, counts = clean(read_rows(tmp_path / name, Fields()), Cleaning(), name)
    assert kept.height == counts["rows"] - sum(counts["dropped"].values()) >= 1
    survived("an odd file is read, or its rows are counted")


SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
CONFIG = {
    "targets": ["llama", "llama"],
    "measures": ["human_nll", "human_nll"],
    "training.seeds": [1, 1],
    "training.seeds.0": -1,
    "training.seeds.1": 2**32,
    "seed": True,
    "training.learning_rate": float("inf"),
    "training.epochs": float("nan"),
    "training.rank": False,
    "study": "a" * 300,
    "mixes." + "m" * 300: {"kind": "human"},
    "mixes.Human": {"kind": "human"},
    "sources.far": {
        "engine": {"kind": "openai", "served_model": "far", "key_variable": "sk-Secret1234567890"}
    },
    "responses.sampling.top_p": None,
    "training.epoch": 3,
    "targets.0": "nobody",
}


@pytest.mark.parametrize("path", CONFIG, ids=lambda path: path[:30])
def test_a_mistake_in_the_config_ends_before_work(survived, path):
    settings = copy.deepcopy(SHIPPED)
    *sections, key = path.split(".")
    section = settings
    for each in sections:
        section = section[each]
    section[int(key) if isinstance(section, list) else key] = CONFIG[path]
    with pytest.raises(UserError) as caught:
        parse_study(settings, "config.yaml")
    assert sections[0] if sections else key in str(caught.value)
    assert "Secret" not in str(caught.value)
    survived("a mistake in the config ends before work, with its key")


@pytest.mark.parametrize(
    "text", ["study: a\nstudy: b\n", "a: [1, 2\n", "- a\n", "", "study: \xff\n", "a: !!python/name:os.system\n"]
)  # fmt: skip
def test_a_file_that_is_no_config_is_one_error(tmp_path, survived, text):
    (tmp_path / "own.yaml").write_bytes(text.encode("latin1"))
    with pytest.raises(UserError, match="own.yaml"):
        load_study(tmp_path / "own.yaml")
    survived("a mistake in the config ends before work, with its key")


STEERING = [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0xD800, 0xDFFF]


def test_no_character_of_a_message_steers_a_terminal(survived):
    for code in STEERING:
        told = str(UserError(f"a server says {chr(code)}", chr(code), chr(code), chr(code)))
        assert chr(code) not in told
        told.encode()
        survived("a character that steers a terminal is an escape in every message")
