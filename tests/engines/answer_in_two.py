"""A model in two parts, in two workers: `answer_in_two.py MODEL QUESTIONS.json ANSWERS.json RUNS`.

Like a script of the workflow it has no guard that keeps a worker from running it again: each run
adds a line to RUNS. It waits at the end until it is killed.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path

from manybaskets.chat import Prompt
from manybaskets.config.engines import VllmSettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines import vllm_model
from manybaskets.engines.base import Request
from manybaskets.engines.vllm_engine import VllmEngine

model, questions, answers, runs = map(Path, sys.argv[1:])
with runs.open("a") as lines:
    lines.write("run\n")
# The CPU build can split a model, if only for the sake of tests: every part needs its own cores.
vllm_model.check_devices = lambda *devices: None
engine = VllmEngine(
    model,
    Prompting(),
    VllmSettings(tensor_parallel=2, enforce_eager=True),
    "float32",
    threads=1,
    name="llama",
    longest=200,
)
asked = [
    Request(str(place), 0, 0, 1, 1, (), engine.render(Prompt(str(place), **row), [], 160).ids)
    for place, row in enumerate(json.loads(questions.read_text()))
]
greedy = Sampling(temperature=0.0, max_new_tokens=40)
texts = {request.prompt_id: answer.text for request, answer in engine.generate(asked, greedy)}
workers = [process.pid for process in multiprocessing.active_children()]
written = answers.with_suffix(".partial")
written.write_text(
    json.dumps({"texts": [texts[request.prompt_id] for request in asked], "workers": workers})
)
written.rename(answers)
time.sleep(600)
