"""All lexical measures with their variants and half-samples, through the workflow's own path.

    python benchmarks/lexical.py ../shared/data/databricks-dolly-15k.jsonl.gz
    python benchmarks/lexical.py ../shared/data/databricks-dolly-15k.jsonl.gz --join 3

A made-up prompt has one Dolly answer, drawn with replacement, or several put together (`--join`),
since models write longer than people. Each of twelve conditions gives it with one word in ten
replaced by another of Dolly's, and cut somewhere in its last third. They are measured by as many
processes as there are cores. Prints the seconds of all, and the CPU seconds of each measure in one
condition, where what measures share (tokens, n-grams) is paid by the first of them. Stops with an
error if a value is missing, or differs from nltk, sacrebleu or lexicalrichness.

Target: less than 60 seconds for the twelve conditions, matching included, with 100 half-samples,
on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets import measures
from manybaskets.measures.measuring import match_prompts, measure_runs
from manybaskets.measures.tokens import sentences, words
from manybaskets.records.responses import RESPONSES, valid_answers, write_responses
from manybaskets.statistics.clusters import cluster_halves

PROMPT_SET, SEED = "answers", 42


def names() -> list[str]:
    """All lexical measures and their variants, and the lengths."""
    lexical = [each.name for each in measures.all_measures() if each.lexical]
    return [*lexical, "response_words", "response_characters", "response_tokens"]


def read_answers(path: Path) -> list[str]:
    """The human answers of a gzipped JSONL file that hold a word."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        found = [json.loads(line)["response"] for line in handle]
    return [text for text in found if words(text)]


def condition(given: Sequence[str], vocabulary: Sequence[str], number: int) -> list[str]:
    """Answers of one made-up condition: those that are given, with other words, and cut."""
    rng = random.Random(number)

    def varied(text: str) -> str:
        text = re.sub(
            r"\S+", lambda word: rng.choice(vocabulary) if rng.random() < 0.1 else word[0], text
        )
        return text[: max(1, int(len(text) * rng.uniform(0.67, 1.0)))]

    return [varied(text) for text in given]


def write_condition(texts: Sequence[str], ids: Sequence[str], path: Path) -> None:
    """A file of responses as the workflow writes them."""
    constant = {"sample": 0, "turn": 0, "finish_reason": "stop", "attempts": 1, "error": None}
    rows = pl.DataFrame(
        {"prompt_id": ids, "text": texts, **constant}
        | {"prompt_tokens": 0, "completion_tokens": [len(text) // 4 for text in texts]},
        schema=RESPONSES,
    )
    write_responses(rows, path, {})


def measure_condition(path: Path, folder: Path, draws: int) -> pl.DataFrame:
    """What the rule `measure` does for one condition."""
    return measure_runs(
        {PROMPT_SET: names()},
        model="made-up",
        mix=path.stem,
        responses={(0, PROMPT_SET): path},
        likelihoods={},
        embeddings=folder,
        matched=json.loads((folder / "matched.json").read_text()),
        split=pl.read_parquet(folder / "split.parquet"),
        truth=None,
        draws=draws,
        seed=SEED,
    )


def check(rows: pl.DataFrame, texts: Sequence[str]) -> None:
    """Compare values on the whole set with those of other libraries, and look for gaps."""
    from lexicalrichness import LexicalRichness
    from nltk.util import ngrams

    whole = rows.filter(pl.col("prompt_id").is_null(), pl.col("draw") >= 0)
    assert not whole["value"].null_count(), "a measure of the set is null"
    value = dict(whole.filter(pl.col("draw") == 0).select("measure", "value").iter_rows())
    listed = [words(text) for text in texts]
    bigrams = [pair for each in listed for pair in ngrams(each, 2)]
    assert abs(value["distinct_2"] - len(set(bigrams)) / len(bigrams)) < 1e-12
    per_answer = rows.filter(pl.col("measure") == "response_mtld").sort("prompt_id")["value"]
    expected = [
        LexicalRichness(each, preprocessor=None, tokenizer=None).mtld() if len(each) >= 50 else None
        for each in listed
    ]
    for found, reference in zip(per_answer, expected, strict=True):
        assert (found is None) == (reference is None)
        assert found is None or abs(found - reference) < 1e-9
    check_sentences(rows, texts)


def check_sentences(rows: pl.DataFrame, texts: Sequence[str], count: int = 40) -> None:
    """Compare sentence scores within some answers with sacrebleu's."""
    from sacrebleu.metrics import BLEU

    bleu = BLEU(max_ngram_order=3, effective_order=True, smooth_method="exp", tokenize="13a")
    within = rows.filter(pl.col("measure") == "sentence_within").sort("prompt_id")["value"]
    for found, text in list(zip(within, texts, strict=True))[:count]:
        split = sentences(text)
        if len(split) < 2:
            assert found is None
            continue
        scores = [
            bleu.sentence_score(each, split[:place] + split[place + 1 :]).score
            for place, each in enumerate(split)
        ]
        assert abs(found - np.mean(scores)) < 1e-9


def seconds_by_measure(path: Path, folder: Path, draws: int) -> list[tuple[str, float]]:
    """CPU seconds of each measure on one condition, one after the other on the same inputs."""
    matched = json.loads((folder / "matched.json").read_text())[PROMPT_SET]
    about = pl.read_parquet(folder / "split.parquet")
    ids = matched["prompt_ids"]
    inputs = measures.Inputs(
        frame=valid_answers(path).join(
            about.select("prompt_id", pl.col("response").alias("reference")), on="prompt_id"
        ),
        token_budget=matched["token_budget"],
        shortest_words=dict(zip(ids, matched["shortest_words"], strict=True)),
        seed=SEED,
    )
    halves = cluster_halves(ids, draws, SEED)
    constant = {"model": "made-up", "mix": path.stem, "seed": 0, "prompt_set": PROMPT_SET}
    found = []
    for name in names():
        started = time.process_time()
        measures.compute(
            [measures.get(name)], inputs, **constant, all_prompt_ids=ids, draws=halves,
        )  # fmt: skip
        found.append((name, time.process_time() - started))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="gzipped JSONL with a field `response`")
    parser.add_argument("--conditions", type=int, default=12)
    parser.add_argument("--prompts", type=int, default=1502)
    parser.add_argument("--join", type=int, default=1, help="Dolly answers per made-up answer")
    parser.add_argument("--draws", type=int, default=100, help="half-samples")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    answers = read_answers(arguments.path)
    ids = [f"{place:06d}" for place in range(arguments.prompts)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        human = random.Random(0).choices(answers, k=len(ids))
        pl.DataFrame({"prompt_id": ids, "response": human, "category": ""}).write_parquet(
            folder / "split.parquet"
        )
        vocabulary = [word for text in answers[:2000] for word in text.split()]
        draw = random.Random(1)
        given = ["\n".join(draw.choices(answers, k=arguments.join)) for _ in ids]
        made = {
            folder / f"condition-{number:02d}.parquet": condition(given, vocabulary, number)
            for number in range(arguments.conditions)
        }
        for path, texts in made.items():
            write_condition(texts, ids, path)
        lengths = [len(words(text)) for texts in made.values() for text in texts]
        print(f"{len(made)} conditions, {len(ids)} answers each of {np.mean(lengths):.0f} words")
        print(f"{len(names())} measures and variants, {arguments.draws} half-samples", flush=True)

        started = time.perf_counter()
        matched = match_prompts([(PROMPT_SET, path) for path in made])
        (folder / "matched.json").write_text(json.dumps(matched))
        matching = time.perf_counter() - started
        with ProcessPoolExecutor(
            arguments.cores,
            mp_context=multiprocessing.get_context("spawn"),
        ) as pool:
            jobs = [pool.submit(measure_condition, path, folder, arguments.draws) for path in made]
            measured = [job.result() for job in jobs]
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = matching + used.ru_utime + used.ru_stime
        print(f"matching the prompts: {matching:.1f} s")
        print(f"all of it on {arguments.cores} cores: {seconds:.1f} s (target 60 s)")
        print(f"CPU seconds of all processes: {cpu:.1f}", flush=True)
        check(measured[0], next(iter(made.values())))
        by_measure = seconds_by_measure(next(iter(made)), folder, arguments.draws)
        for measured_name, each in sorted(by_measure, key=lambda pair: -pair[1]):
            print(f"{each:8.2f} s  {measured_name}")
        print(f"{sum(each for _, each in by_measure):8.2f} s  one condition, one core")


if __name__ == "__main__":
    main()
