"""Config section `preference`: the self-preference experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from manybaskets.config.articles import Articles, Summaries
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.config.sections import Name, Section, Seed

if TYPE_CHECKING:
    pass


KEPT_NAMES = ("own", "gold")  # names of a judge's own text and of independent judges in readings
# Summaries are cheap compared with training data: share of a source's spending cap for them.
SHARE_OF_CAP = 0.1


class PreferenceStatistics(Section):
    """Confidence intervals and tests; `statistics.confidence` applies here too."""

    renamed: ClassVar = {"bootstrap_resamples": "resamples", "sign_flips": "permutations"}
    bootstrap_resamples: int = Field(
        10000, ge=100, description="Number of bootstrap resamples over articles and training seeds."
    )
    sign_flips: int = Field(
        10000, ge=100, description="Number of random sign flips per paired test."
    )
    length_match: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Largest difference in length between the summaries of a length-matched pair, as a "
        "share of the words.",
    )
    low_mass: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Total probability of the markers below which a reading counts as low.",
    )


class Preference(Section):
    """Self-preference: judges compare and rate summaries of the same articles."""

    renamed: ClassVar = {
        "no_held_out_reason": "without_held_out",
        "own_summaries": "own",
        "share_model_load": "one_load",
    }
    operational: ClassVar = frozenset({"share_model_load"})
    articles: Articles = Field(description="Articles to summarise.")
    count: int = Field(300, ge=2, description="Number of articles: a seeded sample.")
    seed: Seed | None = Field(None, description="Seed of that sample; null to use the study seed.")
    authors: list[str] = Field(
        min_length=2,
        description="Authors of the summaries: `human` (the reference), entries of `sources` (with their "
        "engine) or of `models`. A judge's self is the author whose model it was tuned from.",
    )
    panels: dict[Name, list[str]] = Field(
        default={},
        description="Authors whose summaries the judges of a target see, by target; all authors for a "
        "target without an entry.",
    )
    held_out: list[str] = Field(
        default=[],
        description="Authors whose model family made no training data and includes no judge.",
    )
    no_held_out_reason: str | None = Field(
        None,
        min_length=10,
        description="Why there is no held-out author; the report shows it. Null if there is one.",
    )
    own_summaries: bool = Field(
        True,
        description="Every judged run also writes summaries. Its judge compares them with those of its "
        "base model, and the untuned target judges them too.",
    )
    mixes: list[Name] | None = Field(
        None,
        description="Mixes whose runs judge, in addition to the untuned target; null for all mixes of the "
        "config except those that `source_counts` adds.",
    )
    gold_judges: list[Name] = Field(
        default=[],
        description="Entries of `models` that judge as independent references: of a family that wrote no "
        "summary and made no training data.",
    )
    summaries: Summaries = Field(
        default_factory=Summaries, description="How summaries are written."
    )
    judging: PreferenceJudging = Field(
        default_factory=PreferenceJudging,
        description="What judges are asked, and how their answers are read.",
    )
    share_model_load: Literal["run", "target"] | None = Field(
        None,
        description="What one load of a target's weights is used for: one `run` per job, or all runs of a "
        "`target` in one job; null to use `responses.share_model_load`.",
    )
    margin: float = Field(
        0.02,
        gt=0,
        lt=0.5,
        description="Largest bias, as a probability, that counts as unbiased in the equivalence test.",
    )
    statistics: PreferenceStatistics = Field(
        default_factory=PreferenceStatistics, description="Confidence intervals and tests."
    )

    def panel(self, target: str) -> list[str]:
        """Authors that the judges of a target see, in config order."""
        return [name for name in self.authors if name in self.panels.get(target, self.authors)]

    def published(self, judge: str, panel: list[str]) -> list[str]:
        """Authors of the published form for a judge, without held-out authors; empty if it is not
        asked in this form."""
        if not self.judging.asks_published(judge):
            return []
        return [name for name in panel if name not in self.held_out]
