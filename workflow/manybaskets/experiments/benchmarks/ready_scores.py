"""Ready scores: CSV files, and results of lm-evaluation-harness and Evalchemy."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.item_scores import item_scores
from manybaskets.experiments.benchmarks.score_book import Score, ScoreBook, over_seeds
from manybaskets.experiments.benchmarks.score_cells import score_in
from manybaskets.experiments.benchmarks.settings import RUNS, Benchmarks, CsvScores, Harness

_NOT_METRICS = {"alias", "name", "sample_len", "sample_count"}


def read_books(section: Benchmarks) -> dict[str, ScoreBook]:
    """Scores of all result sets by name.

    Raises:
        UserError: a file cannot be read as what it should be, belongs to another model or a failed
            run, or its scores contradict the config or each other.
    """
    books = {}
    for name, files in section.results.items():
        book = books[name] = ScoreBook(section, name)
        for number, file in enumerate(files):
            key = f"benchmarks.results.{name}.{number}"
            read = {"csv": _csv_scores, "item_csv": item_scores}.get(file.kind, _harness_scores)
            for model, benchmark, score in read(section, file, key):
                book.add(model, benchmark, score)
        if not book.scores:
            raise UserError(
                what="no score was read",
                where=f"benchmarks.results.{name}",
                expected="scores of at least one model",
                remedy="correct `models` or `benchmarks` of its files",
            )
    return books


def standard_error(share: float, items: int | None) -> float | None:
    """Standard error of a share of items; None if their number is unknown."""
    return None if items is None else math.sqrt(share * (1 - share) / items)


def _csv_scores(section: Benchmarks, file: CsvScores, key: str) -> Iterator[tuple[str, str, Score]]:
    path = Path(file.path)
    wanted = {row: name for name, row in file.models.items()}
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    named = [row.get(file.model_column) or "" for row in rows]
    absent = [row for row in wanted if row not in named]
    if absent:
        raise UserError(
            what=f"no row has '{absent[0]}' in column '{file.model_column}'",
            where=f"{key}.models: {path}",
            expected="one of: " + ", ".join(named[:20]),
            remedy="correct the name in the config or in the file",
        )
    settings = file.measured_with.settings()
    for number, (row, name) in enumerate(zip(rows, named, strict=True), 2):
        model = wanted.get(name) if wanted else name
        if model is None:
            continue
        if model not in section.models:
            raise UserError(
                what=f"'{model}' is not an entry of `benchmarks.models`",
                where=f"{path}, line {number}, column '{file.model_column}'",
                expected="one of: " + ", ".join(section.models),
                remedy=f"add it, or list the rows to read in `{key}.models`",
            )
        for benchmark, column in file.columns.items():
            value = score_in(row.get(column), f"{path}, line {number}, column '{column}'")
            if value is None:
                continue
            task = section.tasks[benchmark]
            se_column = file.se_columns.get(benchmark)
            where = f"{path}, line {number}, column '{se_column}'"
            se = score_in(row.get(se_column), where) if se_column else None
            if se is None and 0 <= value <= task.maximum:
                share = standard_error(value / task.maximum, task.items)
                se = None if share is None else share * task.maximum
            yield model, benchmark, Score(value, se, task.items, settings, str(path))


def _harness_scores(section: Benchmarks, file: Any, key: str) -> Iterator[tuple[str, str, Score]]:
    path = Path(file.path)
    found = read_results(path)
    _check_model(found, file.pretrained, path, key)
    chosen = file.benchmarks or [
        name for name, task in section.tasks.items() if (task.task or name) in found["results"]
    ]
    for benchmark in chosen:
        task = section.tasks[benchmark].task or benchmark
        if not isinstance(found["results"].get(task), Mapping):
            raise UserError(
                what=f"there is no result of the task '{task}'",
                where=f"{key}: {path}",
                expected="one of: " + ", ".join(found["results"]),
                remedy=f"set `benchmarks.tasks.{benchmark}.task`, or evaluate the task",
            )
        samples = file.samples.get(benchmark)
        score = harness_score(section, benchmark, found, file.kind, path)
        if samples:
            metric = choose_metric(
                found["results"][task], section.tasks[benchmark].metric, str(path), benchmark
            )
            items = read_items(Path(samples), metric, task)
            score = replace(score, n=len(items), seeds=(items,))
        yield file.model, benchmark, score


def harness_score(
    section: Benchmarks, benchmark: str, found: Mapping[str, Any], kind: str, path: Path
) -> Score:
    """Score of a task in a results file, without its items.

    Raises:
        UserError: the task has no score, or several metrics and none is chosen.
    """
    task = section.tasks[benchmark]
    name = task.task or benchmark
    where = f"{path}, task {name}"
    metrics = found["results"][name]
    metric = choose_metric(metrics, task.metric, where, benchmark)
    value, se = metrics[metric], metrics.get(_error_key(metric))
    if not isinstance(value, int | float) or math.isnan(value):
        raise UserError(
            what=f"the task '{name}' has no score: {metric} is {value!r}",
            where=where,
            expected="a number",
            remedy="evaluate the task again; a run that failed or was limited to no items has none",
        )
    n = found.get("n-samples", {}).get(name, {}).get("effective") or task.items
    known = isinstance(se, int | float) and not math.isnan(se)
    if not known:
        share = standard_error(value / task.maximum, task.items and n)
        se = None if share is None else share * task.maximum
    settings = harness_settings(found, name, kind)
    return Score(float(value), None if se is None else float(se), n, settings, str(path))


def read_runs(
    section: Benchmarks, evaluated: Mapping[str, Sequence[tuple[Path, Path]]]
) -> ScoreBook:
    """Scores of what the harness evaluated in this study; training seeds of a mix are one model.

    Args:
        evaluated: results and item scores of every seed, by model.
    """
    book = ScoreBook(section, RUNS)
    for model, seeds in evaluated.items():
        for benchmark in section.harness.tasks:
            scores = []
            for results, items in seeds:
                found = json.loads(results.read_text(encoding="utf-8"))[benchmark]
                score = harness_score(section, benchmark, found, "lm_eval", results)
                own = pl.read_parquet(items).filter(benchmark=benchmark)
                values = dict(own.select("item", "value").iter_rows())
                scores.append(replace(score, n=len(values), seeds=(values,)))
            book.add(model, benchmark, over_seeds(scores))
    return book


def read_results(path: Path) -> dict[str, Any]:
    """A results file of a harness.

    Raises:
        UserError: it is not one, or of a run without any result.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError):
        found = None
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, dict) or not results:
        raise UserError(
            what="the file has no results",
            where=str(path),
            expected="a results file of lm-evaluation-harness or Evalchemy (results_<date>.json) of a "
            "run that ended",
            remedy="evaluate the model again, or correct the path",
        )
    return found


def choose_metric(
    metrics: Mapping[str, Any], wanted: str | None, where: str, benchmark: str
) -> str:
    """Key of a task's metric, such as `acc,none`.

    Raises:
        UserError: it does not exist, or several do and none is named.
    """
    keys = [key for key in metrics if key not in _NOT_METRICS and "_stderr" not in key]
    fitting = [key for key in keys if wanted is None or wanted in (key, key.split(",")[0])]
    if len(fitting) != 1:
        what = "there is no metric" if not fitting else "several metrics are possible"
        raise UserError(
            what=f"{what} '{wanted}'" if wanted else f"{what} for '{benchmark}'",
            where=where,
            expected="one of: " + ", ".join(keys),
            remedy=f"set `benchmarks.tasks.{benchmark}.metric` to one of these",
        )
    return fitting[0]


def _error_key(metric: str) -> str:
    name, comma, rest = metric.partition(",")
    return f"{name}_stderr{comma}{rest}"


def _check_model(found: Mapping[str, Any], expected: str | None, path: Path, key: str) -> None:
    named = evaluated_model(found)
    if expected is not None and named != expected:
        raise UserError(
            what=f"the results belong to another model: {named or 'none is named'}",
            where=str(path),
            expected=f"{expected} ({key}.pretrained)",
            remedy="correct the path of the results, or `pretrained`",
        )


def evaluated_model(found: Mapping[str, Any]) -> str | None:
    """Name or path of the model that a harness evaluated; None if the file does not say."""
    config = found.get("config") or {}
    arguments = config.get("model_args") or {}
    if isinstance(arguments, str):
        arguments = dict(
            component.split("=", 1) for component in arguments.split(",") if "=" in component
        )
    adapter = arguments.get("peft")
    name = arguments.get("pretrained") or found.get("model_name") or arguments.get("model")
    return adapter or name


def harness_settings(found: Mapping[str, Any], task: str, kind: str) -> dict[str, Any]:
    """What a task was measured with, from a results file: keys of `Harness`."""
    versions = found.get("versions", {})
    configs = found.get("configs", {}).get(task, {})
    version = found.get("lm_eval_version") if kind == "lm_eval" else found.get("git_hash")
    template = found.get("chat_template_sha") or found.get("chat_template")
    shots = found.get("n-shot", {}).get(task, configs.get("num_fewshot"))
    return Harness(
        harness={"lm_eval": "lm-evaluation-harness", "evalchemy": "Evalchemy"}[kind],
        version=None if version is None else str(version),
        task_hash=_task_hash(configs, versions.get(task)),
        few_shot=shots,
        chat_template=bool(template),
        limit=(found.get("config") or {}).get("limit"),
    ).settings()


def _task_hash(config: Mapping[str, Any], version: Any) -> str | None:
    """Version and digest of a task's definition.

    The harness's own `task_hashes` contain the rendered prompts, which differ between models with
    different chat templates.
    """
    known = [] if version is None else [f"version {version}"]
    # Metadata contain the arguments of the model.
    defined = {key: value for key, value in config.items() if key != "metadata"}
    if defined:
        text = json.dumps(defined, sort_keys=True, default=str)
        known.append(hashlib.sha256(text.encode()).hexdigest()[:12])
    return ", ".join(known) or None


def read_items(path: Path, metric: str, task: str) -> dict[str, float]:
    """Score of every item by its id, from a file of samples.

    An item's id is the hash of its document, with its occurrence number, so that models are paired
    on the same documents and never by position.

    Args:
        metric: key of the metric, such as `acc,none`.
        task: name of the task for messages.

    Raises:
        UserError: a line is damaged or lacks the metric.
    """
    name, _, chosen = metric.partition(",")
    items: dict[str, float] = {}
    seen: Counter[str] = Counter()
    with open(path, encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            try:
                sample = json.loads(line)
                if chosen and sample.get("filter", chosen) != chosen:
                    continue
                value = float(sample[name])
                document = str(sample.get("doc_hash") or sample["doc_id"])
            except (ValueError, KeyError, TypeError):
                raise UserError(
                    what=f"the line is not a sample with the metric '{name}'",
                    where=f"{path}, line {number}",
                    expected=f"a line of samples_{task}_<date>.jsonl, written with --log_samples",
                    remedy="correct the path, or remove it from `samples`",
                ) from None
            items[f"{document}:{seen[document]}"] = value
            seen[document] += 1
    return items
