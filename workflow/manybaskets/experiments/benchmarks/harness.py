"""Runs and models evaluated by lm-evaluation-harness, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks import harness_driver
from manybaskets.experiments.benchmarks.local_tasks import local_tasks
from manybaskets.experiments.benchmarks.ready_scores import choose_metric, read_items, read_results
from manybaskets.experiments.benchmarks.settings import Benchmark, HarnessRun
from manybaskets.records.writing import write_json, write_table

ITEMS = pl.Schema({"benchmark": pl.String, "item": pl.String, "value": pl.Float64})
_LAST_LINES = 15  # of the harness's output that an error repeats


def interpreter(chosen: str | None) -> str:
    """Python interpreter that has lm-eval.

    Raises:
        UserError: it does not exist, or none is chosen and this one lacks lm-eval.
    """
    if chosen is None and find_spec("lm_eval") is not None:
        return sys.executable
    if chosen is not None and Path(chosen).is_file():
        return str(Path(chosen))
    raise UserError(
        what="lm-evaluation-harness is not installed"
        if chosen is None
        else f"there is no Python interpreter {chosen}",
        where="benchmarks.harness.python",
        expected="the Python interpreter of an environment with lm-eval, such as "
        ".venv-harness/bin/python",
        remedy="run `make setup-harness` and set this key, or run `snakemake --sdm conda`, which "
        "creates envs/harness.yaml",
    )


def evaluate(
    *,
    model: Path,
    runs: Sequence[tuple[str, Path | None]],
    tasks: Mapping[str, Benchmark],
    settings: HarnessRun,
    precision: str,
    threads: int,
    gpus: int,
    seed: int,
    work: Path,
    own_tasks: Path | None = None,
    outputs: Sequence[tuple[Path, Path]],
) -> None:
    """Evaluate runs of one model, and write for each its results (JSON) and item scores (Parquet).

    Results of tasks that an earlier try of this job finished, with the same settings, are kept.

    Args:
        runs: name and adapter of every run; None for the model itself.
        tasks: benchmarks by name.
        precision: number format of the weights, such as `float32`.
        work: folder for unfinished work.
        own_tasks: folder with task files that this study made.
        outputs: results file and items file of every run.

    Raises:
        UserError: the harness failed or cannot be started; the message ends with its last lines.
    """
    plan: dict[str, Any] = {
        "model": str(model),
        "dtype": precision,
        "device": "cuda" if gpus else "cpu",
        "tasks": [task.task or name for name, task in tasks.items()],
        "include": [str(folder) for folder in (settings.include, own_tasks) if folder],
        "few_shot": settings.few_shot,
        "limit": settings.limit,
        "chat_template": settings.chat_template,
        "system_prompt": settings.system_prompt,
        "generation": settings.generation,
        "seed": seed,
    }
    local = settings.local_files() | (local_tasks(own_tasks) if own_tasks else {})
    files = [file for task in plan["tasks"] for file in local.get(task, [])]
    digest = _digest(plan, files)
    folders = [work / digest / name for name, _ in runs]
    plan |= {
        "threads": threads,
        "batch_size": settings.batch_size,
        "work": str(work / digest),
        "runs": [
            {"adapter": adapter and str(adapter), "folder": str(folder)}
            for (_, adapter), folder in zip(runs, folders, strict=True)
        ],
    }
    _call(plan, settings.python, work / digest)
    for folder, (results, items) in zip(folders, outputs, strict=True):
        write_results(folder, tasks, results, items)


def write_results(folder: Path, tasks: Mapping[str, Benchmark], results: Path, items: Path) -> None:
    """Gather the results of a run's tasks.

    Args:
        results: JSON to write: the harness's results by benchmark.
        items: Parquet to write, schema `ITEMS`.
    """
    found, rows = {}, []
    for name, benchmark in tasks.items():
        task = benchmark.task or name
        found[name] = read_results(folder / f"results_{task}.json")
        where = f"{folder}, task {task}"
        metric = choose_metric(found[name]["results"][task], benchmark.metric, where, name)
        samples = read_items(folder / f"samples_{task}.jsonl", metric, task)
        rows += [{"benchmark": name, "item": key, "value": v} for key, v in samples.items()]
    write_table(pl.DataFrame(rows, schema=ITEMS), items)
    write_json(found, results)


def _call(plan: Mapping[str, Any], python: str | None, work: Path) -> None:
    file = work / "settings.json"
    write_json(plan, file)
    # The project's own library is of another environment.
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [interpreter(python), harness_driver.__file__, str(file)]
    done = subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout, flush=True)
    if done.returncode:
        last = "\n    ".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise UserError(
            what=f"lm-evaluation-harness failed:\n    {last}",
            where=f"tasks {', '.join(plan['tasks'])} of {plan['model']}",
            expected="a harness that loads the model, its adapters and the tasks",
            remedy="fix what the last line says and rerun the same command; finished tasks are kept",
        )


def _digest(plan: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Digest of all that determines results, the content of task files included."""
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
