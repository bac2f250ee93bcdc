"""The long table of the published procedures: columns, labels, and test groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from manybaskets.published import unpaired_tests
from manybaskets.published.condition_groups import pairs, together, versus

PROCEDURES_SCHEMA = pl.Schema(
    {
        "metric": pl.String,
        "variant": pl.String,
        "target": pl.String,  # `a vs b` for a pair across targets, `all`, or `training_data`
        "condition": pl.String,  # mix or source; `a vs b` for a pair, `a, b, c` for a group
        "prompt_set": pl.String,
        "statistic": pl.String,
        "value": pl.Float64,  # null if the procedure gives no value
        "n": pl.Int64,  # observations in the value; the unit differs by metric
        "note": pl.String,
    }
)
ALL = "all"
TRAINING_DATA = "training_data"
ALPHA = 0.05
HUMAN_TEXT, OWN_OUTPUT = "ppl_human_text", "ppl_own_output"
SELF_BLEU, HEAPS, SEMANTIC = "lexical_diversity_sb3", "heaps", "semantic_diversity"


@dataclass
class Lines:
    """Rows of the schema `PAPER` about the same prompts."""

    prompt_set: str
    rows: list[tuple] = field(default_factory=list)
    told: set[tuple[str, ...]] = field(default_factory=set)

    def add(
        self,
        metric: str,
        variant: str,
        target: str,
        condition: str,
        values: Mapping[str, float | None],
        n: int | None,
        note: str,
    ) -> None:
        """One row per statistic; null for None or NaN."""
        self.told.add((metric, variant, target, condition))
        for statistic, value in values.items():
            known = value is not None and not np.isnan(value)
            row = (metric, variant, target, condition, self.prompt_set, statistic)
            self.rows.append((*row, float(value) if known else None, n, note))

    def frame(self) -> pl.DataFrame:
        """The rows as a table."""
        return pl.DataFrame(self.rows, schema=PROCEDURES_SCHEMA, orient="row")

    def add_tests(
        self,
        metric: str,
        variant: str,
        target: str,
        samples: Mapping[str, np.ndarray],
        pairwise: str,
    ) -> None:
        """Kruskal–Wallis over all conditions of a group, then every pair.

        A pair already reported in another group is not repeated.

        Args:
            samples: values by condition.
            pairwise: `kruskal` or `mann-whitney`.
        """
        if len(samples) < 2:
            return
        names = list(samples)
        total = sum(map(len, samples.values()))
        found = unpaired_tests.kruskal_wallis(list(samples.values()))
        note = f"Kruskal-Wallis; alpha {ALPHA:g}; all {total} values assumed independent"
        self.add(metric, variant, target, together(names), found, total, note)
        compared = pairs(names)
        alpha = f"alpha {ALPHA:g}/{len(compared)}"
        for first, second in compared:
            if (metric, variant, target, versus(first, second)) in self.told:
                continue
            one, other = samples[first], samples[second]
            if pairwise == "kruskal":
                found = unpaired_tests.kruskal_wallis([one, other])
                note = f"Kruskal-Wallis of two groups, published as Mann-Whitney U; {alpha}"
            else:
                found = unpaired_tests.mann_whitney(one, other)
                note = f"Mann-Whitney, two-sided, unpaired; {alpha}"
            note = f"{note}; n {len(one)} and {len(other)}"
            self.add(metric, variant, target, versus(first, second), found, None, note)


def noted(*remarks: str) -> str:
    """A note joined from several texts."""
    return "; ".join(remark for remark in remarks if remark)
