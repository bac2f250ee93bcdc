"""Run tasks on engines and write what came of each: `answer_with.py TASKS.json RESULTS.json`.

A task has `engine` (kind, folder, settings, name) and `steps`. A step has an `adapter` (or null)
and either `prompts` with `sampling`, or `pairs` of prompt and answer to score, or `questions` whose next
token is read (`wanted` are token ids; `warp` asks for warped probabilities). `repeat` answers a step's only
prompt under so many seeds. An error that is the user's is the result of its step.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from manybaskets.chat import Prompt
from manybaskets.config.engine_kinds import ENGINES, Opening
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import LocalEngine, Question, Request
from manybaskets.engines.factory import open_engine
from manybaskets.errors import UserError
from manybaskets.records.ids import row_seed


def opened(engine: dict[str, Any]) -> LocalEngine:
    """The engine of a task, with room for its longest prompt and answer."""
    settings = ENGINES.get(engine["kind"])(**engine.get("settings", {}))
    opening = Opening(
        name=engine["name"],
        folder=Path(engine["folder"]),
        prompting=Prompting(max_prompt_tokens=engine["max_prompt_tokens"]),
        sampling=Sampling(max_new_tokens=engine["max_new_tokens"]),
        precision="float32",
        threads=2,
    )
    return open_engine(settings, opening)


def requests_of(engine: LocalEngine, step: dict[str, Any], max_tokens: int) -> list[Request]:
    """The step's prompts as requests, seeded by their place."""
    prompts = step["prompts"] * step.get("repeat", 1)
    made = []
    for number, row in enumerate(prompts):
        rendered = engine.render(Prompt(f"p{number}", **row), [], max_tokens)
        seed = row_seed("answer", number)
        made.append(Request(f"p{number}", 0, 0, 1, seed, rendered.messages, rendered.ids))
    return made


def take(engine: LocalEngine, step: dict[str, Any], max_tokens: int) -> dict[str, Any]:
    """The result of one step."""
    engine.use_adapter(Path(step["adapter"]) if step["adapter"] else None)
    result: dict[str, Any] = {"identity": dict(engine.identity)}
    if "pairs" in step:
        renderer = engine.renderer
        pairs = [
            (renderer.encode_prompt(question), renderer.encode_answer(answer))
            for question, answer in step["pairs"]
        ]
        return result | {"scores": engine.score(pairs)}
    if "questions" in step:
        warp = Sampling(temperature=0.7) if step.get("warp") else None
        asked = [
            Question(engine.renderer.encode_prompt(text), tuple(step["wanted"]), warp)
            for text in step["questions"]
        ]
        return result | {
            "readings": [
                [logit - reading.log_total for logit in reading.logits]
                for reading in engine.read(asked, 2048)
            ]
        }
    asked = requests_of(engine, step, max_tokens)
    answers = {}
    for request, completion in engine.generate(asked, Sampling(**step["sampling"])):
        answers[request.prompt_id] = completion
        if len(answers) == step.get("stop_after"):
            break
    return result | {
        "ids": [request.ids for request in asked],
        "order": list(answers),
        "answers": [
            [answer.text, answer.finish_reason, answer.completion_tokens]
            for answer in (answers.get(request.prompt_id) for request in asked)
            if answer is not None
        ],
    }


def main(tasks: Path, results: Path) -> None:
    """Write the results of all steps of all tasks."""
    made = []
    for task in json.loads(tasks.read_text()):
        taken: list[dict[str, Any]] = []
        made.append(taken)
        try:
            engine = opened(task["engine"])
        except UserError as error:
            taken.append({"error": str(error)})
            continue
        for step in task["steps"]:
            try:
                taken.append(take(engine, step, task["engine"]["max_prompt_tokens"]))
            except UserError as error:
                taken.append({"error": str(error)})
    results.write_text(json.dumps(made))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
