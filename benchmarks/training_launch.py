"""Rows per second of one process against two that train together, and what the trial costs.

    python benchmarks/training_launch.py [--model results/embedded/models/llama] [--rows 760] [--runs 3]

The same recipe, rows and rows per step: one process on all cores, DDP and FSDP with two processes on
half of the cores each (gloo). They take turns. Rows per second are of the steps alone, with their
evaluations; the seconds to start are those of the whole stage without its steps: imports, launch,
loading, trial, checks. Without a model an untrained one of the embedded study's size is made. On a CPU two processes gain
little: this shows what the launch costs, not what GPUs give.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# As the workflow sets it for its jobs: processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from manybaskets.config.models import EmbeddedModelSize, Prompting  # noqa: E402
from manybaskets.config.training import Launch, Training  # noqa: E402

THREADS = os.cpu_count() or 1
FORMS = {
    "one process": {"accumulation": 2},
    "DDP, two processes": {"processes": 2, "launch": {"model": Launch(strategy="ddp")}},
    "FSDP, two processes": {"processes": 2, "launch": {"model": Launch(strategy="fsdp")}},
    "one process, no trial": {"accumulation": 2, "smoke_steps": 0},
}


def chat_rows(count: int, start: int = 0) -> list[dict]:
    """Made-up rows of 10 to 60 words."""
    return [
        {
            "messages": [
                {"role": "user", "content": f"What is said of town {number}?"},
                {
                    "role": "assistant",
                    "content": "The river runs past the town. " * (1 + number % 9),
                },
            ],
            "prompt_id": f"p{number}",
            "source": "human",
        }
        for number in range(start, start + count)
    ]


def untrained_model(folder: Path) -> Path:
    """A Llama of the embedded study's size that knows nothing."""
    from manybaskets.training import tiny_models as embedded
    from manybaskets.world.dataset_rows import make_pretraining

    size = EmbeddedModelSize()
    texts = list(embedded.conversation_texts(make_pretraining(400, 8, 1, "lister", 0.5, "model")))
    tokenizer = embedded.train_tokenizer("llama", texts, size.vocabulary, size.max_length)
    embedded.save_model(embedded.build_model("llama", tokenizer, size, 1), tokenizer, folder)
    return folder


def measure(model: Path, rows: int, changes: dict[str, Any]) -> dict[str, float]:
    """One training: rows per second, seconds of the trial, seconds before and after the steps."""
    from manybaskets.training.adapters import train_adapter

    recipe = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, "max_length": 256,
              "evaluations": 2, "precision": "float32", "max_first_loss": 2.0}  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as place,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        folder, start = Path(place), time.perf_counter()
        train_adapter(
            model,
            {"train": chat_rows(rows), "validation": chat_rows(40, rows)},
            training=Training(**{**recipe, **changes}),
            prompting=Prompting(),
            seed=1,
            threads=THREADS,
            name="model",
            work=folder / "work",
            output=folder / "adapter",
        )
        seconds = time.perf_counter() - start
        told = json.loads((folder / "adapter/manifest.json").read_text())["launch"]
    return {
        "rows/s": rows / told["training_seconds"],
        "trial s": told["trial_seconds"] or 0.0,
        "start s": seconds - told["training_seconds"],
    }


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", type=Path, help="folder of a model; an untrained one if not given"
    )
    parser.add_argument("--rows", type=int, default=760)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        model = options.model or untrained_model(Path(place) / "model")
        measure(model, 64, FORMS["one process"])  # imports
        runs: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
        for _ in range(options.runs):
            for form, changes in FORMS.items():
                runs[form].append(measure(model, options.rows, changes))
    columns = ("rows/s", "trial s", "start s")
    medians = {
        form: {column: statistics.median(run[column] for run in measured) for column in columns}
        for form, measured in runs.items()
    }
    base = medians["one process"]["rows/s"]
    print(f"{options.rows} rows, {options.runs} runs, {THREADS} cores")
    for form, median in medians.items():
        told = "  ".join(f"{column} {median[column]:8.2f}" for column in columns)
        print(f"{form:24} {told}  rows/s against one process: {median['rows/s'] / base:.2f}")


if __name__ == "__main__":
    main()
