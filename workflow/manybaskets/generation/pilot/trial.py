"""Pilot of a source: a few dozen prompts before its first shard, checked automatically.

Generation is the expensive step. A source that renders prompts wrongly, truncates answers or
refuses tasks is stopped here with a verdict that lists the findings, unless the config gives a
reason to continue.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.config.sources import Source
from manybaskets.engines.base import Engine, LocalEngine
from manybaskets.errors import UserError
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.generation.pilot.pilot_checks import (
    Check,
    Row,
    Seen,
    Trial,
    answer_checks,
    estimate,
    question_of,
    temperature_check,
    token_summary,
)
from manybaskets.generation.pilot.template_checks import read_template, rendering_checks, see
from manybaskets.models.context_window import context_window
from manybaskets.records.ids import digest, row_seed
from manybaskets.records.responses import turns_of
from manybaskets.records.writing import write_json

log = logging.getLogger(__name__)
PROMPTS_PER_LONGEST = 16
SMALLEST_SHARE_OF_CAP = 0.05
_SAMPLES, _SAMPLE_CHARACTERS = 5, 200
_TOLD, _TOLD_CHARACTERS = 3, 120


def choose(prompts: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """Choose the prompts of a pilot, or all if there are fewer.

    One in sixteen is chosen for its length in characters, to check that the longest prompts fit
    into window and memory; the rest is drawn by a hash of seed and id. The column `drawn`
    distinguishes them.
    """
    ordered = prompts.sort("prompt_id")
    if count >= ordered.height:
        return ordered.with_columns(drawn=pl.lit(True))
    longest = count // PROMPTS_PER_LONGEST
    hashes = [digest(seed, prompt_id) for prompt_id in ordered["prompt_id"]]
    length = pl.sum_horizontal(
        pl.col("instruction", "context").str.len_chars(),
        pl.col("follow_ups").list.eval(pl.element().str.len_chars()).list.sum(),
    )
    ranked = ordered.with_columns(_hash=pl.Series(hashes), _length=length).sort("_hash")
    drawn, rest = ranked.head(count - longest), ranked.slice(count - longest)
    long = rest.sort(["_length", "prompt_id"], descending=[True, False]).head(longest)
    both = pl.concat(
        [drawn.with_columns(drawn=pl.lit(True)), long.with_columns(drawn=pl.lit(False))]
    )
    return both.drop("_hash", "_length").sort("prompt_id")


def share_of_cap(count: int, prompts: int) -> float:
    """Share of a source's spending cap for its pilot of `count` among `prompts`."""
    return min(0.5, max(SMALLEST_SHARE_OF_CAP, count / prompts)) if count else 0.0


def shard_share_of_cap(source: Source, prompts: int) -> float:
    """Share of the spending cap for each shard of a source: what the pilot leaves, divided evenly."""
    return (1 - share_of_cap(source.pilot.prompts, prompts)) / source.shards


def run_checks(trial: Trial, rows: Sequence[Row] | None) -> list[Check]:
    """All checks of a pilot.

    Args:
        rows: responses to its prompts; null before the model is asked.
    """
    checks = [temperature_check(trial.source), *rendering_checks(trial)]
    return checks if rows is None else [*checks, *answer_checks(trial, rows)]


def run_trial(
    source: Source,
    engine: Engine,
    prompts: pl.DataFrame,
    settings: AnswerSettings,
    *,
    system_prompt: str,
    model: Path | None,
    output: Path,
) -> None:
    """Run a source on some of its prompts and write the verdict.

    Checks that need no answer run before the model is asked. The verdict of a failed pilot is
    written to the work folder.

    Args:
        prompts: all prompts of the full run, with the columns of `records.PROMPTS`.
        settings: how the source answers in the full run; in the pilot every answer is accepted and
            checked.
        system_prompt: of the config.
        model: folder of the model; null for a server.

    Raises:
        UserError: a check failed and the config gives no reason to continue.
    """
    settings = dataclasses.replace(
        settings,
        who=f"{settings.who}/pilot",
        quality=None,
        quarantine=None,
        max_error_share=1.0,
        usage=settings.work / "usage.json",
    )
    chosen = choose(prompts, source.pilot.prompts, settings.study_seed)
    renderer = engine.renderer if isinstance(engine, LocalEngine) else None
    template = read_template(renderer) if renderer else None
    trial = Trial(
        source=source,
        prompts={prompt.prompt_id: prompt for prompt in prompts_of(chosen)},
        drawn=frozenset(chosen.filter("drawn")["prompt_id"]),
        system_prompt=system_prompt,
        max_prompt_tokens=settings.max_prompt_tokens,
        answers=sum(turns_of(prompts).values()),
        window=context_window(model, source.engine.longest_sequence()) if model else None,
        template=template,
        special_prompts=holding(prompts, template.control_tokens) if template else (),
    )
    trial = dataclasses.replace(trial, seen=_seen(trial, engine, settings, []))
    checks = run_checks(trial, None)
    if source.pilot.override_reason is None and _failed(checks):
        _settle(_verdict(trial, checks, None, engine, settings), settings.work, output)
    frame = answer_prompts(chosen, engine, settings, settings.work / "responses.parquet")
    rows = frame.sort("prompt_id", "turn").to_dicts()
    trial = dataclasses.replace(trial, seen=_seen(trial, engine, settings, rows))
    _settle(_verdict(trial, run_checks(trial, rows), rows, engine, settings), settings.work, output)


def _seen(
    trial: Trial, engine: Engine, settings: AnswerSettings, rows: Iterable[Row]
) -> tuple[Seen, ...]:
    """All rendered questions, after the answers given."""
    if not isinstance(engine, LocalEngine):
        return ()
    said: dict[str, list[str]] = {prompt_id: [] for prompt_id in trial.prompts}
    for row in rows:
        if row["text"] is not None and len(said[row["prompt_id"]]) == row["turn"]:
            said[row["prompt_id"]].append(row["text"])
    return tuple(
        see(
            engine.renderer,
            prompt,
            turn,
            engine.render(prompt, said[prompt_id][:turn], settings.max_prompt_tokens),
        )
        for prompt_id, prompt in trial.prompts.items()
        for turn in range(min(prompt.turns, len(said[prompt_id]) + 1))
    )


def holding(prompts: pl.DataFrame, tokens: Iterable[str]) -> tuple[str, ...]:
    """Ids of prompts whose text contains one of these tokens."""
    patterns = sorted(tokens)
    if not patterns:
        return ()
    found = pl.any_horizontal(
        pl.col("instruction", "context").str.contains_any(patterns),
        pl.col("follow_ups").list.eval(pl.element().str.contains_any(patterns)).list.any(),
    )
    return tuple(prompts.filter(found)["prompt_id"].sort())


def _failed(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.level == "fail"]


def _verdict(
    trial: Trial,
    checks: Sequence[Check],
    rows: Sequence[Row] | None,
    engine: Engine,
    settings: AnswerSettings,
) -> dict[str, Any]:
    """The verdict file; all of it is reproducible except `wall_clock`."""
    reason = trial.source.pilot.override_reason
    failed = _failed(checks)
    outcome = "passed" if not failed else "overridden" if reason else "failed"
    made_by = {**engine.identity, "who": settings.who, "study_seed": settings.study_seed}
    return {
        "source": settings.who.removesuffix("/pilot"),
        "verdict": outcome,
        "reason": reason if outcome == "overridden" else None,
        "failed": [check.name for check in failed],
        "prompts": len(trial.prompts),
        "drawn": len(trial.drawn),
        "checks": [_plain(check) for check in checks],
        "tokens": token_summary(trial, rows) if rows else None,
        "estimate": estimate(trial, rows) if rows else None,
        "samples": [_sample(trial, row, checks, settings) for row in _telling(checks, rows or [])],
        "made_by": made_by | {"sampling": settings.sampling.model_dump()},
        "wall_clock": _wall_clock(trial, settings) if rows else None,
    }


def _plain(check: Check) -> dict[str, Any]:
    named = ("name", "value", "limit", "level", "message")
    return {key: getattr(check, key) for key in named} | {"prompts": check.prompts[:_SAMPLES]}


def _telling(checks: Sequence[Check], rows: Sequence[Row]) -> list[Row]:
    """Sample rows for each check that did not pass, failures first, up to a limit."""
    by_place = {(row["prompt_id"], row["turn"]): row for row in rows}
    amiss = [check for level in ("fail", "warn") for check in checks if check.level == level]
    tiers = itertools.zip_longest(*(check.rows for check in amiss))
    places = dict.fromkeys([*itertools.chain.from_iterable(tiers), *by_place])
    return [by_place[place] for place in places if place in by_place][:_SAMPLES]


def _sample(
    trial: Trial, row: Row, checks: Sequence[Check], settings: AnswerSettings
) -> dict[str, Any]:
    place = (row["prompt_id"], row["turn"])
    seed_key = [settings.study_seed, row["prompt_id"], settings.who, row["sample"]]
    seed_key += [row["turn"], row["attempts"]] if row["turn"] else []
    return {
        "prompt_id": row["prompt_id"],
        "turn": row["turn"],
        "attempt": row["attempts"],
        "seed": row_seed(*seed_key) if row["attempts"] else None,
        "finish_reason": row["finish_reason"],
        "question": question_of(trial, row)[:_SAMPLE_CHARACTERS],
        "answer": row["text"] and row["text"][:_SAMPLE_CHARACTERS],
        "shows": [check.name for check in checks if check.level != "ok" and place in check.rows],
    }


def _wall_clock(trial: Trial, settings: AnswerSettings) -> dict[str, float | int | None]:
    """Seconds of generation without loading, and the estimate for the full run at the same speed."""
    usage = json.loads(settings.usage.read_text(encoding="utf-8"))
    pace = usage["seconds"] / usage["rows"] if usage["rows"] else None
    return {
        "rows": usage["rows"],
        "seconds": round(usage["seconds"], 3),
        "estimated_seconds": round(pace * trial.answers, 1) if pace else None,
    }


def _settle(verdict: Mapping[str, Any], work: Path, output: Path) -> None:
    """Write the verdict; raise if it is `failed`."""
    for check in verdict["checks"]:
        log.info("%-4s %s: %s", check["level"], check["name"], check["message"])
    # Snakemake deletes the outputs of a failed job; the work folder stays.
    kept = work / "verdict.json"
    write_json(verdict, kept)
    if verdict["verdict"] != "failed":
        write_json(verdict, output)
        return
    name = verdict["source"]
    failed = [check for check in verdict["checks"] if check["level"] == "fail"]
    lines = [f"    {_stated(check)}" for check in failed]
    if told := [sample for sample in verdict["samples"] if sample["shows"]][:_TOLD]:
        lines += ["  sample rows:", *(f"    {_told(sample)}" for sample in told)]
    raise UserError(
        what=f"the pilot of source '{name}' failed {len(failed)} of {len(verdict['checks'])} "
        "checks:\n" + "\n".join(lines),
        where=f"sources.{name}; full verdict: {kept}",
        expected="no failed check; the limits are set in `pilot` and `quality` of the source",
        remedy=f"fix the cause and rerun the same command, or set `sources.{name}.pilot.override_reason` "
        "to a reason for continuing anyway; the report will show it",
    )


def _stated(check: Mapping[str, Any]) -> str:
    """A check in words, with its value if that is a number."""
    value, limit = check["value"], check["limit"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    pieces = [check["name"], readable(check["message"], 300)]
    if number:
        pieces.insert(1, _brief(value) + ("" if limit is None else f" (limit {_brief(limit)})"))
    return ": ".join(pieces)


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _told(sample: Mapping[str, Any]) -> str:
    question, answer = (
        readable(sample[key] or "", _TOLD_CHARACTERS) for key in ("question", "answer")
    )
    return f"{sample['prompt_id']}: {question} => {answer or '(nothing)'}"


def readable(text: str, length: int) -> str:
    """A text on one line, cut to a maximum number of characters, control characters escaped."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
