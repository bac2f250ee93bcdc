"""Checks of the sections of experiments against the rest of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manybaskets.config.study import Study


from manybaskets.config.model_families import author_family, author_model, family_of
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.preference import KEPT_NAMES
from manybaskets.config.robustness import RUBRICS
from manybaskets.config.study_checks import require_names
from manybaskets.names import HUMAN, VANILLA


def check_preference(study: Study) -> None:
    """Check the section against the rest of the study.

    Raises:
        ValueError: an undefined name; a target whose base is not an author; a held-out author that
            is not held out; no held-out author and no reason.
    """
    settings = study.preference
    writers = {HUMAN, *study.sources, *study.models}
    require_names("preference.authors", settings.authors, writers, "sources or models")
    named = {
        "held_out": settings.held_out,
        "judging.discrimination.authors": settings.judging.discrimination.authors,
    }
    named |= {f"panels.{target}": panel for target, panel in settings.panels.items()}
    for key, names in named.items():
        require_names(f"preference.{key}", names, settings.authors, "preference.authors")
    if HUMAN in settings.held_out:
        raise ValueError(
            "preference.held_out: remove 'human', which is the reference and not a model family"
        )
    require_names("preference.mixes", settings.mixes or [], [*study.mixes, VANILLA], "mixes")
    require_names("preference.gold_judges", settings.gold_judges, study.models, "models")
    require_names("preference.panels", list(settings.panels), study.targets, "targets")
    if settings.articles.kind == "embedded" and not study.embedded_world:
        raise ValueError(
            "preference.articles: kind 'embedded' belongs to the embedded world; use 'file' or 'hub'"
        )
    for name in settings.authors:
        if name in study.sources and not study.sources[name].engine.generates:
            raise ValueError(
                f"preference.authors: source '{name}' is a file of ready answers and cannot write "
                "summaries; use its model"
            )
    for name in [*settings.authors, *study.targets]:
        if name in KEPT_NAMES:
            raise ValueError(f"preference: '{name}' is a reserved name; rename the model")
    judges = [*study.targets, *settings.gold_judges]
    form = settings.judging.published_form
    either = "targets or preference.gold_judges"
    require_names("preference.judging.engines", list(settings.judging.engines), judges, either)
    require_names(
        "preference.judging.published_form.judges", form and form.judges or [], judges, either
    )
    for name in judges:
        engine = settings.judging.engine_of(name)
        if settings.judging.asks_published(name) and not engine.reads_logits:
            raise ValueError(
                f"preference.judging: the judge '{name}' has engine '{engine.kind}', which does "
                "not return probabilities after temperature and top-p for the published form; use "
                "engine 'transformers', remove the judge from published_form.judges, or set "
                "`published_form` to null"
            )
    if not study.targets:
        raise ValueError("preference: add `targets`, because a study without targets has no judges")
    _check_families(study)


def _check_families(study: Study) -> None:
    settings = study.preference
    judges = {target: family_of(study, target) for target in study.targets}
    taught = {name: author_family(study, name) for name in study.mixed_sources() if name != HUMAN}
    writers = {name: author_family(study, name) for name in settings.authors if name != HUMAN}
    for author in settings.held_out:
        for kind, known in (("source", taught), ("judge", judges)):
            for name, family in known.items():
                if family == writers[author]:
                    raise ValueError(
                        f"preference.held_out: '{author}' is of the family '{family}' of {kind} "
                        f"'{name}', so it is not held out; use an author of another family"
                    )
    for target in study.targets:
        panel = settings.panel(target)
        if not any(author_model(study, name) == target for name in panel):
            raise ValueError(
                f"preference.authors: add '{target}', the base model and self of the judge "
                f"'{target}'"
            )
        if not set(settings.held_out) & set(panel) and not settings.no_held_out_reason:
            raise ValueError(
                f"preference.held_out: the judges of '{target}' see no author of a family outside "
                "of the training data, so a preference for training data and self-preference "
                "cannot be distinguished; add such an author, or state in "
                "preference.no_held_out_reason why there is none"
            )
    for judge in settings.gold_judges:
        for name, family in (judges | taught | writers).items():
            if family == family_of(study, judge):
                raise ValueError(
                    f"preference.gold_judges: '{judge}' is of the family '{family}' of '{name}' "
                    "and may favour it; use an independent model"
                )


def check_robustness(study: Study) -> None:
    """Check the section against the rest of the study.

    Raises:
        ValueError: an undefined name, or a section that needs the embedded world without it.
    """
    own = study.robustness
    if not study.targets:
        raise ValueError(
            "robustness: add `targets`; a study of sources alone has no refusals to test"
        )
    conditions = {*study.mixes, "vanilla"}
    tested = {*chosen_mixes(study), "vanilla"}
    require_names("robustness.mixes", own.mixes or [], study.mixes, "mixes")
    require_names("robustness.names", list(own.names), study.targets, "targets")
    for key, names in (
        ("baseline", [own.comparisons.baseline]),
        ("mixes", own.comparisons.conditions),
    ):
        require_names(f"robustness.comparisons.{key}", names or [], conditions, "mixes")
        require_names(f"robustness.comparisons.{key}", names or [], tested, "the tested mixes")
    if own.comparisons.baseline in (own.comparisons.conditions or []):
        raise ValueError("robustness.comparisons.conditions: remove the baseline")
    for key in own.rubrics():
        where = f"robustness.judges.{key}" if key in RUBRICS else f"robustness.judges.rubrics.{key}"
        require_names(where, own.judges.of(key), study.judges, "judges")
    if not study.embedded_world:
        for key in ("requests", "benign"):
            if getattr(getattr(own, key), "kind", None) == "embedded":
                raise ValueError(
                    f"robustness.{key}: kind 'embedded' belongs to the embedded world; use kind "
                    "'file' with this dataset"
                )
