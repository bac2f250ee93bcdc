"""Score rows of fabricated runs: planted effects of conditions, templates and base prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from manybaskets.experiments.robustness.scores import (
    BENIGN,
    CONTROL,
    DIRECT,
    HARM,
    JAILBREAK,
    QUALITY,
    REFUSAL,
    Analysis,
)
from manybaskets.judging.records import JUDGED

JUDGES = {HARM: ["judge"], QUALITY: ["judge"], REFUSAL: ["judge", "patterns"]}
MIXES = ("vanilla", "human", "single", "multi")
# How far a condition is from refusing: the threshold of the latent harm that it moves.
LEANING = {"vanilla": -1.5, "human": 0.3, "single": -0.8, "multi": -0.9}
_SCHEMA = {"target": pl.String, "mix": pl.String, "seed": pl.Int64, **JUDGED}


def design(
    targets: Sequence[str] = ("llama",),
    *,
    direct: int = 24,
    templates: int = 5,
    bases: int = 8,
    benign: int = 10,
    control: int = 12,
    categories: int = 4,
) -> pl.DataFrame:
    """Direct requests, templates × base prompts, benign look-alikes and ordinary prompts."""
    rows = []
    for target in targets:
        for place in range(direct):
            rows.append(
                (target, DIRECT, f"d{place:04x}-0", None, f"d{place:04x}", f"c{place % categories}")
            )
        for template in range(templates):
            for base in range(bases):
                name = f"j{template:02x}{base:04x}-0"
                rows.append((target, JAILBREAK, name, f"t{template:02d}", f"b{base:03d}",
                             f"c{base % categories}"))  # fmt: skip
        for place in range(benign):
            rows.append((target, BENIGN, f"n{place:04x}-0", None, f"n{place:04x}", None))
        for place in range(control):
            rows.append((target, CONTROL, f"o{place:04x}-0", None, f"o{place:04x}", None))
    columns = ["target", "prompt_set", "prompt_id", "template_id", "base_id", "category"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def scores(
    rows: pl.DataFrame,
    *,
    mixes: Sequence[str] = MIXES,
    leaning: Mapping[str, float] = LEANING,
    seeds: Sequence[int] = (1, 2, 3),
    failed: float = 0.0,
    no_response: float = 0.0,
    training: float = 0.1,
    seed: int = 0,
) -> pl.DataFrame:
    """One score per run, prompt, judge and rubric.

    A latent harm (condition, template, base prompt, training, answer) is cut into five scores; a
    response that scores 1 is a refusal, mostly; the patterns see nine of ten refusals.

    Args:
        failed, no_response: share of the judgements that fail, and of the responses.
    """
    tables = []
    for (target,), group in rows.partition_by("target", as_dict=True, maintain_order=True).items():
        rng = np.random.default_rng(seed)
        effects = _effects(group, rng)
        for mix in mixes:
            for run in (0,) if mix == "vanilla" else seeds:
                moved = training * rng.normal() if mix != "vanilla" else 0.0
                latent = leaning[mix] + effects + moved + rng.normal(size=group.height)
                tables += _judged(group, latent, target, mix, run, failed, no_response, rng)
    return pl.concat(tables)


def _effects(group: pl.DataFrame, rng: np.random.Generator) -> np.ndarray:
    effects = np.zeros(group.height)
    for column, spread in (("template_id", 0.8), ("base_id", 0.5)):
        names = group[column].fill_null("").to_numpy()
        known, place = np.unique(names, return_inverse=True)
        effects += spread * rng.normal(size=len(known))[place]
    lifted = group["prompt_set"].to_numpy() == JAILBREAK
    return effects + 0.9 * lifted


def _judged(group, latent, target, mix, run, failed, no_response, rng) -> list[pl.DataFrame]:
    sets = group["prompt_set"].to_numpy()
    harm = 1.0 + np.digitize(latent, [-0.5, 0.0, 0.5, 1.0])
    refused = np.where(harm == 1, rng.choice([0.0, 0.5, 1.0], len(harm), p=[0.1, 0.1, 0.8]), 0.0)
    seen = np.where(refused == 1, rng.random(len(harm)) < 0.9, rng.random(len(harm)) < 0.02)
    quality = np.clip(np.rint(3.5 + 0.4 * latent + rng.normal(size=len(harm))), 1, 5)
    silent = rng.random(len(harm)) < no_response
    answers = [
        ("judge", HARM, harm, np.isin(sets, [DIRECT, JAILBREAK])),
        ("judge", QUALITY, quality, np.isin(sets, [DIRECT, JAILBREAK, CONTROL])),
        ("judge", REFUSAL, refused, sets != CONTROL),
        ("patterns", REFUSAL, seen.astype(float), sets != CONTROL),
    ]
    tables = []
    for judge, rubric, values, asked in answers:
        broken = (rng.random(len(harm)) < failed) & (judge == "judge")
        status = np.where(silent, "no_response", np.where(broken, "judge_failed", "judged"))
        known = status == "judged"
        frame = pl.DataFrame(
            {
                "target": target, "mix": mix, "seed": run, "prompt_set": sets,
                "prompt_id": group["prompt_id"], "sample": 0, "judge": judge, "rubric": rubric,
                "score": np.where(known, values, np.nan), "status": status,
                "cause": np.where(status == "judge_failed", "not_json", ""), "attempts": 1,
                "again": None, "again_status": None,
            },
            schema=_SCHEMA,
        )  # fmt: skip
        frame = frame.with_columns(
            pl.col("score").fill_nan(None),
            pl.when(pl.col("cause") != "").then(pl.col("cause")),
        )
        tables.append(frame.filter(pl.Series(asked)))
    return tables


def analysis(
    targets: Sequence[str] = ("llama",), mixes: Sequence[str] = MIXES, **changed
) -> Analysis:
    """What the outcomes have to know of these runs."""
    given = {
        "targets": list(targets),
        "mixes": list(mixes),
        "judges": JUDGES,
        "contrasts": [
            *((mix, "vanilla") for mix in mixes if mix != "vanilla"),
            ("multi", "single"),
        ],
        "resamples": 400,
        "permutations": 1999,
        "seed": 1,
    }
    return Analysis(**(given | changed))
