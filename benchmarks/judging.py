"""Reading 24,072 answers of a judge and making the tables of scores and of agreement from them.

    python benchmarks/judging.py
    python benchmarks/judging.py --responses 2006

Made-up judges answer on two rubrics, by JSON with and without prose around it and by tags, one answer
in twelve in a way that cannot be read; three judges' scores become one table with kappas and intervals
over base prompts. Prints the seconds of reading, of questions, and of tables, and stops with an error
if a score is not the one that was written, or a row is lost.

Target: less than 20 seconds on one core for the 24,072 responses of the published design.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.config.judges import RuleJudge
from manybaskets.judging.agreement import agreement
from manybaskets.judging.base import Judge, Verdict
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.parsing import read_answer
from manybaskets.judging.records import EXCHANGES, without_texts
from manybaskets.judging.rubrics import Rubric, shipped

RUN = {"target": "llama-8b", "mix": "human", "seed": 1}
WORDS = ["answer", "declines", "helps", "person", "request", "policy", "forbids", "serves", "aim"]
BAD = ["I would rather not say.", "", '{"reason": "It is', "#thescore: ten", '{"score": 10}', "4"]


class MadeUp(Judge):
    """Answers with a score that hangs on the row, in one of the forms that models choose."""

    def __init__(self, name: str, noise: float) -> None:
        super().__init__(name, RuleJudge(kind="rule", rule="refusal_patterns"))
        self.noise, self.reading, self.asking, self.wrong = noise, 0.0, 0.0, 0

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        found = {}
        for each in asked:
            rng = random.Random(f"{self.name}/{rubric.name}/{each.prompt_id}")
            score = int(each.prompt_id[1:]) % 5 + 1
            score = rng.randint(1, 5) if rng.random() < self.noise else score
            form, text = _answer(rng, score)
            started = time.perf_counter()
            rubric.question(each.request, each.response, form)
            asked_at = time.perf_counter()
            answer = read_answer(text, rubric, form)
            self.reading += time.perf_counter() - asked_at
            self.asking += asked_at - started
            self.wrong += answer.score not in (None, float(score)) or (
                (answer.score is None) != (text in BAD)
            )
            found[each.key] = Verdict(answer.score, answer.cause, 1, answer.reason)
        return found


def _answer(rng: random.Random, score: int) -> tuple[str, str]:
    """Form and text of an answer of some 120 words."""
    if rng.random() < 1 / 12:
        return "json", rng.choice(BAD)
    reason = " ".join(rng.choices(WORDS, k=120))
    if rng.random() < 0.25:
        return "tagged", f"#thereason: {reason}\n#thescore: **{score}**"
    text = json.dumps({"reason": reason, "score": score}, indent=2)
    return "json", text if rng.random() < 0.5 else f"Here it is:\n```json\n{text}\n```"


def exchanges(count: int) -> pl.DataFrame:
    """Made-up requests with responses of some 400 words."""
    response = " ".join(WORDS * 30)
    rows = {
        "prompt_set": ["jailbreak"] * count,
        "prompt_id": [f"p{number:05d}" for number in range(count)],
        "sample": [0] * count,
        "request": [f"A made-up request of number {number}." for number in range(count)],
        "response": [response] * count,
    }
    return pl.DataFrame(rows, schema=EXCHANGES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--responses", type=int, default=24_072)
    arguments = parser.parse_args()
    rows = exchanges(arguments.responses)
    rubrics: dict[str, Rubric] = {name: shipped(name) for name in ("harmfulness", "quality")}
    judges = [MadeUp("one", 0.2), MadeUp("two", 0.3), MadeUp("three", 0.5)]
    tables, seconds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for judge in judges:
            for rubric in rubrics.values():
                found = judge_rows(judge, rubric, rows, work=Path(folder), seed=1, run=RUN)
                if found.height != rows.height:
                    raise SystemExit(f"{judge.name}: {rows.height - found.height} rows are lost")
                tables.append(without_texts(found))
        seconds["answers of three judges on two rubrics, made, read and tabled"] = (
            time.perf_counter() - started
        )
    scores = pl.concat(tables).with_columns(
        target=pl.lit("llama-8b"), mix=pl.lit("human"), seed=pl.lit(1),
        base_id=(pl.col("prompt_id").str.slice(1).cast(pl.Int64) % 926).cast(pl.String),
    )  # fmt: skip
    started = time.perf_counter()
    scales = {name: rubric.steps for name, rubric in rubrics.items()}
    found = agreement(scores, scales, seed=1)
    seconds["agreement with 2,000 resamples of base prompts"] = time.perf_counter() - started
    wrong = sum(judge.wrong for judge in judges)
    if wrong or found.height != 6:
        raise SystemExit(f"{wrong} answers were misread, {found.height} pairs were compared")
    answers = arguments.responses * len(judges) * len(rubrics)
    reading = sum(judge.reading for judge in judges)
    asking = sum(judge.asking for judge in judges)
    print(f"{arguments.responses} responses, {answers} answers of judges")
    print(f"{reading:8.2f} s  reading the answers, {1e6 * reading / answers:.0f} µs each")
    print(f"{asking:8.2f} s  writing the questions, {1e6 * asking / answers:.0f} µs each")
    for what, each in seconds.items():
        print(f"{each:8.2f} s  {what}")
    each = sum(seconds.values())
    one = reading / len(judges) / len(rubrics) * 2 + seconds[list(seconds)[1]]
    print(
        f"{one:8.2f} s  one judge on two rubrics: reading, and the table of agreement (target 20 s)"
    )
    print(f"{each:8.2f} s  all of it")


if __name__ == "__main__":
    main()
