"""Roles of authors and judges in a self-preference study, in the order of tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from manybaskets.config.evaluation import Statistics
from manybaskets.config.model_families import author_family
from manybaskets.config.participants import judged_mixes, self_of
from manybaskets.config.study import Study
from manybaskets.experiments.preference.schemas import CORRECTED, PAPER
from manybaskets.names import HUMAN, VANILLA

PROBABILITY, LOG_ODDS, POINTS, Z = "probability", "log-odds", "points", "sd of the judge's scores"


@dataclass(frozen=True)
class Roles:
    """Information on authors and judges for the statistics.

    Attributes:
        selves: by target, the author whose summaries the untuned target wrote: the judges' "self".
        models: all authors that are models, in config order.
        mixes: the judges' training mixes in config order, `vanilla` first.
        panels: by target, the models among the authors that its judges see; defaults to all.
        taught: by mix, the authors whose family made its training data.
        held_out: authors of families that made no judge's training data.
        proxies: by target, the author whose texts are treated as equally good as the judge's own;
            without one, the author that the gold judges rate closest to self.
        pairs: conditions whose biases are compared, each pair once.
        margins: by unit, the largest bias that counts as no bias, set before the run.
        scale: lowest and highest score of the absolute protocol.
        length_match: maximum relative difference in words for pairs of equal length.
        low_mass: total marker probability below which a reading counts as low.
        human: author of the references.
    """

    selves: Mapping[str, str]
    models: Sequence[str]
    mixes: Sequence[str]
    panels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    taught: Mapping[str, Sequence[str]] = field(default_factory=dict)
    held_out: Sequence[str] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[Sequence[str]] = ()
    margins: Mapping[str, float] = field(default_factory=lambda: {PROBABILITY: 0.05, POINTS: 0.1})
    scale: Sequence[float] = (1, 5)
    length_match: float = 0.1
    low_mass: float = 0.5
    human: str = HUMAN

    @classmethod
    def of(cls, study: Study) -> Roles:
        """The roles of a study with the section `preference`.

        Every mix is compared with the untuned target, and with the mixes of other kinds. The margin
        of scores is the same fraction of their scale as that of probabilities.
        """
        settings, mixes = study.preference, judged_mixes(study)
        models = [name for name in settings.authors if name != HUMAN]
        low, high = settings.judging.scale
        return cls(
            selves={target: self_of(study, target) for target in study.targets},
            models=models,
            mixes=[VANILLA, *mixes],
            panels={
                target: [name for name in settings.panel(target) if name != HUMAN]
                for target in study.targets
            },
            taught={mix: _taught(study, mix, models) for mix in mixes},
            held_out=list(settings.held_out),
            pairs=[(mix, VANILLA) for mix in mixes]
            + [
                pair
                for pair in combinations(mixes, 2)
                if study.mixes[pair[0]].group != study.mixes[pair[1]].group
            ],
            margins={PROBABILITY: settings.margin, POINTS: settings.margin * (high - low)},
            scale=[low, high],
            length_match=settings.statistics.length_match,
            low_mass=settings.statistics.low_mass,
        )

    def others(self, target: str, variant: str = CORRECTED) -> list[str]:
        """The models compared with the judge's own texts; the published form has no held-out model."""
        panel = self.panels.get(target, self.models)
        unseen = {self.selves[target], *(self.held_out if variant == PAPER else ())}
        return [name for name in panel if name not in unseen]


def settings_of(study: Study) -> Statistics:
    """Confidence of the study, with resamples and sign flips of its section `preference`."""
    settings = study.preference.statistics
    return study.statistics.model_copy(
        update={
            "bootstrap_resamples": settings.bootstrap_resamples,
            "sign_flips": settings.sign_flips,
        }
    )


def _taught(study: Study, mix: str, authors: Sequence[str]) -> list[str]:
    """The authors of the families that made a mix's training data."""
    families = {author_family(study, name) for name in study.mix_sources(mix) if name != HUMAN}
    return [name for name in authors if author_family(study, name) in families]


def reading_settings(study: Study, model: str) -> dict[str, Any]:
    """What the readings of a judge depend on in addition to the texts, as plain values.

    Args:
        model: the judge's entry in `models`.
    """
    return {
        "judging": study.preference.judging.science(),
        "request": study.preference.summaries.request(),
        "prompting": study.prompting_of(model).model_dump(),
        "precision": study.training.precision,
        "seed": study.seed,
    }
