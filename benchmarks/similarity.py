"""ROUGE and METEOR between all pairs of sources, against the packages that compute one pair.

    python benchmarks/similarity.py ../shared/data/alpacaeval --prompts 20

Every file of the folder is a source. Prints both times and their ratio for each metric, medians of
the rounds; stops with an error unless all scores agree within 1e-9. `--whole` times all prompts
besides, with the shuffled baseline and the tables.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.config.evaluation import Statistics
from manybaskets.measures.tokens import words
from manybaskets.records.ids import digest
from manybaskets.source_analysis.shared_answers import SharedAnswers, share_answers
from manybaskets.source_analysis.similarity.meteor import meteor
from manybaskets.source_analysis.similarity.numbered import number_texts
from manybaskets.source_analysis.similarity.pair_scores import METRICS, porter_stem, score_pairs
from manybaskets.source_analysis.similarity.pair_summary import (
    similarity_of_pairs,
    similarity_of_sources,
)
from manybaskets.source_analysis.similarity.rouge import rouge_1, rouge_l, rouge_stem, rouge_words

SEED = 42


class NoWordNet:
    """A WordNet in which no word has a synonym."""

    @staticmethod
    def synsets(word: str) -> list:
        return []


def read_answers(folder: Path, prompts: int | None) -> SharedAnswers:
    """Answers of all files of a folder to a sample of the prompts that all of them answered."""
    answers: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        answers[file.name.removesuffix(".jsonl.gz")] = {
            digest(row["instruction"])[:16]: row["output"] for row in rows if row["output"].strip()
        }
    return share_answers(answers, max(map(len, answers.values())), prompts, SEED)


def ours(metric: str, texts: list[list[str]]) -> np.ndarray:
    """Scores `[pair, prompt]`, the first of a pair as hypothesis."""
    latin = metric != "meteor"
    stem = rouge_stem(porter_stem()) if latin else porter_stem()
    split = rouge_words if latin else words
    numbered, _ = number_texts([[split(text) for text in each] for each in texts], stem)
    found = []
    for place, first in enumerate(numbered):
        for second in numbered[:place]:
            if metric == "meteor":
                found.append(meteor(first, second)[0])
            else:
                found.append((rouge_1 if metric == "rouge_1" else rouge_l)(first, second))
    return np.array(found)


def packages(metric: str, texts: list[list[str]]) -> np.ndarray:
    """The same by rouge-score and NLTK, pair by pair and prompt by prompt."""
    from nltk.stem.porter import PorterStemmer
    from nltk.translate.meteor_score import single_meteor_score
    from rouge_score.rouge_scorer import RougeScorer

    name = {"rouge_1": "rouge1", "rouge_l": "rougeL"}.get(metric)
    scorer = RougeScorer([name], use_stemmer=True) if name else None
    stemmer, wordnet = PorterStemmer(), NoWordNet()

    def score(hypothesis: str, reference: str) -> float:
        if scorer is not None:
            return scorer.score(reference, hypothesis)[name].fmeasure
        return single_meteor_score(
            words(reference), words(hypothesis), stemmer=stemmer, wordnet=wordnet
        )

    return np.array(
        [
            [score(a, b) for a, b in zip(texts[place], texts[other], strict=True)]
            for place in range(len(texts))
            for other in range(place)
        ]
    )


def timed(function, *given) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    found = function(*given)
    return time.perf_counter() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="gzipped JSONL with `instruction` and `output`")
    parser.add_argument("--prompts", type=int, default=20, help="prompts of the comparison")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="time all prompts besides")
    arguments = parser.parse_args()

    answers = read_answers(arguments.folder, arguments.prompts)
    texts = list(answers.texts.values())
    pairs = len(texts) * (len(texts) - 1) // 2
    print(f"{len(texts)} sources, {pairs} pairs, {len(answers.prompt_ids)} prompts")
    porter_stem()("warm")
    for metric in METRICS:
        rounds = []
        for _ in range(arguments.rounds):
            own_seconds, own = timed(ours, metric, texts)
            their_seconds, theirs = timed(packages, metric, texts)
            gap = float(np.abs(own - theirs).max())
            assert gap < 1e-9, f"{metric}: scores differ by {gap}"
            rounds.append((their_seconds / own_seconds, own_seconds, their_seconds))
        ratio, own_seconds, their_seconds = map(statistics.median, zip(*rounds, strict=True))
        print(
            f"{METRICS[metric]:8} packages {their_seconds:7.2f} s, here {own_seconds:6.3f} s, "
            f"ratio {ratio:5.0f}, mean {own.mean():.4f}, largest difference {gap:.1e}"
        )
    if arguments.whole:
        answers = read_answers(arguments.folder, None)
        started = time.perf_counter()
        scored = score_pairs(answers, list(METRICS), SEED)
        settings = Statistics()
        tables = (
            similarity_of_sources(scored, settings, SEED),
            similarity_of_pairs(scored, settings, SEED),
        )
        print(
            f"all {len(answers.prompt_ids)} prompts with the shuffled baseline and "
            f"{sum(table.height for table in tables)} intervals: {time.perf_counter() - started:.1f} s"
        )


if __name__ == "__main__":
    main()
