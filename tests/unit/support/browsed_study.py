"""A made-up study for the browser of answers: runs and sources, measures, judges, hostile texts."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from manybaskets.layout.answer_sets import AnswerSet, ConditionFile
from manybaskets.records.measured import LEFT_OUT, MEASURED
from manybaskets.records.responses import PROMPTS, write_responses

RUNS = [
    ("llama", "vanilla", 0),
    ("llama", "human", 1),
    ("llama", "human", 2),
    ("llama", "multi", 1),
]
PROMPT_COUNT = 40
# Texts that a page must show and never run.
HOSTILE = [
    "<script>window.ran = 'script'</script><img src=x onerror=\"window.ran = 'image'\">",
    "</script><script>window.ran = 'closed'</script>",
    "javascript:window.ran='address'",
    '"); window.ran = "json"; ("',
]
ANSWERS = {
    ("llama", "vanilla", 0): "The river is long and cold today.",
    ("llama", "human", 1): "The river is very long.",
    ("llama", "human", 2): "A river is long and blue.",
    ("llama", "multi", 1): "The river was long and cold today.",
}


def prompt_id(number: int, letter: str = "a") -> str:
    """A prompt's id: in the order of their numbers."""
    return f"{letter}{number:015x}-0"


def words_of(run: tuple[str, str, int], number: int) -> float:
    """The planted value of the measure `response_words`."""
    return {"vanilla": 10.0, "human": 20.0 + run[2], "multi": 5.0 + number}[run[1]]


def score_of(judge: str, number: int) -> float:
    """The planted score: the judges are farthest apart for prompt 7."""
    return 5.0 if judge == "strict" and number == 7 else 1.0 + number % 2


def write_study(folder: Path) -> list[AnswerSet]:
    """Write all files of the study into a folder."""
    runs, sources = _runs(folder), _sources(folder)
    return [runs, sources, _withheld(folder)]


def _runs(folder: Path) -> AnswerSet:
    numbers = range(PROMPT_COUNT)
    ids = [prompt_id(number) for number in numbers]
    instructions = [HOSTILE[n] if n < len(HOSTILE) else f"What is river {n}?" for n in numbers]
    _prompts(
        folder / "test.parquet",
        ids,
        instructions,
        ["Some context." if n == 5 else "" for n in numbers],
    )
    split = {"prompt_id": ids, "category": ["open" if n % 2 else "closed" for n in numbers],
             "response": [f"Reference {n}: the river is long." for n in numbers]}  # fmt: skip
    pl.DataFrame(split).write_parquet(folder / "split.parquet")
    answers, scores, rows = [], [], []
    for run in RUNS:
        file = folder / f"{run[1]}-{run[2]}.parquet"
        write_responses(
            [_row(i, HOSTILE[n] if n < len(HOSTILE) else ANSWERS[run]) for n, i in enumerate(ids)],
            file,
            {},
        )
        answers.append(ConditionFile(*run, str(file)))
        rows += [
            ("response_words", *run, "test", i, 0, words_of(run, n)) for n, i in enumerate(ids)
        ]
        rows += [("own_nll", *run, "test", i, 0, 0.1 * n) for n, i in enumerate(ids)]
        rows += [
            ("vendi", *run, "test", ids[0], LEFT_OUT, 99.0),
            ("vendi", *run, "test", None, 0, 98.0),
        ]
        judged = [
            {"prompt_set": "control", "prompt_id": i, "sample": 0, "judge": judge, "rubric": "quality",
             "score": score_of(judge, n)}
            for judge in ("strict", "mild") for n, i in enumerate(ids)
        ]  # fmt: skip
        file = folder / f"scores-{run[1]}-{run[2]}.parquet"
        pl.DataFrame(judged).write_parquet(file)
        scores.append(ConditionFile(*run, str(file), "control"))
    pl.DataFrame(rows, schema=MEASURED, orient="row").write_parquet(folder / "measured.parquet")
    split_file = str(folder / "split.parquet")
    return AnswerSet("test", "Test prompts", [str(folder / "test.parquet")], [split_file], [split_file],
                     answers, [str(folder / "measured.parquet")], scores)  # fmt: skip


def _sources(folder: Path) -> AnswerSet:
    ids = [prompt_id(number, "b") for number in range(3)]
    _prompts(folder / "train.parquet", ids, ["Name a town."] * 3, [""] * 3)
    rows = [
        {**_row(ids[0], text), "sample": sample}
        for sample, text in enumerate(["Kelby.", "Marwick."])
    ]
    rows += [_row(ids[1], "Ostden", "length"), _row(ids[2], None, "error")]
    write_responses(rows, folder / "qwen.parquet", {})
    answers = [ConditionFile("sources", "qwen", 0, str(folder / "qwen.parquet"))]
    return AnswerSet("train", "Training prompts", [str(folder / "train.parquet")], answers=answers)


def _withheld(folder: Path) -> AnswerSet:
    """Scores of answers whose texts are withheld; one prompt is a test prompt, too."""
    ids = [prompt_id(0), prompt_id(0, "c")]
    design = {"prompt_set": ["direct"] * 2, "prompt_id": ids, "category": ["vault"] * 2}
    pl.DataFrame(design).write_parquet(folder / "design.parquet")
    scores = {"prompt_set": ["direct"] * 2, "prompt_id": ids, "sample": [0] * 2, "judge": ["strict"] * 2,
              "rubric": ["refusal"] * 2, "score": [1.0, 0.0]}  # fmt: skip
    pl.DataFrame(scores).write_parquet(folder / "direct.parquet")
    return AnswerSet("robustness-direct", "Robustness: direct requests",
                     categories=[str(folder / "design.parquet")], listed_as="direct", withheld=True,
                     scores=[ConditionFile(*RUNS[0], str(folder / "direct.parquet"), "direct")])  # fmt: skip


def _prompts(file: Path, ids: list[str], instructions: list[str], contexts: list[str]) -> None:
    rows = {
        "prompt_id": ids,
        "instruction": instructions,
        "context": contexts,
        "follow_ups": [[] for _ in ids],
    }
    pl.DataFrame(rows, schema=PROMPTS).write_parquet(file)


def _row(prompt: str, text: str | None, finish: str = "stop") -> dict[str, Any]:
    return {"prompt_id": prompt, "sample": 0, "turn": 0, "text": text, "finish_reason": finish,
            "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1,
            "error": "no server" if text is None else None}  # fmt: skip


def unpacked(file: Path) -> bytes:
    """What a file of `data/` holds."""
    name, letters = file.read_text(encoding="ascii").removeprefix('manyBaskets("').split('","')
    assert (
        name
        == file.relative_to(file.parents[1 if name.count("/") == 0 else 2] / "data")
        .with_suffix("")
        .as_posix()
    )
    return gzip.decompress(base64.b64decode(letters.removesuffix('");\n'), validate=True))


def unpacked_value(file: Path) -> Any:
    """What a JSON file of `data/` holds."""
    return json.loads(unpacked(file))


def unpacked_numbers(file: Path) -> np.ndarray:
    """What a file of values holds."""
    planes = np.frombuffer(unpacked(file), dtype=np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<f4").reshape(-1)
