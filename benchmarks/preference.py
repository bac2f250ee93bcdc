"""Readings of a judge: 2,000 comparisons of 300 tokens with a model of a million weights.

    python benchmarks/preference.py [--articles 50] [--words 98] [--threads 2] [--architecture llama]
        [--batch-tokens 4096]

The judge is untrained and made here; what it says means nothing, how long it takes does. Prints the
seconds of a whole reading as the workflow does it (rendering, forward passes, rows), and those of the
forward passes alone: with the beginning that an article's prompts share computed once, with every prompt
computed whole, and one prompt at a time. The budget is 60 s on two cores; the logits of all ways must
agree.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

from manybaskets.config.articles import Summaries  # noqa: E402
from manybaskets.config.models import EmbeddedModelSize, Prompting  # noqa: E402
from manybaskets.config.preference_judging import PreferenceJudging  # noqa: E402
from manybaskets.engines.base import Question, Reading  # noqa: E402
from manybaskets.engines.transformers_engine import TransformersEngine  # noqa: E402
from manybaskets.engines.transformers_reading import read  # noqa: E402
from manybaskets.experiments.preference.questions import TextPanel  # noqa: E402
from manybaskets.experiments.preference.readout import JudgedRun, read_judges  # noqa: E402
from manybaskets.experiments.preference.schemas import ARTICLES  # noqa: E402
from manybaskets.training import tiny_models as embedded  # noqa: E402
from manybaskets.world.dataset_rows import make_pretraining  # noqa: E402

BUDGET = 60.0  # seconds
AUTHORS = ["a", "b", "c", "d", "e"]  # ten pairs, two orders, two sets of markers: 40 questions
TOLERANCE = 1e-4  # of a logit, in float32
PAIRWISE = "{article}\n\n{one}: {first}\n\n{two}: {second}\n\nWhich is better, {one} or {two}?"


def made_judge(folder: Path, architecture: str, threads: int) -> TransformersEngine:
    """An untrained model of about a million weights."""
    size = EmbeddedModelSize(hidden=160, layers=3, heads=4, vocabulary=2048, max_length=512)
    text = list(embedded.conversation_texts(make_pretraining(2000, 20, 1, "terse", 0.0, "bench")))
    tokenizer = embedded.train_tokenizer(architecture, text, size.vocabulary, size.max_length)
    model = embedded.build_model(architecture, tokenizer, size, seed=1)
    embedded.save_model(model, tokenizer, folder)
    print(
        f"judge: {architecture}, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M weights"
    )
    return TransformersEngine(folder, Prompting(), "float32", threads, "judge")


def made_texts(articles: int, words: int) -> tuple[pl.DataFrame, dict[str, dict[str, str]]]:
    """Articles, and five summaries of each, of words of the embedded world."""
    rng = random.Random(1)
    known = " ".join(row["response"] for row in make_pretraining(500, 20, 2, "terse", 0.0, "b"))
    vocabulary = sorted({word for word in known.split() if word.isascii()})

    def text(size: int) -> str:
        return " ".join(rng.choices(vocabulary, k=size))

    rows = [(f"a{n}", text(words), "") for n in range(articles)]
    frame = pl.DataFrame(rows, schema=ARTICLES, orient="row")
    written = {name: {row[0]: text(words // 5) for row in rows} for name in AUTHORS}
    return frame, written


def timed(work: Callable[[], list[Reading]]) -> tuple[float, list[Reading]]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def apart(one: list[Reading], other: list[Reading]) -> float:
    """Largest difference of two lists of readings, in logits."""
    return max(
        abs(a - b)
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first.logits, second.logits, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=50)
    parser.add_argument("--words", type=int, default=98)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--architecture", default="llama", choices=embedded.ARCHITECTURES)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        engine = made_judge(Path(place) / "judge", arguments.architecture, arguments.threads)
        articles, texts = made_texts(arguments.articles, arguments.words)
        how = PreferenceJudging.model_validate(
            {"protocols": ["pairwise"], "published_form": None, "perplexity": False,
             "prompts": {"pairwise": PAIRWISE}, "batch_tokens": arguments.batch_tokens}
        )  # fmt: skip
        asked: list[Question] = []
        real = engine.read
        engine.read = lambda questions, size: asked.extend(questions) or real(questions, size)
        judge = JudgedRun(
            "judge", "vanilla", 0, None, TextPanel(AUTHORS, [], []), texts, Path(place) / "r"
        )
        start = time.perf_counter()
        read_judges(engine, [judge], articles, how, summaries=Summaries(), study_seed=1)
        whole = time.perf_counter() - start
        statuses = pl.read_parquet(judge.output)["status"].value_counts().rows()
    lengths = [len(question.ids) for question in asked]
    mean = sum(lengths) / len(lengths)
    print(f"{len(asked)} questions of {mean:.0f} tokens ({statuses})")
    tokens = arguments.batch_tokens
    reused, first = timed(lambda: read(engine, asked, tokens))
    plain, second = timed(lambda: read(engine, asked, tokens, reuse=False))
    few = asked[:: max(1, len(asked) // 200)]
    alone, third = timed(lambda: [read(engine, [question], 1, reuse=False)[0] for question in few])
    alone *= len(asked) / len(few)
    print(f"whole reading {whole:.1f} s (budget {BUDGET:.0f} s)")
    print(f"forward passes: {reused:.1f} s with the shared beginning once, {plain:.1f} s without "
          f"({plain / reused:.2f} times), {alone:.1f} s one by one ({alone / reused:.2f} times, "
          f"from {len(few)} prompts)")  # fmt: skip
    worst = max(apart(first, second), apart([first[asked.index(q)] for q in few], third))
    print(f"largest difference {worst:.1e} logits")
    if worst > TOLERANCE:
        raise SystemExit("the ways do not give the same logits")
    if whole > BUDGET:
        raise SystemExit("over budget")


if __name__ == "__main__":
    main()
