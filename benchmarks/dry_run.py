"""How long a dry run takes with many mixes, beside a bare start of Snakemake.

    python benchmarks/dry_run.py
    python benchmarks/dry_run.py --mixes 100 1000 --repeats 5

The embedded study with 50 sources and as many mixes as asked, one training each, none done. Prints
the median seconds of the processor and of the clock, and the seconds of the processor as a ratio to
those of `snakemake --version` in the same turns.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = 50


def config_of(count: int) -> dict:
    """Settings of a study with as many mixes: human, one per source, and blends of four."""
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    first = list(settings["sources"])
    names = first + [f"source-{place:02}" for place in range(len(first), SOURCES)]
    settings["sources"] = {
        name: settings["sources"][first[place % len(first)]] for place, name in enumerate(names)
    }
    mixes = {name: settings["mixes"][name] for name in ("human", "multi")}
    mixes |= {f"single-{name}": {"kind": "single", "source": name} for name in names}
    rng = random.Random(count)
    for place in range(len(mixes), count):
        chosen = sorted(rng.sample(names, 4))
        mixes[f"blend-{place:04}"] = {"kind": "multi", "sources": chosen}
    settings |= {"mixes": mixes, "source_counts": {}, "statistics": {"sign_flips": 9_999_999}}
    settings["training"]["seeds"] = [1]
    return settings


def seconds_of(arguments: list[str]) -> tuple[float, float]:
    """Seconds of the processor and of the clock that a start of Snakemake takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def main() -> None:
    """Time the starts in turns and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        starts = {"snakemake --version": ["--version"], "embedded study": ["-n", "--quiet", "all"]}
        for count in arguments.mixes:
            file = Path(folder, f"{count}.yaml")
            file.write_text(yaml.safe_dump(config_of(count)))
            starts[f"{count} mixes"] = ["-n", "--quiet", "all", "--configfile", str(file)]
        turns = [
            {name: seconds_of(start) for name, start in starts.items()}
            for _ in range(arguments.repeats)
        ]
    medians = {
        name: [statistics.median(turn[name][kind] for turn in turns) for kind in (0, 1)]
        for name in starts
    }
    for name, (processor, clock) in medians.items():
        ratio = processor / medians["snakemake --version"][0]
        print(f"{name}: {processor:.1f} s of the processor ({ratio:.1f}), {clock:.1f} s")


if __name__ == "__main__":
    main()
