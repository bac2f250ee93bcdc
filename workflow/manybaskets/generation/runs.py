"""Runs of a target one after the other on one load, and proof that none is taken for another."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from manybaskets.engines.base import LocalEngine
from manybaskets.errors import UserError
from manybaskets.names import VANILLA
from manybaskets.records.files import read_metadata

log = logging.getLogger(__name__)
Run = tuple[str, int]  # mix and training seed; the untuned target is (`vanilla`, 0)


def adapters_of(runs: Sequence[Run], folders: Sequence[Path]) -> list[Path | None]:
    """One adapter per run, from the folders of all but the untuned one, in the order of the runs."""
    tuned = [run for run in runs if run[0] != VANILLA]
    by_run = dict(zip(tuned, folders, strict=True))
    return [by_run.get(run) for run in runs]


def in_turn(
    engine: LocalEngine, target: str, runs: Sequence[Run], adapters: Sequence[Path | None]
) -> Iterator[Run]:
    """Every run, with its adapter in use and those before it dropped; the log tells the seconds.

    Raises:
        UserError: a folder holds the adapter of another run.
    """
    for place, ((mix, seed), adapter) in enumerate(zip(runs, adapters, strict=True), start=1):
        started = time.monotonic()
        if adapter is not None:
            check_made_for(adapter, target, mix, seed)
        engine.use_adapter(adapter)
        engine.release_adapters()
        switched = time.monotonic() - started
        yield mix, seed
        log.info(
            "run %d of %d, mix %s, seed %d: %.1f s, of them %.2f s to take its adapter",
            place, len(runs), mix, seed, time.monotonic() - started, switched,
        )  # fmt: skip


def check_made_for(adapter: Path, target: str, mix: str, seed: int) -> None:
    """Check that training made an adapter for this run.

    Raises:
        UserError: its manifest names another run. One that was trained elsewhere may name none.
    """
    made = json.loads((adapter / "manifest.json").read_text(encoding="utf-8")).get("run")
    wanted = name_of(target, mix, seed)
    if made and made != wanted:
        raise UserError(
            what=f"the adapter is that of another run: {made}",
            where=str(adapter),
            expected=wanted,
            remedy="folders were swapped or copied: delete this one and train its run again",
        )


def checked_adapters(target: str, runs: Sequence[Run], adapters: Sequence[Path]) -> list[Path]:
    """These adapters, each of which training made for its run.

    Raises:
        UserError: one of them is another run's.
    """
    for (mix, seed), adapter in zip(runs, adapters, strict=True):
        check_made_for(adapter, target, mix, seed)
    return list(adapters)


def name_of(target: str, mix: str, seed: int) -> str:
    """What an adapter's manifest calls the run that it was trained for."""
    return f"{target} {mix} seed {seed}"


def who_answered(target: str, mix: str, seed: int, prompt_set: str) -> str:
    """What responses call the run that made them; part of every row's seed."""
    return f"{target}/{mix}/{seed}/{prompt_set}"


def check_answers(responses: Path, who: str, adapter: str | None) -> None:
    """Check that a run made these responses, with the adapter that it has now.

    Args:
        who: what `who_answered` gives.
        adapter: fingerprint of its weights; None for the untuned target.

    Raises:
        UserError: another run made them, or another adapter.
    """
    made = read_metadata(responses)
    found = made.get("who"), made.get("adapter")
    if found != (who, adapter):
        raise UserError(
            what=f"the responses are of run {found[0]} with adapter {found[1]}",
            where=str(responses),
            expected=f"run {who} with adapter {adapter}",
            remedy="files were swapped, or the adapter is a new one: delete the responses and run again",
        )


def check_apart(responses: Sequence[Path]) -> None:
    """Check that the runs of a target answered with an adapter of its own each.

    Args:
        responses: one file per run.

    Raises:
        UserError: two runs have the same adapter, or both have none.
    """
    seen: dict[str | None, Path] = {}
    for file in responses:
        adapter = read_metadata(file).get("adapter")
        other = seen.setdefault(adapter, file)
        if other != file:
            raise UserError(
                what=f"two runs answered with the same adapter (weights {adapter})",
                where=f"{other} and {file}",
                expected="an adapter of its own for every run: no two train to the same weights",
                remedy="if one was copied, delete it and train its run again; if two mixes hold the "
                "same rows, take one of them out",
            )
