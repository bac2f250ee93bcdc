"""`manybaskets run`: what a study takes, then Snakemake with one line of progress, then what was found."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.command.arguments import TypedWords
from manybaskets.command.snakemake_call import (
    become,
    output_of,
    printed,
    run_snakemake,
    snakemake_command,
)
from manybaskets.config.loading import merged_settings, parse_study, read_yaml, settings_of_run
from manybaskets.layout import Files
from manybaskets.plan.table import time_of
from manybaskets.records.resources import checkout
from manybaskets.report.assemble import main_findings

# Options with which Snakemake runs no jobs, or prints something else.
_OTHER_WORK = {"-n", "--dry-run", "--dryrun", "--touch", "-t", "--unlock", "--lint", "--summary",
               "--dag", "--rulegraph", "--filegraph", "--list", "-l", "--list-rules", "--logger",
               "--cleanup-metadata", "--quiet", "-q", "--version", "-v", "--help", "-h",
               "--report", "--archive", "--delete-all-output"}  # fmt: skip
DEFAULT_CONFIG = Path("config/config.yaml")
_PLANNED = "plan/plan.json"
_FINDINGS = 3  # the report has all of them


def run_study(words: TypedWords, *, verbose: bool) -> int:
    """Run a study, or some targets of it.

    Args:
        verbose: print the Snakemake commands.

    Returns:
        The exit code of Snakemake.

    Raises:
        UserError: as `snakemake_command`.
    """
    plain = snakemake_command(words.command())
    if {option.partition("=")[0] for option in words.options} & _OTHER_WORK:
        _show(plain, verbose)
        become(plain)
    folder = folder_of(words.options)
    options: list[str] = ["--logger", "manybaskets"]
    plan = None
    if not words.targets:
        asked = snakemake_command(words.command("plan"))
        _show(asked, verbose)
        code, text = output_of(asked)
        if code:
            return code
        plan = folder / next(line for line in text.splitlines() if line.endswith(_PLANNED))
        made = json.loads(plan.read_text(encoding="utf-8"))
        print(what_it_takes(made), flush=True)
        if made["job_seconds"]:
            options += ["--logger-manybaskets-plan", str(plan.resolve())]
    command = snakemake_command(
        TypedWords(words.targets, (*words.options, *options), words.configs).command()
    )
    _show(command, verbose)
    code = run_snakemake(command)
    if plan and not code:
        results = plan.parents[1]
        print(ending(results, words.configs), flush=True)
    return code


def what_it_takes(plan: Mapping[str, Any]) -> str:
    """Jobs, time and disk space of a plan in a few lines, with its warnings.

    Args:
        plan: the content of `plan.json`.
    """
    jobs = sum(stage["to_run"] for stage in plan["stages"])
    if not jobs:
        return f"Study {plan['study']}: all results are up to date."
    gpu_hours = sum(stage["gpu_hours"] for stage in plan["stages"])
    needed = sum(plan["gigabytes"].values())
    width = plan["width"]
    at_a_time = (
        f"{width['cores']} core{'' if width['cores'] == 1 else 's'}"
        if width["cores"]
        else f"{width['jobs']} jobs at a time"
    )
    lines = [
        f"Study {plan['study']}: {jobs} jobs, about {time_of(plan['wall'])} with {at_a_time}"
        + (f", {gpu_hours:,.1f} GPU-hours" if gpu_hours else "")
        + f"; {max(needed, 0.01):,.2f} GB of disk space ({plan['free_gigabytes']:,.0f} GB free)."
    ]
    lines += [f"! {note}" for note in plan["notes"]]
    return "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)


def ending(results: Path, configs: Sequence[str]) -> str:
    """Where the report of a finished study is, and its three main findings.

    Args:
        results: folder of the study.
        configs: its config files; none for the embedded study.
    """
    settings: dict[str, Any] = {}
    for file in configs:
        settings = merged_settings(settings, read_yaml(Path(file)))
    top = checkout()
    here = DEFAULT_CONFIG.exists() or top is None
    default = DEFAULT_CONFIG if here else top / DEFAULT_CONFIG
    given, where = settings_of_run(settings, [Path(file) for file in configs], default)
    files = Files(parse_study(given, where))
    tables = {
        name: results / files.statistics.table(name).relative_to(files.results)
        for name in ("summary", "comparisons", "blends")
    }
    frames = {name: pl.read_parquet(file) for name, file in tables.items() if file.exists()}
    compared = {"summary", "comparisons"} <= frames.keys()
    found = main_findings(files.study, frames)[:_FINDINGS] if compared else []
    lines = [f"Report: {results / files.report.relative_to(files.results)}"]
    if found:
        lines.append("Main findings:")
    wrapped = [
        textwrap.fill(line, 100, initial_indent="- ", subsequent_indent="  ") for line in found
    ]
    return "\n".join([*lines, *wrapped])


def folder_of(options: Sequence[str]) -> Path:
    """The folder in which Snakemake runs: `--directory`, otherwise this one."""
    for number, option in enumerate(options):
        name, equals, given = option.partition("=")
        if name in ("--directory", "-d"):
            return Path(given if equals else options[number + 1])
    return Path()


def _show(command: Sequence[str], verbose: bool) -> None:
    if verbose:
        print(printed(command), flush=True)
