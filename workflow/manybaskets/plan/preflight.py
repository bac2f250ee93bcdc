"""What the jobs of a run need from the environment, checked before the first of them starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments import JobProfile, job_profiles
from manybaskets.jobs.installation import missing_package

# The package by which an environment of `envs/` is recognised; light.yaml needs no extra.
PACKAGES = {"main.yaml": "torch", "vllm.yaml": "vllm", "openai.yaml": "openai"}
UpcomingJob = tuple[str, str, Mapping[str, str]]  # rule, environment file, wildcards


def check_environment(
    study: Study, jobs: Iterable[UpcomingJob], variables: Mapping[str, str], deployed: bool
) -> None:
    """Check that the packages and keys that jobs need are there.

    Args:
        jobs: the jobs that are going to run.
        variables: the environment variables.
        deployed: whether Snakemake brings the software (`--sdm conda`), so that it need not be
            installed.

    Raises:
        UserError: the first package or key that is missing, with the rule that needs it.
    """
    profiles = job_profiles(study)
    for rule, environment, wildcards in jobs:
        package = PACKAGES.get(Path(environment).name)
        if package and not deployed and find_spec(package) is None:
            raise _without_package(package, rule, Path(environment).name)
        engine = engine_of_job(study, rule, wildcards, profiles)
        # Cards and checks of a source have its name, too, but not its environment.
        asks = engine is not None and Path(engine.environment).name == Path(environment).name
        for name in engine.variables() if asks else []:
            if not variables.get(name, "").strip():
                raise UserError(
                    what="the key of a server is missing",
                    where=f"environment variable {name}, which rule {rule} needs "
                    f"({', '.join(f'{key} {value}' for key, value in wildcards.items())})",
                    expected="the key issued by the server; no job was started",
                    remedy=f"export {name}=..., or set `engine.key_variable` to null for a server that "
                    "needs no key",
                )


def engine_of_job(
    study: Study, rule: str, wildcards: Mapping[str, str], profiles: Mapping[str, JobProfile]
) -> EngineSettings | None:
    """Engine of a job that asks a source or a judge, or of an experiment's; null for other jobs."""
    if wildcards.get("source") in study.sources:
        return study.sources[wildcards["source"]].engine
    if wildcards.get("judge") in study.judges:
        return getattr(study.judges[wildcards["judge"]], "engine", None)
    profile = profiles.get(rule)
    return profile.engine(wildcards) if profile and profile.engine else None


def _without_package(package: str, rule: str, environment: str) -> UserError:
    known = missing_package(ModuleNotFoundError(name=package))
    return UserError(
        what=f"the package `{package}` is not installed",
        where=f"this Python environment; rule {rule} needs it",
        expected=f"{known.expected if known else f'the packages of envs/{environment}'}; no job was "
        "started",
        remedy=known.remedy
        if known
        else f"install the packages of envs/{environment}, or run with "
        "`--software-deployment-method conda`",
    )
