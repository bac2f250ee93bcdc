"""Time and memory of parsing, dry-run, plan and status on a study of over 3,000 jobs.

    python benchmarks/plan.py [--sources 54] [--shards 40] [--targets 10] [--seeds 3] [--repeat 3]

The study is made up: sources of 7 to 72 billion weights with vLLM, some asked over the network, and
300 runs. Nothing is fetched and nothing runs. Times are those of the whole command (medians), memory is
the largest of its processes. Other work on the machine makes wall times longer, so targets apply to CPU
time; on two idle cores both are about the same.

Targets: parsing 3 s, dry-run 60 s (10 s for config/synthetic-eggs.yaml), the plan 5 s more than the
dry-run, status 5 s, 2 GiB.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
GIB = 2**30
MOST_MEMORY = 2 * GIB
SIZES = (7, 8, 9, 27, 32, 70, 72)


def config(sources: int, shards: int, targets: int, seeds: int) -> dict:
    """Settings of the study."""
    sampling = {"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 1024}
    models, answering = {}, {}
    for number in range(sources):
        name = f"source-{number:02d}"
        if number % 9 == 8:
            engine = {"kind": "openai", "served_model": name, "price_in": 1.0, "price_out": 4.0}
            answering[name] = {"engine": engine, "shards": shards, "sampling": sampling}
            continue
        size = SIZES[number % len(SIZES)]
        models[name] = {
            "kind": "hub",
            "repo": f"made-up/Model-{number}-{size}B",
            "revision": "a" * 40,
        }
        answering[name] = {"model": name, "engine": {"kind": "vllm"}, "shards": shards}
        answering[name]["sampling"] = sampling
    names = list(answering)
    # The scorer's family made no training data.
    models["scorer"] = {"kind": "hub", "repo": "made-up/Scorer-7B", "revision": "a" * 40}
    mixes = {"human": {"kind": "human"}} | {
        f"single-{name}": {"kind": "single", "source": name} for name in names[:7]
    }
    mixes["multi"] = {"kind": "multi", "sources": names[:4]}
    # Every source is in use.
    mixes["all"] = {"kind": "weighted", "weights": dict.fromkeys(names, 1.0)}
    return {
        "study": "large",
        "dataset": {
            "kind": "hub", "repo": "made-up/rows", "revision": "b" * 40, "rows": 250_000,
            "fields": {"category": "category"},
        },
        "models": models,
        "sources": answering,
        "mixes": mixes,
        "targets": list(models)[:targets],
        "scoring": {"scorer": "scorer"},
        "training": {"seeds": list(range(1, seeds + 1)), "epochs": 1, "max_length": 2048},
        "responses": {"engine": {"kind": "vllm"}},
        "measures": ["human_nll", "own_scorer_nll", "response_words", "self_bleu", "remote_clique"],
        "comparisons": {
            "against-human": {
                "baseline": "human", "conditions": ["multi", "all"],
                "measures": ["self_bleu", "remote_clique"],
            }
        },
    }  # fmt: skip


class Taken(NamedTuple):
    """What a command took: seconds of wall time, and of processors."""

    wall: float
    processors: float


def run(*arguments: str) -> tuple[Taken, str]:
    """What `snakemake ARGUMENTS` takes, and its output."""
    started, before = time.monotonic(), _processors()
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={key: value for key, value in os.environ.items() if key != "SLURM_CONF"},
    )  # fmt: skip
    if finished.returncode:
        sys.exit(finished.stdout[-3000:])
    return Taken(time.monotonic() - started, _processors() - before), finished.stdout


def median(times: Sequence[Taken]) -> Taken:
    """The median of each of the two."""
    return Taken(*map(statistics.median, zip(*times, strict=True)))


def _processors() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Time all commands and say whether they keep to their targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    study = {"sources": 54, "shards": 40, "targets": 10, "seeds": 3}
    for name, default in (study | {"repeat": 3}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        file, elsewhere = Path(folder) / "large.yaml", ("--directory", folder)
        file.write_text(yaml.safe_dump(config(**{name: options[name] for name in study})))
        large = ("--configfile", str(file), *elsewhere)
        published = ("--configfile", str(ROOT / "config/synthetic-eggs.yaml"), *elsewhere)
        commands = {
            "parsing": ("--list-rules", *large),
            "dry-run": ("-n", "--quiet", "rules", *large),
            "plan": ("plan", *large),
            "status": ("status", *large),
            "dry-run of synthetic-eggs": ("-n", "--quiet", "rules", *published),
        }
        times: dict[str, list[Taken]] = {what: [] for what in commands}
        for _ in range(options["repeat"]):
            for what, command in commands.items():
                taken, printed = run(*command)
                times[what].append(taken)
                if what == "dry-run":
                    jobs = next(
                        line.split()[1] for line in printed.splitlines() if line.startswith("total")
                    )
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    more = [
        Taken(*(one - other for one, other in zip(*pair, strict=True)))
        for pair in zip(times["plan"], times["dry-run"], strict=True)
    ]
    print(f"a study of {jobs} jobs, load of the machine {os.getloadavg()[0]:.1f}, "
          f"medians of {options['repeat']}")  # fmt: skip
    print(f"{'':28} wall time        CPU time   target")
    for what, taken, target in (
        ("parsing", times["parsing"], 3),
        ("dry-run", times["dry-run"], 60),
        ("plan, more than the dry-run", more, 5),
        ("status", times["status"], 5),
        ("dry-run of synthetic-eggs", times["dry-run of synthetic-eggs"], 10),
    ):
        wall, processors = median(taken)
        missed = "   MISSED" if processors > target else ""
        print(f"{what:28} {wall:7.2f} s {processors:13.2f} s {target:6} s{missed}")
    missed = "   MISSED" if memory > MOST_MEMORY else ""
    print(f"{'largest process':28} {memory / GIB:7.2f} GiB {MOST_MEMORY / GIB:22g} GiB{missed}")


if __name__ == "__main__":
    main()
