"""`manybaskets init`: a first config for a file of rows, from flags or from answers to questions."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from manybaskets.command.config_text import Choices, config_text
from manybaskets.config.loading import parse_study
from manybaskets.data.reading import RawTable, read_table
from manybaskets.errors import UserError, did_you_mean
from manybaskets.names import HUMAN

# Usual names of columns, the best first; compared without case, spaces and dashes.
_USUAL = {
    "question": ("instruction", "prompt", "question", "query", "input", "text"),
    "context": ("context", "passage", "document"),
    "answer": ("response", "answer", "humanresponse", "humananswer", "human", "reference", "output"),
    "category": ("category", "topic", "type", "domain", "dataset"),
    "messages": ("messages", "conversations", "conversation"),
}  # fmt: skip
_WORDS_OF_AN_ANSWER = 2  # mean words above which a column of text may hold a model's answers
_MOST_CATEGORIES = 50
Ask = Callable[[str, str], str]  # what is asked, the default -> the answer


def init(words: Sequence[str], ask: Ask | None = None) -> int:
    """Write a config.

    Args:
        words: the command line after `manybaskets init`.
        ask: asks the user; unless given, a terminal is asked, and nobody where there is none.

    Raises:
        UserError: the file cannot be read or has no column with questions, a named column does not
            exist, or the config file exists.
    """
    given = _parser().parse_args(words)
    data = Path(given.data)
    if not data.is_file():
        raise UserError(
            what="the data file does not exist",
            where=f"{data}, from {Path.cwd()}",
            expected="a CSV, JSONL or Parquet file with a column of questions",
            remedy="check the path",
        )
    table = read_table(data, "dataset")
    if ask is None:
        ask = _ask if sys.stdin.isatty() and not given.yes else _default
    choices = _choices(given, data, table, ask)
    output = Path(given.output or f"{choices.study}.yaml")
    if output.exists():
        raise UserError(
            what="the config file exists",
            where=str(output),
            expected="a file that `init` can write",
            remedy="name another one with `--output FILE`, or remove it",
        )
    text = config_text(choices)
    parse_study(_loaded(text), str(output))
    output.write_text(text, encoding="utf-8")
    print(
        f"{output}: study {choices.study}, {choices.rows} rows, sources {', '.join(choices.names())}"
        f"\nNext: manybaskets check {output}, manybaskets plan {output}, manybaskets run {output}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manybaskets init",
        description="Write a commented config for a file of rows. What no option says is asked for on a "
        "terminal, and guessed from the names of the columns elsewhere.",
    )
    parser.add_argument("data", metavar="DATA", help="CSV, JSONL or Parquet file, optionally .gz")
    parser.add_argument("--study", help="name of the study")
    parser.add_argument("--question", metavar="COLUMN", help="column with the questions")
    parser.add_argument("--context", metavar="COLUMN", help="column with passages; '' for none")
    parser.add_argument("--answer", metavar="COLUMN", help="human answers; '' for none")
    parser.add_argument("--category", metavar="COLUMN", help="categories; '' for none")
    parser.add_argument(
        "--source",
        metavar="[NAME=]COLUMN",
        action="append",
        help="column with a model's answers; repeat for each",
    )
    parser.add_argument(
        "--target",
        metavar="MODEL",
        help="model to fine-tune on the answers: a folder, or REPO@COMMIT of the Hugging Face Hub",
    )
    parser.add_argument("--output", metavar="FILE", help="config to write; STUDY.yaml unless given")
    parser.add_argument("--yes", action="store_true", help="ask nothing, take what is guessed")
    return parser


def _choices(given: argparse.Namespace, data: Path, table: RawTable, ask: Ask) -> Choices:
    columns = list(table.columns)
    guessed = _guessed(table)
    stem = re.sub(r"[^a-z0-9._-]+", "-", data.name.partition(".")[0].lower()).strip("-._")
    study = given.study or ask("Name of the study", stem or "mine")
    fields: dict[str, str | None] = {}
    messages = guessed["messages"] if not given.question else None
    asked = {"question": "Column with the questions", "context": "Column with passages",
             "answer": "Column with human answers", "category": "Column with categories"}  # fmt: skip
    for key, text in asked.items():
        if messages and key != "category":
            continue
        option = getattr(given, key)
        chosen = ask(f"{text} (- for none)", guessed[key] or "-") if option is None else option
        fields[key] = None if chosen in ("", "-") else _column(chosen, columns, f"--{key}", data)
    if not messages and not fields["question"]:
        raise UserError(
            what="no column with questions was found",
            where=str(data),
            expected=f"one of the columns: {', '.join(columns)}",
            remedy="name it: manybaskets init DATA --question COLUMN",
        )
    used = {*fields.values(), messages}
    answers = _sources(given, table, data, [name for name in columns if name not in used], ask)
    if not answers and not (fields.get("answer") or messages):
        raise UserError(
            what="the file has no answers",
            where=str(data),
            expected="a column with human answers or with a model's answers",
            remedy="name one with `--answer COLUMN` or `--source COLUMN`; docs/sources.md shows "
            "sources that answer by themselves",
        )
    counts = len(table.numbers)
    return Choices(study, data, counts, messages, fields, answers, given.target)


def _sources(
    given: argparse.Namespace, table: RawTable, data: Path, left: Sequence[str], ask: Ask
) -> dict[str, str]:
    """Columns with models' answers, by name of the source."""
    if given.source is None:
        likely = ",".join(name for name in left if _words(table, name) > _WORDS_OF_AN_ANSWER)
        chosen = ask(
            "Columns with models' answers (separated by commas; - for none)", likely or "-"
        )
        named = [] if chosen in ("", "-") else [name.strip() for name in chosen.split(",")]
    else:
        named = given.source
    found = {}
    for each in named:
        name, equals, column = each.partition("=")
        column = _column(column if equals else each, table.columns, "--source", data)
        source = re.sub(r"[^a-z0-9._-]+", "-", (name if equals else column).lower()).strip("-._")
        found[f"{source}-model" if source in ("", HUMAN) else source] = column
    return found


def _guessed(table: RawTable) -> dict[str, str | None]:
    """The likely column of every field, by its name; None where no name is usual."""
    folded = {re.sub(r"[\s_-]+", "", name.lower()): name for name in reversed(table.columns)}
    found: dict[str, str | None] = {}
    for key, names in _USUAL.items():
        taken = set(found.values())
        usual = [folded[name] for name in names if name in folded and folded[name] not in taken]
        found[key] = usual[0] if usual else None
    category = found["category"]
    if category and len({str(value) for value in table.values(category)}) > _MOST_CATEGORIES:
        found["category"] = None
    return found


def _words(table: RawTable, column: str) -> float:
    """Mean words of a column of text; 0 for other values."""
    texts = [value for value in table.values(column) if value]
    if not texts or not all(isinstance(text, str) for text in texts):
        return 0.0
    return sum(len(text.split()) for text in texts) / len(texts)


def _column(name: str, columns: Sequence[str], option: str, data: Path) -> str:
    if name not in columns:
        raise UserError(
            what=f"there is no column '{name}'{did_you_mean(name, columns)}",
            where=f"{data}, {option}",
            expected=f"one of the columns: {', '.join(columns)}",
            remedy=f"name an existing column with {option}",
        )
    return name


def _ask(what: str, default: str) -> str:
    try:
        return input(f"{what} [{default}]: ").strip() or default
    except EOFError:  # nobody types any more
        print()
        return default


def _default(what: str, default: str) -> str:
    return default


def _loaded(text: str) -> Mapping[str, object]:
    import yaml

    return yaml.safe_load(text)
