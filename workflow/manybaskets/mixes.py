"""Mixes: training sets of the same prompts that differ in nothing but who answers.

The training file is the standard chat form (`messages`) that TRL, axolotl and LLaMA-Factory read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any, Literal, NoReturn

import polars as pl

from manybaskets import records
from manybaskets.chat import Prompt
from manybaskets.config.parts import HumanMix, Mix, MultiMix, SingleMix
from manybaskets.config.study import HUMAN
from manybaskets.data.splits import TRAIN, VALIDATION
from manybaskets.errors import UserError

FAILED, EMPTY, TRUNCATED = "failed answer", "empty answer", "truncated answer"
TOO_LONG = "too long"
ELIGIBILITY = pl.Schema(
    {"prompt_id": pl.String, "eligible": pl.Boolean, "reason": pl.String, "source": pl.String}
)
ASSIGNMENT = pl.Schema({"prompt_id": pl.String, "source": pl.String})
_KEYS = {"messages", "prompt_id", "source", "sample", "part", "split"}
_AGAIN = "delete the file named above and run its stage again"


def training_prompts(split: pl.DataFrame) -> pl.DataFrame:
    """The rows of a split table that mixes are made of: train and validation, as far as used."""
    return split.filter(pl.col("split").is_in([TRAIN, VALIDATION]) & pl.col("used"))


def eligibility(
    prompts: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    lengths: pl.DataFrame,
    max_length: int,
    truncated_answers: Literal["exclude", "keep"] = "exclude",
) -> pl.DataFrame:
    """Which prompts may be trained on. One that fails in any source, in any turn, leaves all mixes.

    Args:
        prompts: what `training_prompts` gives.
        responses: checked responses by source; sample 0 counts.
        lengths: `prompt_id, source, target, prompt_tokens, answer_tokens` of every prompt whose
            answers all have text, for every target; in tokens.
        max_length: longest prompt with answer, in tokens; of a conversation, all its turns.
        truncated_answers: whether answers that were cut at the token limit are a fault.

    Returns:
        The columns of `ELIGIBILITY`, in the order of the prompts: `reason` is empty or the first
        that holds of `failed answer`, `empty answer`, `truncated answer`, `too long`; `source` is
        the first source at fault.

    Raises:
        UserError: a turn has no row in a source's responses, or an answer has no length.
    """
    ids = prompts.select("prompt_id")
    turns = records.expected_rows(records.turns_of(prompts))
    targets = lengths["target"].n_unique()
    tokens = pl.col("prompt_tokens") + pl.col("answer_tokens")
    longest = lengths.group_by("source", "prompt_id").agg(
        tokens.max().alias("longest"), tokens.count().alias("measured")
    )
    result = ids.with_columns(reason=pl.lit(""), source=pl.lit(None, dtype=pl.String))
    for source, frame in responses.items():
        answers = turns.join(frame, on=["prompt_id", "sample", "turn"], how="left")
        _require_answers(answers.filter(pl.col("finish_reason").is_null()), source)
        empty = pl.col("text").fill_null("").str.strip_chars() == ""
        cut = pl.col("finish_reason") == "length"
        faults = answers.group_by("prompt_id").agg(
            failed=(pl.col("finish_reason") == "error").any(), empty=empty.any(), cut=cut.any()
        )
        own = longest.filter(pl.col("source") == source)
        joined = ids
        for table in (faults, own):
            joined = joined.join(table, on="prompt_id", how="left", maintain_order="left")
        fault = (
            pl.when("failed").then(pl.lit(FAILED))
            .when("empty").then(pl.lit(EMPTY))
            .when(pl.col("cut") & (truncated_answers == "exclude")).then(pl.lit(TRUNCATED))
            .when(pl.col("longest") > max_length).then(pl.lit(TOO_LONG))
            .otherwise(pl.lit(""))
        )  # fmt: skip
        joined = joined.with_columns(fault=fault)
        unmeasured = joined.filter(
            ~pl.col("fault").is_in([FAILED, EMPTY])
            & (pl.col("measured").fill_null(0) < max(targets, 1))
        )
        what = f"answers of source '{source}' have no length for some target"
        _require_none(unmeasured, what, "lengths of answers")
        first = (pl.col("reason") == "") & (pl.col("fault") != "")
        result = result.with_columns(joined["fault"]).with_columns(
            reason=pl.when(first).then("fault").otherwise("reason"),
            source=pl.when(first).then(pl.lit(source)).otherwise("source"),
        )
    return result.with_columns(eligible=pl.col("reason") == "").select(ELIGIBILITY.names())


def assign(prompts: pl.DataFrame, recipe: Mix, name: str, seed: int) -> pl.DataFrame:
    """Decide which source answers which prompt in a mix.

    A weighted mix gives every source its share within one prompt, in all and within two in every
    category of every part; which prompts it gets is drawn by hash and independent of their order.

    Args:
        prompts: eligible prompts with `prompt_id, split, part, category`. Over prompts of which
            some leave later, weights hold only approximately.
        recipe: the mix's section of the config.
        name: the mix's name.
        seed: the study's seed.

    Returns:
        The columns of `ASSIGNMENT`, in the order of the prompts.

    Raises:
        UserError: a multi mix has no source for the part of some prompt.
    """
    ids, parts = prompts["prompt_id"].to_list(), prompts["part"].to_list()
    if isinstance(recipe, HumanMix):
        sources = [HUMAN] * len(ids)
    elif isinstance(recipe, SingleMix):
        sources = [recipe.source] * len(ids)
    elif isinstance(recipe, MultiMix):
        known = range(1, len(recipe.sources) + 1)
        outside = sorted({str(part) for part in parts if part not in known})
        if outside:
            _fail(f"mix '{name}' has {len(known)} sources, none for part {', '.join(outside)}",
                  f"config, mixes.{name}.sources", "one source per part (split.parts)",
                  "list as many sources as the split has parts")  # fmt: skip
        sources = [recipe.sources[part - 1] for part in parts]
    else:
        categories = prompts["category"].fill_null("").to_list()
        hashes = [records.digest(seed, "mix", name, prompt_id) for prompt_id in ids]
        keys = list(zip(prompts["split"], categories, parts, hashes, strict=True))
        order = sorted(range(len(ids)), key=keys.__getitem__)
        dealt = dict(zip(order, _deal(recipe.weights, len(ids)), strict=True))
        sources = [dealt[index] for index in range(len(ids))]
    return pl.DataFrame({"prompt_id": ids, "source": sources}, schema=ASSIGNMENT)


def _deal(weights: Mapping[str, float], count: int) -> list[str]:
    """A sequence of sources in which every beginning holds each source's share within one.

    The j-th turn of a source may come between j / share and (j + 1) / share; of those whose time
    has come, the one whose time ends first gets the turn (Baruah et al. 1996: this never misses).
    """
    exact = {source: Fraction(str(weight)) for source, weight in weights.items()}
    total = sum(exact.values())
    shares = {source: exact[source] / total for source in sorted(exact)}
    begins = dict.fromkeys(shares, 0)
    ends = {source: ceil(1 / share) for source, share in shares.items()}
    given = dict.fromkeys(shares, 0)
    dealt = []
    for turn in range(count):
        source = min((name for name in shares if begins[name] <= turn), key=ends.__getitem__)
        given[source] += 1
        begins[source] = floor(given[source] / shares[source])
        ends[source] = ceil((given[source] + 1) / shares[source])
        dealt.append(source)
    return dealt


def build(
    prompts: pl.DataFrame,
    eligibility: pl.DataFrame,
    assignment: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    system_prompt: str,
) -> list[dict[str, Any]]:
    """Make the rows of a mix: one conversation per eligible prompt, with its provenance.

    All answers of a conversation are of one source, for it gave each on its own earlier ones.

    Args:
        prompts: what `training_prompts` gives; a column `context_characters` (null: all) says how
            much of a context is kept.
        eligibility: result of `eligibility`.
        assignment: result of `assign`, of at least the eligible prompts.
        responses: responses by source, at least of the sources of the mix; sample 0 is taken.
        system_prompt: text of the system turn; empty for none.

    Returns:
        Rows `messages, prompt_id, source, sample, part, split`, sorted by `prompt_id`.

    Raises:
        UserError: a prompt is none of train or validation, has no source, or its source left a
            turn of it unanswered; or no train or no validation prompt is left.
    """
    if training_prompts(prompts).height != prompts.height:
        _fail("prompts outside train and validation were given to a mix", "prompts of the mix",
              "train and validation prompts in use, no test prompt")  # fmt: skip
    chosen = prompts.join(eligibility.filter("eligible"), on="prompt_id", how="semi")
    chosen = chosen.join(assignment, on="prompt_id", how="left")
    for side in sorted(set(prompts["split"]) - set(chosen["split"])):
        reasons = eligibility.filter(~pl.col("eligible"))["reason"].value_counts(sort=True).rows()
        _fail(f"no {side} prompt of {prompts.height} prompts is left: {dict(reasons)}",
              "eligibility of prompts",
              "prompts that every source answered within training.max_length tokens",
              "raise training.max_length, or look at the answers of the sources")  # fmt: skip
    _require_none(chosen.filter(pl.col("source").is_null()), "prompts have no source", "the mix")
    used = chosen["source"].unique().sort().to_list()
    nothing = pl.DataFrame(schema=records.RESPONSES)
    answers = [
        responses.get(source, nothing)
        .filter(pl.col("sample") == 0)
        .select("prompt_id", pl.lit(source).alias("source"), "sample", "turn", "text")
        for source in used
    ]
    turns = records.expected_rows(records.turns_of(chosen)).join(
        chosen.select("prompt_id", "source"), on="prompt_id"
    )
    keys = ["prompt_id", "source", "sample", "turn"]
    joined = turns.join(pl.concat(answers), on=keys, how="left")
    for source in used:
        lacking = joined.filter((pl.col("source") == source) & pl.col("text").is_null())
        _require_answers(lacking, source)
    spoken = joined.sort("turn").group_by("prompt_id", "sample", maintain_order=True).agg("text")
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [
        {
            "messages": [*system, *_turns(row)],
            **{key: row[key] for key in ("prompt_id", "source", "sample", "part", "split")},
        }
        for row in chosen.join(spoken, on="prompt_id").sort("prompt_id").iter_rows(named=True)
    ]


def _turns(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """User and assistant by turns, from a prompt's columns and its answers in `text`."""
    prompt = Prompt(row["prompt_id"], row["instruction"], row["context"], tuple(row["follow_ups"]))
    return prompt.conversation(row["text"], row.get("context_characters"))


def describe(rows: Sequence[Mapping[str, Any]], lengths: pl.DataFrame, target: str) -> pl.DataFrame:
    """Count a mix: one line per split and source.

    Returns:
        `split, source, rows, share, prompt_tokens, answer_tokens, effective_sources`: the tokens
        are sums in the target's tokens; `share` is of the split's rows; `effective_sources` is
        1 / sum of squared shares, the same for every line of a split.

    Raises:
        UserError: a row has no length for this target.
    """
    table = pl.DataFrame(
        [(row["split"], row["source"], row["prompt_id"]) for row in rows],
        schema={"split": pl.String, "source": pl.String, "prompt_id": pl.String},
        orient="row",
    )
    known = lengths.filter(pl.col("target") == target).drop("target")
    joined = table.join(known, on=["prompt_id", "source"], how="left")
    tokens = ["prompt_tokens", "answer_tokens"]
    lacking = joined.filter(pl.any_horizontal(pl.col(tokens).is_null()))
    _require_none(lacking, "rows of the mix have no length", f"lengths for target '{target}'")
    counts = joined.group_by("split", "source").agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col(tokens).cast(pl.Int64).sum()
    )
    share = pl.col("rows") / pl.col("rows").sum().over("split")
    return (
        counts.with_columns(share=share)
        .with_columns(effective_sources=1 / (pl.col("share") ** 2).sum().over("split"))
        .select("split", "source", "rows", "share", *tokens, "effective_sources")
        .sort("split", "source")
    )


def ids_by_split(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Prompt ids of a mix by split: what `check_same_prompts` compares."""
    ids: dict[str, list[str]] = {TRAIN: [], VALIDATION: []}
    for row in rows:
        ids.setdefault(row["split"], []).append(row["prompt_id"])
    return ids


def check_same_prompts(
    mixes: Mapping[str, Mapping[str, Sequence[str]]], test: Collection[str]
) -> None:
    """Check that mixes are comparable: the same prompts, one answer each, none of the test set.

    Args:
        mixes: prompt ids by split, by name of the mix; see `ids_by_split`.
        test: ids of all test prompts.

    Raises:
        UserError: names the mix and the first prompts at fault.
    """
    held_out, reference = set(test), ""
    expected = "all mixes hold the same train and validation prompts, once each, and no test prompt"
    for name, splits in mixes.items():
        where = f"mix '{name}'"
        ids = [prompt_id for members in splits.values() for prompt_id in members]
        if extra := sorted(set(splits) - {TRAIN, VALIDATION}):
            _fail(f"the mix holds rows of split {extra}", where, expected)
        if leaked := sorted(held_out.intersection(ids)):
            _fail(
                f"{len(leaked)} test prompts are in the mix (first: {leaked[:5]})", where, expected
            )
        if doubled := len(ids) - len(set(ids)):
            _fail(f"{doubled} prompts are in the mix more than once", where, expected)
        reference = reference or name
        for split in (TRAIN, VALIDATION):
            theirs, own = set(mixes[reference].get(split, ())), set(splits.get(split, ()))
            if theirs != own:
                _fail(f"{len(theirs ^ own)} {split} prompts are in only one of '{reference}' and "
                      f"'{name}' (first: {sorted(theirs ^ own)[:5]})", where, expected)  # fmt: skip


def write_mix(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write a mix as JSON lines, whole or not at all."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    records.write_text("".join(lines), path)


def read_mix(path: Path) -> list[dict[str, Any]]:
    """Read what `write_mix` wrote.

    Raises:
        UserError: the file is missing, or a line is no row of a mix.
    """
    try:
        lines = Path(path).read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError as error:
        _fail(f"the mix cannot be read: {error.strerror}", str(path), "a JSON lines file")
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            _fail(f"the line is not JSON: {error}", f"{path}, line {number}", "a row of a mix")
        if not isinstance(row, dict) or not row.keys() >= _KEYS:
            _fail("the line is no row of a mix", f"{path}, line {number}",
                  f"an object with the keys {sorted(_KEYS)}")  # fmt: skip
        rows.append(row)
    return rows


def _require_answers(missing: pl.DataFrame, source: str) -> None:
    what = f"prompts have no answer of source '{source}'"
    _require_none(missing.unique("prompt_id"), what, f"responses of source '{source}'")


def _require_none(missing: pl.DataFrame, what: str, where: str) -> None:
    if missing.height:
        first = missing["prompt_id"].sort()[:5].to_list()
        _fail(f"{missing.height} {what} (first: {first})", where, "one for every prompt")


def _fail(what: str, where: str, expected: str, remedy: str = _AGAIN) -> NoReturn:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy) from None
