"""IFEval's accuracies with intervals, from samples that lm-evaluation-harness wrote.

    python benchmarks/ifeval.py SAMPLES.jsonl [SAMPLES.jsonl …]

Prints the four accuracies and the mean of the two strict ones, which model cards publish, each with a 95 %
bootstrap interval over prompts. The files are those of `--log_samples`, of different prompts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

ACCURACIES = {
    "prompts, strict": "prompt_level_strict_acc",
    "instructions, strict": "inst_level_strict_acc",
    "prompts, loose": "prompt_level_loose_acc",
    "instructions, loose": "inst_level_loose_acc",
}
STRICT = ("prompts, strict", "instructions, strict")
RESAMPLES = 9999


def samples_in(files: list[Path]) -> list[dict]:
    """Samples of all files.

    Raises:
        SystemExit: a prompt is there twice.
    """
    samples = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    prompts = [sample["doc_id"] for sample in samples]
    if len(set(prompts)) != len(prompts):
        raise SystemExit("a prompt is there twice: name each file of samples once")
    return samples


def accuracies(samples: list[dict], draws: np.ndarray) -> dict[str, np.ndarray]:
    """Each accuracy of the prompts that are drawn: `draws[draw, prompt]` numbers of times."""
    found = {}
    for name, key in ACCURACIES.items():
        answers = [np.atleast_1d(np.asarray(sample[key], dtype=float)) for sample in samples]
        right, asked = (np.array(list(map(each, answers))) for each in (np.sum, len))
        found[name] = draws @ right / (draws @ asked)
    return found | {"mean of both strict": np.mean([found[name] for name in STRICT], axis=0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    samples = samples_in(parser.parse_args().files)
    number = len(samples)
    resampled = np.random.default_rng(1).multinomial(number, [1 / number] * number, RESAMPLES)
    values = accuracies(samples, np.ones((1, number)))
    intervals = accuracies(samples, resampled)
    print(f"{number} prompts")
    for name, (value,) in values.items():
        low, high = np.quantile(intervals[name], (0.025, 0.975))
        print(f"{name:22} {value:.3f}  {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
