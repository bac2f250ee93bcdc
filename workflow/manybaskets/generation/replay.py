"""Ready answers as a source: match a file's rows to prompts by prompt id or text.

Row order has no effect: any order gives the same responses.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import Prompt, prompts_of, split_reasoning
from manybaskets.config.data import HubDataset
from manybaskets.config.engines import Quality, ReplaySettings
from manybaskets.config.sections import Fields
from manybaskets.config.sources import Source
from manybaskets.config.study import Study
from manybaskets.data.reading import read_hub_dataset, read_rows
from manybaskets.errors import UserError
from manybaskets.generation.quality import fault, write_quarantine
from manybaskets.jobs.provenance import git_commit
from manybaskets.records.responses import RESPONSES, check_responses, write_responses
from manybaskets.records.visible_text import shows_nothing
from manybaskets.records.writing import write_table

log = logging.getLogger(__name__)
PROMPT_ID = "prompt_id"
NO_ANSWER = "the file has no answer"
NO_ROW = "the file has no row for this prompt"
# Whoever wrote it saw more than the sources that are asked here, and than a training row would hold.
TO_WHOLE_PROMPT = "answers the whole prompt, whose context is shortened in this study"
ReplayKey = tuple[str, ...]


@dataclass(frozen=True)
class ReadyAnswers:
    """A file's rows (answer, row number) by prompt id or texts.

    Args:
        key: `prompt_id`, `texts` (context and instruction) or `text` (the whole user turn).
    """

    key: str
    rows: Mapping[ReplayKey, Sequence[tuple[str, int]]]

    def to(self, prompt: Prompt) -> ReplayKey:
        """Key of a prompt's answers."""
        if self.key == PROMPT_ID:
            return (prompt.prompt_id,)
        if self.key == "text":
            return (_matched(prompt.text()),)
        return (_matched(prompt.context), _matched(prompt.instruction))

    @property
    def size(self) -> int:
        """Rows of the file."""
        return sum(map(len, self.rows.values()))


def replayed_files(study: Study) -> dict[str, str]:
    """The user's file for every source that replays one, whether it exists or not."""
    return {
        name: source.engine.path
        for name, source in study.sources.items()
        if isinstance(source.engine, ReplaySettings) and source.engine.path
    }


def given_answers(study: Study, absent: Collection[str] = ()) -> dict[str, str]:
    """The user's file for every source that replays one.

    Args:
        absent: files that are not needed as long as copied results are, see `records.file_times`.

    Raises:
        UserError: a file does not exist.
    """
    files = replayed_files(study)
    for name, file in files.items():
        if not Path(file).is_file() and file not in absent:
            raise UserError(
                what=f"the answers file of source '{name}' does not exist",
                where=f"sources.{name}.engine.path: {file}",
                expected="a JSONL, CSV or Parquet file",
                remedy=f"set `sources.{name}.engine.path` to an existing file; a relative path is "
                "resolved from the repository root",
            )
    return files


def fetch_answers(engine: ReplaySettings, key: str, output: Path) -> None:
    """Fetch answers from a Hub dataset into the file that `replay` reads.

    Args:
        key: path of the engine's section in the config, for errors.

    Raises:
        UserError: the dataset cannot be fetched, or its columns do not fit the fields.
    """

    def read(fields: Fields) -> pl.DataFrame:
        return read_hub_dataset(
            HubDataset(
                kind="hub",
                repo=engine.repo,
                revision=engine.revision,
                split=engine.split,
                fields=fields,
            )
        )

    try:
        by_id, rows = _read(read, engine.fields)
    except UserError as error:
        raise UserError(
            what=error.what,
            where=f"{key}: {error.where}",
            expected=error.expected,
            remedy=f"check `repo`, `revision`, `split` and `fields` in {key} and this machine's "
            f"access to the Hub, or download the file and set `{key}.path`",
        ) from error
    texts = [] if by_id else ["instruction"] + ["context"] * (_context(engine.fields) is not None)
    ids = [pl.col("category").alias(PROMPT_ID)] if by_id else []
    write_table(rows.select(*ids, *texts, "response"), output)


def read_answers(path: Path, fields: Fields, key: str) -> ReadyAnswers:
    """Read a file of ready answers. Rows are matched by the column `prompt_id` if it exists,
    otherwise by their texts without outer whitespace, whatever their line ends and the form of
    their letters (NFC, NFD).

    Args:
        fields: column names; if `context` is null, `instruction` is the whole user turn. Only the
            first question and answer of conversations (`messages`) are used.
        key: path of the engine's section in the config, for errors.

    Raises:
        UserError: as `data.reading.read_rows`.
    """
    by_id, frame = _read(lambda wanted: read_rows(path, wanted, key), fields)
    kind = PROMPT_ID if by_id else "text" if _context(fields) is None else "texts"
    keys = {PROMPT_ID: ["category"], "text": ["instruction"], "texts": ["context", "instruction"]}
    rows = defaultdict(list)
    columns = frame.select(*keys[kind], "response", "row").with_columns(
        pl.col("response", *keys[kind]).fill_null("")
    )
    for *asked, answer, number in columns.iter_rows():
        rows[tuple(map(_matched, asked))].append((answer, number))
    log.info("%s: %d rows, matched by %s", path, frame.height, kind)
    return ReadyAnswers(kind, rows)


def _matched(text: str) -> str:
    """A text as it is compared: programs that save a file change line ends and forms of letters."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _context(fields: Fields) -> str | None:
    """Column with the context; None for conversations."""
    return None if fields.messages else fields.context


def _read(read: Callable[[Fields], pl.DataFrame], fields: Fields) -> tuple[bool, pl.DataFrame]:
    """Whether the file has prompt ids, and its rows; ids are in the column `category`."""
    # If ids decide, texts may be missing.
    instead = {} if fields.messages else {"instruction": PROMPT_ID, "context": None}
    try:
        return True, read(fields.model_copy(update={"category": PROMPT_ID, **instead}))
    except UserError as error:
        if error.what != f"there is no column '{PROMPT_ID}'":
            raise
    return False, read(fields.model_copy(update={"category": None}))


def match(
    prompts: pl.DataFrame,
    answers: ReadyAnswers,
    where: str,
    key: str,
    max_missing_share: float = 0.0,
) -> dict[str, str]:
    """The answer to every prompt that has a row, by prompt id; empty if the row has no answer.

    If a text has as many rows as prompts, they are assigned in the order of their answers, so each
    is used once. Of surplus rows with the same answer, one is used.

    Args:
        prompts: columns of `records.PROMPTS`.
        where: name of the file in errors.
        key: path of the engine's section in the config, for errors.
        max_missing_share: largest share of prompts without a row.

    Raises:
        UserError: too many prompts without a row; more rows than prompts for a text, with different
            answers.
    """
    asked = defaultdict(list)
    texts = {}
    for prompt in prompts_of(prompts):
        asked[answers.to(prompt)].append(prompt.prompt_id)
        texts[prompt.prompt_id] = prompt.text()
    matched, missing, doubled = {}, [], []
    for name, ids in asked.items():
        ids.sort(key=lambda prompt_id: (len(prompt_id), prompt_id))  # occurrence 10 after 9
        rows = sorted(answers.rows.get(name, []))
        missing += ids[len(rows) :]
        if len(rows) > len(ids) and len({answer.strip() for answer, _ in rows}) > 1:
            doubled.append((ids[0], sorted(number for _, number in rows)))
        matched |= zip(ids, (answer for answer, _ in rows), strict=False)
    if len(missing) > max_missing_share * len(texts):
        raise UserError(
            what=f"{len(missing)} of {len(texts)} prompts have no row in the answers file, for "
            f"example:{_listed(f'{each}: {texts[each][:80]!r}' for each in sorted(missing))}",
            where=where,
            expected=f"a row for every occurrence of every prompt, matched by {answers.key}; at most "
            f"a share of {max_missing_share:g} without one (`{key}.max_missing_share`)",
            remedy=f"add the rows, set the column names in `{key}.fields`, or raise "
            f"`{key}.max_missing_share`: prompts without a row leave all mixes and are counted"
            + (f"; without a column '{PROMPT_ID}' the file is matched by texts"
               if answers.key == PROMPT_ID else ""),
        )  # fmt: skip
    if doubled:
        places = (f"{texts[each][:80]!r} in rows {numbers}" for each, numbers in sorted(doubled))
        raise UserError(
            what=f"{len(doubled)} texts have more rows than prompts, with different answers, for "
            f"example:{_listed(places)}",
            where=where,
            expected="as many rows per text as prompts with this text, or the same answer in all "
            "rows",
            remedy=f"remove the surplus rows, or add a column '{PROMPT_ID}' that assigns each row "
            "to a prompt",
        )
    return matched


def _listed(items: Iterable[str]) -> str:
    return "".join(f"\n    {item}" for item in list(items)[:5])


def replay(
    prompts: pl.DataFrame, name: str, source: Source, file: Path, output: Path, quarantine: Path
) -> pl.DataFrame:
    """Answer every prompt from a file, and write checked responses and the rejected answers.

    Args:
        prompts: columns of `records.PROMPTS`, and `whole_context` if contexts may be shortened.
            Answers to shortened prompts are not taken, because they were given to other prompts.
        name: the source's name.
        source: its section of the config, with the engine `replay`.
        file: the user's file, or the file written by `fetch_answers`.

    Returns:
        The responses that were written.

    Raises:
        UserError: prompts are conversations; the file does not fit the prompts or is damaged; more
            rows have no accepted answer than the settings allow.
    """
    engine, key = source.engine, f"sources.{name}.engine"
    asked = prompts_of(prompts)
    _require_single_turns(asked, name)
    whole, shortened = _whole(prompts)
    # A fetched file already has the default column names.
    fetched = Fields(context=_context(engine.fields) and "context")
    answers = read_answers(file, engine.fields if engine.path else fetched, key)
    taken = match(whole, answers, f"source '{name}', {file}", key, engine.max_missing_share)
    made = [
        _row(prompt, taken.get(prompt.prompt_id), source.quality, prompt.prompt_id in shortened)
        for prompt in asked
    ]
    rows = [{column: row[column] for column in RESPONSES} for row in made]
    _check_failures(made, name, source)
    frame = pl.DataFrame(rows, schema=RESPONSES)
    check_responses(frame, prompts["prompt_id"], str(output), 1, 1.0)
    write_quarantine(
        ({**row, "text": row["refused"], "finish_reason": "stop"} for row in made if row["reason"]),
        quarantine,
    )
    lost = len(asked) - len(taken)
    if lost:
        log.info("%d prompts have no row in the file and leave all mixes", lost)
    counts = {"file": answers.size, "matched": len(taken), "unused": answers.size - len(taken)}
    log.info("rows of the file: %s", counts)
    own = {
        "answers_with_reasoning": sum("reasoned" in row for row in made),
        "shortened_prompts": len(shortened),
    }
    write_responses(rows, output, _metadata(name, engine, file, answers.key, counts) | own)
    return frame


def _whole(prompts: pl.DataFrame) -> tuple[pl.DataFrame, set[str]]:
    """The prompts with their whole contexts, to which a file has answers, and the ids of those that
    are shortened in this study."""
    if "whole_context" not in prompts.columns:
        return prompts, set()
    shortened = prompts.filter(pl.col("whole_context").is_not_null())["prompt_id"]
    whole = pl.coalesce("whole_context", "context")
    return prompts.with_columns(context=whole), set(shortened)


def _require_single_turns(prompts: Sequence[Prompt], name: str) -> None:
    long = [prompt.prompt_id for prompt in prompts if prompt.follow_ups]
    if long:
        raise UserError(
            what=f"source '{name}' replays single answers, but {len(long)} prompts are "
            "conversations",
            where=f"sources.{name}.engine: replay; for example {', '.join(long[:5])}",
            expected="prompts with one question each",
            remedy="use a model as the source for conversations, or a dataset without follow-up "
            "questions",
        )


def _row(prompt: Prompt, answer: str | None, quality: Quality, shortened: bool) -> dict[str, Any]:
    """A response, with the `reason` for rejecting its answer and the rejected answer in `refused`."""
    row = dict.fromkeys(RESPONSES) | {"reason": None, "refused": None}
    row |= {"prompt_id": prompt.prompt_id, "sample": 0, "turn": 0, "attempts": 1}
    if answer is None:
        return row | {"finish_reason": "error", "error": NO_ROW}
    reasoning, answer = split_reasoning(answer)
    if reasoning:
        row["reasoned"] = True
    if shows_nothing(answer):
        return row | {"finish_reason": "error", "error": NO_ANSWER}
    reason = TO_WHOLE_PROMPT if shortened else fault(answer, prompt.text(), quality)
    if reason:
        apart = {"reason": reason, "refused": answer, "error": f"not taken: {reason}"}
        return row | apart | {"finish_reason": "error"}
    return row | {"text": answer, "finish_reason": "stop"}


def _check_failures(rows: Sequence[Mapping[str, Any]], name: str, source: Source) -> None:
    failed = [
        row
        for row in rows
        if row["finish_reason"] == "error"
        and row["reason"] != TO_WHOLE_PROMPT
        and row["error"] != NO_ROW
    ]
    share = source.max_error_share + source.quality.max_failed_share
    if len(failed) > share * len(rows):
        reasons = dict(Counter(row["error"] for row in failed).most_common(3))
        samples = [row for row in failed if row["reason"]][:3]
        raise UserError(
            what=f"{len(failed)} of {len(rows)} prompts have no accepted answer in the file: "
            f"{reasons}",
            where=f"source '{name}'",
            expected=f"at most a share of {share:g} (`max_error_share` + "
            "`quality.max_failed_share`)",
            remedy=f"check the answers against `sources.{name}.quality`, or fix the file"
            + _listed(f"{row['prompt_id']}: {row['reason']}: {row['refused'][:80]!r}"
                      for row in samples),
        )  # fmt: skip


def _metadata(
    name: str, engine: ReplaySettings, file: Path, key: str, counts: Mapping[str, int]
) -> dict[str, Any]:
    """Metadata of the answers; their sampling is unknown for a file."""
    with open(file, "rb") as handle:
        fingerprint = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "who": name,
        "engine": "replay",
        "model": engine.repo or Path(engine.path).name,
        "revision": engine.revision,
        "sha256": fingerprint,
        "sampling": None,
        "matched_by": key,
        "rows": dict(counts),
        "samples": 1,
        "served": [],
        "git_commit": git_commit(),
    }
