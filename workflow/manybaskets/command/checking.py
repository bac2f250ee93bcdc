"""`manybaskets check`: everything that can be known about a study before any of its jobs runs."""

from __future__ import annotations

import os
import socket
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments import job_profiles
from manybaskets.plan.making import Plan
from manybaskets.plan.preflight import UpcomingJob, check_environment, engine_of_job

HUB = "https://huggingface.co"
_SECONDS_TO_CONNECT = 5.0
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
Connect = Callable[[str], str | None]  # address -> what is wrong


@dataclass(frozen=True)
class Checked:
    """A thing that was checked.

    Args:
        what: its name.
        found: what is there.
        problems: what to fix before a run; empty if all is well.
        advice: what to know before a run.
    """

    what: str
    found: str
    problems: Sequence[str] = ()
    advice: Sequence[str] = ()


def check_study(
    study: Study,
    jobs: Sequence[UpcomingJob],
    plan: Plan,
    variables: Mapping[str, str],
    *,
    deployed: bool,
    connect: Connect | None = None,
) -> list[Checked]:
    """Check what a run needs beyond a valid config, valid files and valid models.

    Args:
        jobs: the jobs that are going to run.
        plan: of the study.
        variables: the environment variables.
        deployed: whether Snakemake brings the software (`--sdm conda`).
        connect: tries to reach an address.
    """
    connect = connect or _unreachable
    needed = sum(plan.gigabytes.values())
    disk = f"{needed:,.2f} GB needed, {plan.free_gigabytes:,.0f} GB free"
    full = [f"free {needed - plan.free_gigabytes:,.1f} GB in results/, or move the study"]
    addresses = _addresses(study, jobs, variables)
    unreachable = [
        f"{who}: {trouble}; fix the address, or start the server, or connect this machine"
        for who, address in addresses.items()
        if (trouble := connect(address))
    ]
    notes = [note for note in plan.notes if "GB are needed" not in note]
    return [
        Checked("config", f"study {study.study}, {len(study.mixes)} mixes, {len(study.targets)} "
                f"targets, {len(study.sources)} sources"),
        Checked("files, columns, models", "as the config says"),
        Checked("packages and keys", "for all jobs", _in_environment(study, jobs, variables, deployed)),
        Checked("servers", ", ".join(addresses) or "none needed", unreachable),
        Checked("disk space", disk, full if needed > plan.free_gigabytes else []),
        Checked("plan", f"{sum(stage.to_run for stage in plan.stages)} jobs to run", advice=notes),
    ]  # fmt: skip


def checked_as_text(checked: Iterable[Checked]) -> str:
    """One line per thing, and more for what to fix or to know."""
    lines = []
    for each in checked:
        state = "PROBLEM" if each.problems else "advice" if each.advice else "ok"
        lines.append(f"{state:<8} {each.what}: {each.found}")
        for text in (*each.problems, *each.advice):
            lines += (
                textwrap.indent(text, " " * 11).replace(" " * 11, " " * 9 + "! ", 1).splitlines()
            )
    return "\n".join(lines)


def _in_environment(
    study: Study, jobs: Iterable[UpcomingJob], variables: Mapping[str, str], deployed: bool
) -> list[str]:
    problems: dict[tuple[str, str], str] = {}
    for job in jobs:
        try:
            check_environment(study, [job], variables, deployed)
        except UserError as error:
            # The same package or key may be missing for many jobs.
            problems.setdefault((error.what, error.remedy), str(error))
    return list(problems.values())


def _addresses(
    study: Study, jobs: Iterable[UpcomingJob], variables: Mapping[str, str]
) -> dict[str, str]:
    """Addresses that the jobs are going to ask, by who is asked there."""
    found: dict[str, str] = {}
    profiles = job_profiles(study)
    for rule, environment, wildcards in jobs:
        if "fetch" in rule:
            found["Hugging Face Hub"] = variables.get("HF_ENDPOINT") or HUB
        engine = engine_of_job(study, rule, wildcards, profiles)
        address = getattr(engine, "base_url", None)
        if address and Path(engine.environment).name == Path(environment).name:
            found[address] = address
    return found


def _unreachable(address: str) -> str | None:
    """Why a server cannot be reached from this machine; behind a proxy nobody is asked."""
    url = urlsplit(address)
    if any(os.environ.get(name) for name in _PROXIES):
        return None
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        with socket.create_connection((url.hostname or "", port), _SECONDS_TO_CONNECT):
            return None
    except OSError as error:
        return f"{address} cannot be reached ({error})"
