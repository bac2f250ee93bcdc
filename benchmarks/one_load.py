"""Answers and likelihoods of a target's runs with a load each against one load for all of them.

    python benchmarks/one_load.py [--study results/embedded] [--target llama] [--runs 8]
        [--rows 40] [--repeats 3] [--threads 1]

Each load is a process of its own, as a job is: Python, libraries and weights are loaded anew. Takes the
untuned target and the first adapters of a finished study. Prints seconds of both ways and the median
ratio of alternating repeats, and stops if a byte of a result differs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

LONGEST = 512  # tokens of a prompt


def work_through(task: dict) -> None:
    """One job: answer with all runs of the task, then score what they said."""
    from manybaskets.config.evaluation import Scoring
    from manybaskets.config.models import Prompting
    from manybaskets.config.responses import Responses
    from manybaskets.config.sampling import Sampling
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.generation.run_responses import respond
    from manybaskets.scoring.likelihood import score_runs

    runs = [(mix, seed) for mix, seed in task["runs"]]
    adapters = [folder and Path(folder) for folder in task["adapters"]]
    results, prompts = Path(task["results"]), Path(task["prompts"])
    answers = [results / f"{mix}-{seed}.parquet" for mix, seed in runs]
    engine = TransformersEngine(
        Path(task["model"]), Prompting(), "float32", task["threads"], task["target"]
    )
    respond(
        engine,
        task["target"],
        runs=runs,
        adapters=adapters,
        prompt_sets={"test": prompts},
        responses=Responses(sampling=Sampling(temperature=0.8, top_p=0.95, max_new_tokens=48)),
        max_prompt_tokens=LONGEST,
        study_seed=1,
        work=results / "answers",
        outputs=answers,
    )
    score_runs(
        engine,
        pl.read_parquet(prompts),
        pl.read_parquet(task["split"]),
        target=task["target"],
        runs=runs,
        adapters=adapters,
        responses=answers,
        max_prompt_tokens=LONGEST,
        settings=Scoring(),
        work=results / "scores",
        outputs=[file.with_suffix(".scores.parquet") for file in answers],
    )


def seconds_of(tasks: list[dict]) -> float:
    """Wall time of jobs that run one after the other."""
    start = time.perf_counter()
    for task in tasks:
        subprocess.run([sys.executable, __file__, "--job"], input=json.dumps(task), text=True,
                       check=True, stderr=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - start


def contents(folder: Path) -> dict[str, tuple]:
    """Rows and metadata of all results, but for the commit: somebody may commit meanwhile."""
    from manybaskets.records.writing import read_metadata

    made = {}
    for file in folder.glob("*.parquet"):
        told = {key: value for key, value in read_metadata(file).items() if key != "git_commit"}
        made[file.name] = pl.read_parquet(file).rows(), told
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=ROOT / "results/embedded")
    parser.add_argument("--target", default="llama")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        work_through(json.load(sys.stdin))
        return
    folders = sorted((given.study / "runs" / given.target).glob("*/seed*/adapter"))
    folders = folders[: given.runs - 1]
    runs = [("vanilla", 0)] + [(each.parts[-3], int(each.parts[-2][4:])) for each in folders]
    adapters = [None, *map(str, folders)]
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        prompts = Path(scratch) / "prompts.parquet"
        pl.read_parquet(given.study / "data/prompts/test.parquet").head(given.rows).write_parquet(
            prompts
        )
        common = {
            "model": str(given.study / "models" / given.target),
            "split": str(given.study / "data/split.parquet"),
            "prompts": str(prompts),
            "target": given.target,
            "threads": given.threads,
        }
        for repeat in range(given.repeats):
            each, one = (Path(scratch) / f"{way}{repeat}" for way in ("each", "one"))
            apart = seconds_of([
                common | {"runs": [run], "adapters": [adapter], "results": str(each)}
                for run, adapter in zip(runs, adapters, strict=True)
            ])  # fmt: skip
            together = seconds_of(
                [common | {"runs": runs, "adapters": adapters, "results": str(one)}]
            )
            if contents(each) != contents(one):
                sys.exit("the results differ")
            ratios.append(apart / together)
            print(f"{len(runs)} runs, {given.rows} prompts: a load each {apart:.1f} s, one load "
                  f"{together:.1f} s, ratio {ratios[-1]:.2f}", flush=True)  # fmt: skip
    print(f"median ratio {statistics.median(ratios):.2f}; all results are the same")


if __name__ == "__main__":
    main()
