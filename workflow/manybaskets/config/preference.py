"""The section of the config about self-preference: whom judges prefer among summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from manybaskets.config.articles import Articles, Summaries
from manybaskets.config.asking import HUMAN, Judging
from manybaskets.config.parts import Source
from manybaskets.config.sections import Name, Section

if TYPE_CHECKING:
    from manybaskets.config.study import Study

VANILLA = "vanilla"
KEPT_NAMES = ("own", "gold")  # what readings call a judge's own text and independent judges
# Summaries cost little beside training data: of a source's spending cap they may use this, too.
SHARE_OF_CAP = 0.1


class PreferenceStatistics(Section):
    """Intervals and tests; `statistics.confidence` holds here too."""

    resamples: int = Field(
        10000, ge=100, description="Draws of the bootstrap over articles and training seeds."
    )
    permutations: int = Field(10000, ge=100, description="Sign flips of a paired test.")
    length_match: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Largest difference in words of a length-matched pair, as a share.",
    )
    low_mass: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Probability of the markers below which a reading counts as low.",
    )


class Preference(Section):
    """Self-preference: judges compare and rate summaries of the same articles."""

    operational: ClassVar = frozenset({"one_load"})
    articles: Articles = Field(description="What is summarised.")
    count: int = Field(300, ge=2, description="Articles, a seeded sample of this size.")
    seed: int | None = Field(None, description="Seed of that sample; null for the study's.")
    authors: list[str] = Field(
        min_length=2,
        description="Who writes: `human` (the reference), entries of `sources` (with their engine) or "
        "of `models`. A judge's self is the author whose model it was tuned from.",
    )
    panels: dict[Name, list[str]] = Field(
        default={},
        description="Authors that the judges of a target see, such as those of its size; a target "
        "without an entry sees all.",
    )
    held_out: list[str] = Field(
        default=[],
        description="Those of the authors whose family no mix was trained on and no judge belongs to.",
    )
    without_held_out: str | None = Field(
        None, min_length=10, description="Why there is none; stands in the report."
    )
    own: bool = Field(
        True,
        description="Every judged run summarises too, and its judge sees its own text beside its "
        "base's; the untuned target judges these texts as well.",
    )
    mixes: list[Name] | None = Field(
        None,
        description="Mixes whose runs judge, beside the untuned target; null: all of the config, "
        "without those that `source_counts` adds.",
    )
    gold_judges: list[Name] = Field(
        default=[],
        description="Entries of `models` that judge too, as independent gold: of a family that wrote "
        "no summary and made no training data.",
    )
    summaries: Summaries = Field(
        default_factory=Summaries, description="How summaries are written."
    )
    judging: Judging = Field(default_factory=Judging, description="What judges are asked.")
    one_load: Literal["run", "target"] | None = Field(
        None,
        description="What one load of a target summarises and judges with: one `run`, or all runs of the "
        "`target`; null: as in `responses.one_load`.",
    )
    margin: float = Field(
        0.02,
        gt=0,
        lt=0.5,
        description="Bias, in units of probability, below which a judge counts as free of it "
        "(equivalence test).",
    )
    statistics: PreferenceStatistics = Field(
        default_factory=PreferenceStatistics, description="Intervals and tests."
    )

    def panel(self, target: str) -> list[str]:
        """Authors that the judges of a target see, in the order of the config."""
        return [name for name in self.authors if name in self.panels.get(target, self.authors)]

    def published(self, judge: str, panel: list[str]) -> list[str]:
        """Authors of the published form for a judge: none that are held out; nobody where it is not
        asked in that form."""
        if not self.judging.asks_published(judge):
            return []
        return [name for name in panel if name not in self.held_out]


def author_model(study: Study, author: str) -> str | None:
    """The entry of `models` that writes as this author; none for people and for servers."""
    if author in study.sources:
        return study.sources[author].model
    return author if author in study.models else None


def writer(study: Study, author: str) -> Source:
    """An author as a source: its own engine, the section's sampling and batches."""
    how = study.preference.summaries
    if author in study.sources:
        settings = study.sources[author]
    else:
        settings = Source(model=author, engine=study.responses.engine)
    changes = {"sampling": how.sampling, "batch_size": how.batch_size}
    return Source(model=settings.model, engine=settings.engine, **changes)


def operations(study: Study) -> dict[str, Any]:
    """What changes no result of this experiment, for the jobs that need it."""
    how = study.preference
    if how is None:
        return {}
    writers = [name for name in how.authors if name != HUMAN]
    return {
        "writers": {name: writer(study, name).operations() for name in writers},
        "own": {"engine": study.responses.engine.operations()},
        "summaries": how.summaries.operations(),
        "judging": how.judging.operations(),
    }


def self_of(study: Study, target: str) -> str:
    """The author that is a target's self: its base model."""
    panel = study.preference.panel(target)
    return next(name for name in panel if author_model(study, name) == target)


def judged_mixes(study: Study) -> list[str]:
    """Mixes whose runs judge; the untuned target always does and is not among them."""
    chosen = study.preference.mixes
    if chosen is not None:
        return [name for name in chosen if name != VANILLA]
    added = study.added_mixes()
    return [name for name in study.mixes if name not in added]


def check_preference(study: Study) -> None:
    """Check the section against the rest of the study.

    Raises:
        ValueError: a name that nothing defines; a target without its base among the authors; an author
            that is called held out and is not; no held-out author and no reason.
    """
    how = study.preference
    if how is None:
        return
    writers = {HUMAN, *study.sources, *study.models}
    study._require("preference.authors", how.authors, writers, "sources or models")
    if len(set(how.authors)) < len(how.authors):
        raise ValueError("preference.authors: the same name twice")
    named = {"held_out": how.held_out, "judging.discrimination.of": how.judging.discrimination.of}
    named |= {f"panels.{target}": panel for target, panel in how.panels.items()}
    for key, names in named.items():
        study._require(f"preference.{key}", names, how.authors, "preference.authors")
    if HUMAN in how.held_out:
        raise ValueError("preference.held_out: 'human' is the reference and no family of models")
    study._require("preference.mixes", how.mixes or [], [*study.mixes, VANILLA], "mixes")
    study._require("preference.gold_judges", how.gold_judges, study.models, "models")
    study._require("preference.panels", list(how.panels), study.targets, "targets")
    if how.articles.kind == "embedded" and study.dataset.kind != "embedded":
        raise ValueError(
            "preference.articles: kind 'embedded' belongs to the embedded world; use 'file' or 'hub'"
        )
    for name in how.authors:
        if name in study.sources and study.sources[name].engine.kind == "replay":
            raise ValueError(
                f"preference.authors: source '{name}' is a file of ready answers and writes no "
                "summaries; name its model"
            )
    for name in [*how.authors, *study.targets]:
        if name in KEPT_NAMES:
            raise ValueError(
                f"preference: '{name}' is kept for a meaning of its own; rename the model"
            )
    judges = [*study.targets, *how.gold_judges]
    paper = how.judging.paper
    either = "targets or preference.gold_judges"
    study._require("preference.judging.engines", list(how.judging.engines), judges, either)
    study._require("preference.judging.paper.judges", paper and paper.judges or [], judges, either)
    for name in judges:
        kind = how.judging.engine_of(name).kind
        if how.judging.asks_published(name) and kind != "transformers":
            raise ValueError(
                f"preference.judging: the judge '{name}' has engine '{kind}', which gives no "
                "probabilities after temperature and top-p as the published form reads them; use engine "
                "'transformers', leave the judge out of paper.judges, or set `paper` to null"
            )
    if not study.targets:
        raise ValueError("preference: a study without targets has no judges")
    _check_families(study)


def _check_families(study: Study) -> None:
    how = study.preference
    judges = {target: _model_family(study, target) for target in study.targets}
    taught = {name: author_family(study, name) for name in study.mixed_sources() if name != HUMAN}
    writers = {name: author_family(study, name) for name in how.authors if name != HUMAN}
    for author in how.held_out:
        for kind, known in (("source", taught), ("judge", judges)):
            for name, family in known.items():
                if family == writers[author]:
                    raise ValueError(
                        f"preference.held_out: '{author}' is of the family '{family}' of {kind} "
                        f"'{name}', so it is not held out; name an author of another family"
                    )
    for target in study.targets:
        panel = how.panel(target)
        if not any(author_model(study, name) == target for name in panel):
            raise ValueError(
                f"preference.authors: no author is the base model of the judge '{target}', which is "
                f"its self; add '{target}'"
            )
        if not set(how.held_out) & set(panel) and not how.without_held_out:
            raise ValueError(
                f"preference.held_out: the judges of '{target}' see no author of a family that no mix "
                "was trained on, so that a taste for training data and one for their own kind cannot "
                "be told apart; add one, or say in preference.without_held_out why there is none"
            )
    for judge in how.gold_judges:
        for name, family in (judges | taught | writers).items():
            if family == _model_family(study, judge):
                raise ValueError(
                    f"preference.gold_judges: '{judge}' is of the family '{family}' of '{name}' and "
                    "would favour its kin; name an independent model"
                )


def author_family(study: Study, author: str) -> str:
    """Family of an author or source: of its model, else what its server's name for it tells, else
    its own name."""
    from manybaskets.judging.families import known_family

    model = author_model(study, author)
    if model:
        return _model_family(study, model)
    served = getattr(study.sources[author].engine, "served_model", author)
    return known_family(served) or author


def _model_family(study: Study, model: str) -> str:
    from manybaskets.judging.families import family_of

    return family_of(study, model)
