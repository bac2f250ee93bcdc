"""Adversarial prompts, and questions to judges about them, that are too long for a model.

Measured under the tokenizers of targets and judges before anything is answered. What is found names
requests and templates by their ids and holds no text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import Prompt, load_tokenizer
from manybaskets.config.models import ModelPrompting
from manybaskets.config.robustness import RobustnessPrompts
from manybaskets.data.prompt_readers import (
    LONG_PROMPTS,
    MAYBE_NOT_JUDGED,
    NOT_JUDGED,
    PromptReader,
    find_long,
    longest_prompt,
)
from manybaskets.experiments.robustness.exchanges import sets_judged_on
from manybaskets.experiments.robustness.judging import assembled_judge
from manybaskets.experiments.robustness.restricted import restored_mask, withheld
from manybaskets.experiments.robustness.robustness_prompts import World, make_prompts, unit_of
from manybaskets.generation.prompt_fitting import open_renderer
from manybaskets.judging.model_judge import longest_question
from manybaskets.judging.question_encoder import QuestionEncoder
from manybaskets.judging.rubrics import Rubric, read_rubric
from manybaskets.models.context_window import context_window


def long_prompts(
    settings: Mapping[str, Any], model: str, folder: Path, prompting: ModelPrompting, log: Path
) -> pl.DataFrame:
    """Rows of `LONG_PROMPTS`, without texts, for a model that is a target, a judge, or both.

    Args:
        settings: of `RobustnessExperiment.measuring`.
        log: of the job; what may quote a text goes to the restricted folder instead.
    """
    judges = {
        name: each for name, each in settings["judges"].items() if each["science"]["model"] == model
    }
    if model not in settings["names"] and not judges:
        return LONG_PROMPTS.to_frame()
    window = context_window(folder, settings["sequence"])
    limit = (
        longest_prompt(model, settings["max_prompt_tokens"], window, settings["answer_tokens"])
        if model in settings["names"]
        else 0
    )
    with restored_mask(), withheld(Path(settings["restricted"]), log):
        made = {target: _prompts(settings, target) for target in settings["names"]}
        found = [LONG_PROMPTS.to_frame()]
        if model in made:
            found.append(_of_target(model, limit, folder, prompting, made[model]))
        for name, each in judges.items():
            found.append(_of_judge(settings, name, each, folder, prompting, made))
        return pl.concat(found)


def _prompts(settings: Mapping[str, Any], target: str) -> dict[str, pl.DataFrame]:
    world = settings["world"]
    made, _, _ = make_prompts(
        RobustnessPrompts(**settings["prompts"]),
        settings["names"][target],
        World(**world) if world else None,
        Path(settings["shipped"]),
        settings["seed"],
    )
    return {name: frame.with_columns(unit=unit_of()) for name, frame in made.items()}


def _of_target(
    target: str,
    limit: int,
    folder: Path,
    prompting: ModelPrompting,
    made: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    renderer = open_renderer(target, folder, prompting)

    def count(text: str) -> int:
        return len(renderer.encode_prompt(text))

    reader = PromptReader(target, limit, count, count("?"))
    return pl.concat(
        find_long(_asked(frame, "instruction"), reader, f"robustness/{name}", quoted=False)
        for name, frame in made.items()
    )


def _asked(frame: pl.DataFrame, column: str) -> list[Prompt]:
    return [Prompt(unit, text) for unit, text in frame.select("unit", column).iter_rows()]


def _of_judge(
    settings: Mapping[str, Any],
    name: str,
    judge: Mapping[str, Any],
    folder: Path,
    prompting: ModelPrompting,
    made: Mapping[str, Mapping[str, pl.DataFrame]],
) -> pl.DataFrame:
    """Requests about which a judge cannot be asked, or not if the answer is as long as it may be.

    An answer is taken to have as many tokens for the judge as for the run.
    """
    own = assembled_judge(judge["science"], judge["operations"])
    # The bare requests are the same for all targets.
    whole = settings["judge_input"] == "full"
    column, targets = ("instruction", list(made)) if whole else ("request", list(made)[:1])
    rows = []
    for key, file in judge["rubrics"].items():
        count, limit = _counter(name, own, read_rubric(Path(file)), folder, prompting)
        asked: dict[str, int] = {}
        for target in targets:
            for prompt_set in made[target].keys() & set(sets_judged_on(key)):
                for prompt in _asked(made[target][prompt_set], column):
                    unit = f"{prompt_set}/{prompt.prompt_id}"
                    asked[unit] = max(asked.get(unit, 0), count(prompt.instruction))
        for unit, tokens in sorted(asked.items()):
            if tokens + settings["answer_tokens"] > limit:
                rows.append(
                    {
                        "prompt_id": unit,
                        "action": NOT_JUDGED if tokens > limit else MAYBE_NOT_JUDGED,
                        "model": own.model,
                        "tokens": tokens,
                        "limit": limit,
                        "prompt_set": f"judge {name}, {key}",
                        "prompts": len(asked),
                    }
                )
    return pl.DataFrame(rows, schema=LONG_PROMPTS)


def _counter(
    name: str, judge: Any, rubric: Rubric, folder: Path, prompting: ModelPrompting
) -> tuple[Callable[[str], int], int]:
    """What counts the tokens of a question about a request with an empty response, and the longest
    question."""
    if judge.kind == "classifier":
        tokenizer = load_tokenizer(folder, judge.model)
        texts = ("",) if judge.judged_text == "response" else None
        window = context_window(folder, judge.max_tokens)

        @cache
        def read(request: str) -> int:
            return len(tokenizer(*(texts or (request, "")), verbose=False)["input_ids"])

        return read, window or judge.max_tokens
    own = prompting.model_copy(update={"system_prompt": ""})
    encoder = QuestionEncoder(open_renderer(judge.model, folder, own), rubric, judge.form, name)
    window = context_window(folder, judge.engine.longest_sequence())

    @cache
    def count(request: str) -> int:
        return len(encoder.encode(request, "")[1])

    return count, longest_question(judge, window)
