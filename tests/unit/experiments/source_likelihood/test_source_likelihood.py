"""Likelihoods of the sources' held-out answers: which prompts, which values, which source gains."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tiny_adapters import make_adapters

from manybaskets.config.evaluation import Scoring, Statistics
from manybaskets.config.models import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.experiments.source_likelihood.changes import CONTRAST, likelihood_changes
from manybaskets.experiments.source_likelihood.findings import section_of
from manybaskets.experiments.source_likelihood.scoring import SCORES, held_out, score_sources
from manybaskets.records.responses import RESPONSES
from manybaskets.scoring.likelihood import score_texts

COUNT = 20
IDS = [f"{n:02d}-0" for n in range(COUNT)]
SHARES = {"single": {"long": 1.0}, "multi": {"long": 0.5, "short": 0.5}}
RESAMPLES = Statistics(bootstrap_resamples=999)


def scores(long: float, short: float, noise: int) -> pl.DataFrame:
    """Scores of two sources with these means; the noise of a run is the same for both sources."""
    drawn = np.random.default_rng(noise).normal(0, 0.05, COUNT)
    drawn -= drawn.mean()
    level = np.linspace(1, 3, COUNT) - 2
    rows = [
        {"source": name, "prompt_id": key, "nll": mean + level[n] + drawn[n], "tokens": 9}
        for name, mean in (("long", long), ("short", short))
        for n, key in enumerate(IDS)
    ]
    return pl.DataFrame(rows, schema=SCORES)


@pytest.fixture()
def runs() -> dict[tuple[str, str, int], pl.DataFrame]:
    return {
        ("llama", "vanilla", 0): scores(2.0, 3.0, 0),
        ("llama", "single", 1): scores(1.5, 2.9, 1),
        ("llama", "single", 2): scores(1.4, 2.8, 2),
        ("llama", "multi", 1): scores(1.6, 2.5, 3),
    }


def test_the_source_of_the_mix_gains_more_than_the_other(runs):
    changes = likelihood_changes(runs, SHARES, RESAMPLES, 42)
    rows = {row["source"]: row for row in changes.filter(mix="single").to_dicts()}
    assert list(rows) == ["long", "short", CONTRAST]
    assert rows["long"]["untuned"] == pytest.approx(2.0) and rows["long"]["share"] == 1
    assert rows["long"]["tuned"] == pytest.approx(1.45)
    assert rows["short"]["change"] == pytest.approx(-0.15) and rows["short"]["share"] == 0
    assert rows[CONTRAST]["change"] == pytest.approx(-0.4)
    assert all(row["low"] <= row["change"] <= row["high"] for row in rows.values())
    assert rows[CONTRAST]["high"] < 0 and rows["long"]["n_seeds"] == 2
    (sentence,) = section_of(changes).sentences
    assert "`single`" in sentence and "its own sources gain more" in sentence


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.5, -0.3, "its own sources gain more"), (0.1, 0.3, "the other sources gain more"),
     (-0.5, 0.1, "could not be distinguished"), (None, None, "nothing is decided")],
)  # fmt: skip
def test_words_follow_the_interval(runs, low, high, words):
    changes = likelihood_changes(runs, SHARES, RESAMPLES, 42).filter(mix="single")
    ends = {"low": pl.lit(low, pl.Float64), "high": pl.lit(high, pl.Float64)}
    (sentence,) = section_of(changes.with_columns(**ends)).sentences
    assert words in sentence.rpartition(";")[2]


def test_a_mix_of_all_sources_has_no_contrast(runs):
    changes = likelihood_changes(runs, SHARES, RESAMPLES, 42).filter(mix="multi")
    assert changes["source"].to_list() == ["long", "short"]
    assert changes["change"].to_list() == pytest.approx([-0.4, -0.5])


def test_a_prompt_counts_only_where_all_runs_have_all_values(runs):
    key = ("llama", "multi", 1)
    runs[key] = runs[key].filter((pl.col("prompt_id") != IDS[0]) | (pl.col("source") == "long"))
    changes = likelihood_changes(runs, SHARES, RESAMPLES, 42)
    assert changes["n_prompts"].unique().to_list() == [COUNT - 1]
    # Without the prompt whose level is 1 below the mean of 20.
    untuned = changes.filter(mix="single", source="short")["untuned"].item()
    first = runs["llama", "vanilla", 0].filter(prompt_id=IDS[0], source="short")["nll"].item()
    assert untuned == pytest.approx((3.0 * COUNT - first) / (COUNT - 1))


def test_prompts_are_shared_validation_prompts_with_different_texts():
    ids = [f"{n:02d}-{k}" for n in range(10) for k in range(2)]
    split = pl.DataFrame({"prompt_id": ids, "split": ["validation"] * 16 + ["train"] * 4})
    eligible = pl.DataFrame({"prompt_id": ids, "eligible": [n >= 2 for n in range(20)]})
    chosen = held_out(split, eligible, 5, 42)
    assert len(chosen) == 5 == len({key[:2] for key in chosen})
    assert {key[:2] for key in held_out(split, eligible, 99, 42)} == {f"0{n}" for n in range(1, 8)}
    assert held_out(split.reverse(), eligible.reverse(), 5, 42) == chosen
    assert held_out(split, eligible, 5, 7) != chosen
    with pytest.raises(UserError, match="share no validation prompt"):
        held_out(split, eligible.with_columns(eligible=False), 5, 42)


def test_every_run_scores_all_sources_with_its_own_adapter(tiny_models, tmp_path):
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")
    prompts = pl.DataFrame(
        {
            "prompt_id": IDS[:4],
            "instruction": [f"Who founded town {n}?" for n in range(4)],
            "context": [""] * 4,
            "follow_ups": [[]] * 4,
        },
        schema_overrides={"follow_ups": pl.List(pl.String)},
    )

    def answers(text: str) -> pl.DataFrame:
        """Responses; the last prompt is unanswered, and another one is not among the prompts."""
        keys = [*IDS[:3], IDS[9]]
        row = dict.fromkeys(RESPONSES) | {"sample": 0, "turn": 0, "text": text}
        rows = [row | {"prompt_id": key} for key in keys] + [
            row | {"prompt_id": IDS[3], "text": None}
        ]
        return pl.DataFrame(rows, schema=RESPONSES)

    (adapter,) = make_adapters(tiny_models["llama"], tmp_path, [1])
    outputs = [tmp_path / "vanilla.parquet", tmp_path / "single.parquet"]
    score_sources(
        engine,
        prompts,
        {"long": answers("King Hal founded it long ago."), "short": answers("Hal did.")},
        target="llama",
        runs=[("vanilla", 0), ("single", 1)],
        adapters=[None, adapter],
        max_prompt_tokens=256,
        settings=Scoring(),
        outputs=outputs,
    )
    untuned, tuned = map(pl.read_parquet, outputs)
    assert untuned["source"].to_list() == ["long"] * 3 + ["short"] * 3
    assert untuned["prompt_id"].to_list() == IDS[:3] * 2
    engine.use_adapter(None)
    expected = score_texts(prompts, dict.fromkeys(IDS[:3], "Hal did."), engine, 256, Scoring())[
        "nll_without_end"
    ]
    assert untuned["nll"].to_list()[3:] == pytest.approx(expected.to_list(), abs=1e-6)
    assert np.abs(untuned["nll"] - tuned["nll"]).min() > 1e-3
