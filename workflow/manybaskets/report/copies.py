"""Warnings of the report about answers that are given to many prompts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from manybaskets.report.counts import COMMONEST, DISTINCT, NEAR, PROMPTS

_LISTED = 6  # runs; more are summed up
_READ_THEM = "Read their answers in the browser before any measure of them."
_NEAR = "Texts that differ in names, numbers or a few words only count once."


def copy_warnings(counts: pl.DataFrame, refused: Collection[str] = ()) -> list[str]:
    """Sentences on the sources and runs whose answers `count_stages` found to be copies.

    Args:
        counts: the table of `count_stages`.
        refused: prompt sets of requests that models refuse: one refusal answers many of them.
    """
    wide: dict[tuple[str, str], dict[str, int]] = {}
    for stage, item, what, count in counts.iter_rows():
        plain = what.removesuffix(NEAR)
        if plain in (PROMPTS, DISTINCT, COMMONEST):
            wide.setdefault((stage, item), {NEAR: int(plain != what)})[plain] = count
    sentences = [
        f"Copies: source {item} has {_told(found)}. {f'{_NEAR} ' * found[NEAR]}Read its "
        "answers in the browser, then leave it out or change its `sampling`."
        for (stage, item), found in wide.items()
        if stage == "source"
    ]
    runs: dict[str, list[tuple[str, Mapping[str, int]]]] = {}
    for (stage, item), found in wide.items():
        if stage == "responses":
            run, _, prompt_set = item.rpartition("/")
            if prompt_set not in refused:
                runs.setdefault(prompt_set, []).append((run, found))
    return sentences + [_of_runs(prompt_set, listed) for prompt_set, listed in runs.items()]


def _of_runs(prompt_set: str, runs: Sequence[tuple[str, Mapping[str, int]]]) -> str:
    """One sentence for the runs of a prompt set, the fewest distinct answers first."""
    ranked = sorted(runs, key=lambda run: run[1][DISTINCT] / run[1][PROMPTS])
    told = "; ".join(f"{run} has {_told(found)}" for run, found in ranked[:_LISTED])
    more = len(ranked) - _LISTED
    rest = (
        f"; {more} more run{'s' if more > 1 else ''}, see the table of counts" if more > 0 else ""
    )
    near = f" {_NEAR}" * any(found[NEAR] for _, found in ranked[:_LISTED])
    return f"Copies on `{prompt_set}`: {told}{rest}. {_READ_THEM}{near}"


def _told(found: Mapping[str, int]) -> str:
    distinct = found[DISTINCT]
    return (
        f"{distinct} distinct answer{'' if distinct == 1 else 's'} to {found[PROMPTS]} distinct "
        f"prompts, the commonest to {found[COMMONEST]}"
    )
