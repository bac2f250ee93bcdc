"""Process a target's runs one after the other on one load, and verify their adapters."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from manybaskets.engines.base import LocalEngine
from manybaskets.errors import UserError
from manybaskets.names import VANILLA, Run
from manybaskets.records.writing import read_metadata

log = logging.getLogger(__name__)


def adapters_of(runs: Sequence[Run], folders: Sequence[Path]) -> list[Path | None]:
    """One adapter per run in run order, from the folders of all runs except the untuned one."""
    tuned = [run for run in runs if run[0] != VANILLA]
    by_run = dict(zip(tuned, folders, strict=True))
    return [by_run.get(run) for run in runs]


def in_turn(
    engine: LocalEngine, target: str, runs: Sequence[Run], adapters: Sequence[Path | None]
) -> Iterator[Run]:
    """Yield every run with its adapter active and earlier ones dropped; log the seconds.

    Raises:
        UserError: a folder contains the adapter of another run.
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
            "run %d of %d, mix %s, seed %d: %.1f s, including %.2f s to load its adapter",
            place, len(runs), mix, seed, time.monotonic() - started, switched,
        )  # fmt: skip


def check_made_for(adapter: Path, target: str, mix: str, seed: int) -> None:
    """Check that training made an adapter for this run.

    Raises:
        UserError: its manifest names another run. The manifest of an externally trained adapter may
            name no run.
    """
    made = json.loads((adapter / "manifest.json").read_text(encoding="utf-8")).get("run")
    wanted = name_of(target, mix, seed)
    if made and made != wanted:
        raise UserError(
            what=f"the adapter belongs to another run: {made}",
            where=str(adapter),
            expected=wanted,
            remedy="delete this folder and rerun the same command to train the run again (folders "
            "were swapped or copied)",
        )


def checked_adapters(target: str, runs: Sequence[Run], adapters: Sequence[Path]) -> list[Path]:
    """Check that each adapter was trained for its run, and return them.

    Raises:
        UserError: an adapter belongs to another run.
    """
    for (mix, seed), adapter in zip(runs, adapters, strict=True):
        check_made_for(adapter, target, mix, seed)
    return list(adapters)


def name_of(target: str, mix: str, seed: int) -> str:
    """Name of a run in an adapter's manifest."""
    return f"{target} {mix} seed {seed}"


def who_answered(target: str, mix: str, seed: int, prompt_set: str) -> str:
    """Name of a run in its responses; part of every row's seed."""
    return f"{target}/{mix}/{seed}/{prompt_set}"


def check_run_responses(responses: Path, who: str, adapter: str | None) -> None:
    """Check that a run made these responses with its current adapter.

    Args:
        who: return value of `who_answered`.
        adapter: fingerprint of its weights; None for the untuned target.

    Raises:
        UserError: they were made by another run or another adapter.
    """
    made = read_metadata(responses)
    found = made.get("who"), made.get("adapter")
    if found != (who, adapter):
        raise UserError(
            what=f"the responses were made by run {found[0]} with adapter {found[1]}",
            where=str(responses),
            expected=f"run {who} with adapter {adapter}",
            remedy="delete the responses and rerun the same command (files were swapped, or the "
            "adapter was trained again)",
        )


def check_apart(responses: Sequence[Path]) -> None:
    """Check that a target's runs answered with distinct adapters.

    Args:
        responses: one file per run.

    Raises:
        UserError: two runs have the same adapter, or both have no adapter.
    """
    seen: dict[str | None, Path] = {}
    for file in responses:
        adapter = read_metadata(file).get("adapter")
        other = seen.setdefault(adapter, file)
        if other != file:
            raise UserError(
                what=f"two runs answered with the same adapter (weights {adapter})",
                where=f"{other} and {file}",
                expected="a different adapter for every run",
                remedy="if an adapter was copied, delete it and train its run again; if two mixes "
                "contain the same rows, remove one of them",
            )
