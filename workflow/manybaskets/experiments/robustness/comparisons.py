"""Paired comparisons of conditions on the same prompts, and effect sizes over all conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.config.participants import mixes_several
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.outcomes import (
    OUTCOMES,
    complete,
    is_headline,
    judges_of_outcome,
    values_of,
)
from manybaskets.experiments.robustness.robustness_prompts import prompt_sets
from manybaskets.experiments.robustness.scores import (
    BENIGN,
    CONTROL,
    Analysis,
    Condition,
    by_condition,
    by_set,
)
from manybaskets.names import VANILLA
from manybaskets.statistics import crossed, ordinal
from manybaskets.statistics.bootstrap import Mean
from manybaskets.statistics.crossed import CrossedMean
from manybaskets.statistics.crossed_trainings import moderated_means
from manybaskets.statistics.families import check_attainable, correct
from manybaskets.statistics.ordinal import Samples
from manybaskets.statistics.rates import newcombe
from manybaskets.statistics.trainings import exploratory, sides, trained_once

FAMILY, OTHER_JUDGES, WITHOUT_FLAGGED = "robustness", "other judges", "without flagged templates"
EVERYONE = "all conditions"
ROBUSTNESS_COMPARISONS_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("family", "target", "prompt_set", "outcome", "judge"), pl.String),
        "mix": pl.String,  # `all conditions` for the effect size over all conditions
        "baseline": pl.String,
        **dict.fromkeys(("difference", "low", "high", "p", "p_holm"), pl.Float64),  # mix − baseline
        **dict.fromkeys(("superiority", "superiority_low", "superiority_high"), pl.Float64),
        **dict.fromkeys(("rank_biserial", "rank_biserial_low", "rank_biserial_high"), pl.Float64),
        **dict.fromkeys(
            ("epsilon_squared", "epsilon_squared_low", "epsilon_squared_high"), pl.Float64
        ),
        **dict.fromkeys(("n_prompts", "n_excluded", "n_seeds"), pl.Int64),
        "trainings": pl.String,  # of both sides, such as `3 and 1`
        "confirmatory": pl.Boolean,  # false if a side was trained once: not in Holm's family
        "marks": pl.String,
        "method": pl.String,
    }
)
_TESTED = {BENIGN: ("refused",), CONTROL: ("quality_all",)}
_ADVERSARIAL = ("harm", "refused", "danger")


def contrasts_of(study: Study, mixes: Sequence[str]) -> list[tuple[str, str]]:
    """The comparisons of the declared family: mixes with the baseline, several models with one.

    Args:
        mixes: tested mixes in addition to `vanilla`.
    """
    settings = study.robustness.comparisons
    tested = [VANILLA, *mixes]
    conditions = settings.conditions or [mix for mix in tested if mix != settings.baseline]
    contrasts = [(mix, settings.baseline) for mix in conditions]
    # Once, and not for every mix of several sources: a study may have a thousand mixes.
    single_of = {
        mix: study.mix_sources(mix)[0]
        for mix in conditions
        if mix != VANILLA and study.mixes[mix].composition == "single"
    }
    for several in conditions:
        if several == VANILLA or not mixes_several(study, several):
            continue
        sources = set(study.mix_sources(several))
        contrasts += [(several, mix) for mix, source in single_of.items() if source in sources]
    return list(dict.fromkeys(contrasts))


def check_family(study: Study, mixes: Sequence[str]) -> None:
    """Check before a run that sign flips can reach significance in the declared family.

    Args:
        mixes: tested mixes in addition to `vanilla`.

    Raises:
        UserError: as `statistics.families.check_attainable`.
    """
    own = study.robustness
    sets = [*prompt_sets(own), *([CONTROL] if own.control_prompts else [])]
    tests = sum(len(_TESTED.get(name, _ADVERSARIAL)) for name in sets)
    size = len(study.targets) * len(contrasts_of(study, mixes)) * tests
    # Direct requests are in one template, so that their tests always flip signs.
    patterns = {"statistics.sign_flips": study.statistics.sign_flips}
    check_attainable(FAMILY, size, patterns, study.statistics)


@dataclass(frozen=True)
class _Matched:
    """Values of all conditions on their common rows: `values[mix][seed, row]`."""

    values: dict[str, np.ndarray]
    templates: np.ndarray
    bases: np.ndarray
    excluded: int

    def means(self, target: str) -> dict[str, CrossedMean]:
        return moderated_means(self.values, self.templates, self.bases, target)

    def samples(self, analysis: Analysis) -> Samples | None:
        """The same values for effect sizes; None without any row."""
        if not len(self.templates):
            return None
        draws = analysis.resamples, analysis.seed
        return Samples(self.values, self.templates, self.bases, *draws)


def compare_scores(scores: pl.DataFrame, design: pl.DataFrame, analysis: Analysis) -> pl.DataFrame:
    """Compare conditions on the prompts with a value in all of them and in every seed.

    The family `robustness` covers the headline's judges over all prompt sets and targets: harm,
    refusals and danger zone of adversarial sets, refusals of the benign set, quality of the
    control; Holm's correction covers it as a whole. Other judges, and the sets without flagged
    templates, are separate families. Quality of non-refused responses is not compared, because the
    conditions answer different prompts. Intervals and p: `statistics.crossed`, with variances between
    trainings moderated over all conditions of the target. Effect sizes:
    `statistics.ordinal`; for every pair A and the rank-biserial 2 A − 1, over all conditions of a
    target ε².

    Args:
        scores, design: see `scored.conditions`.

    Returns:
        Rows of the schema `ROBUSTNESS_COMPARISONS_SCHEMA` in config order; those of `all
        conditions` have only an effect size.

    Raises:
        UserError: a condition of a contrast was not judged, or the family is too large for the
            number of sign flips.
    """
    return compare_conditions(by_condition(scores, design, analysis), analysis)


def compare_conditions(
    condition_of: Mapping[tuple[str, str, str], Condition], analysis: Analysis
) -> pl.DataFrame:
    """`compare` for scores that are already read."""
    lines: list[dict[str, Any]] = []
    tested: list[tuple[dict[str, Any], CrossedMean, CrossedMean]] = []
    for (target, prompt_set), members in by_set(condition_of):
        _check(members, target, prompt_set, analysis)
        values = {mix: values_of(condition, analysis) for mix, condition in members.items()}
        rows = next(iter(members.values())).rows
        flagged = rows.of_templates(analysis.flagged)
        restricted = [np.ones(len(rows.prompts), dtype=bool)]
        restricted += [~flagged] if flagged.any() and not flagged.all() else []
        for outcome in _TESTED.get(prompt_set, _ADVERSARIAL):
            judges = dict.fromkeys(
                key[1] for each in values.values() for key in each if key[0] == outcome
            )
            for judge in judges:
                headline = is_headline(outcome, judge, analysis)
                if not all((outcome, judge) in values[mix] for mix in members):
                    continue  # a judge missing for some runs has nothing to compare
                for index, kept in enumerate(restricted if headline else restricted[:1]):
                    family = (
                        (FAMILY if headline else OTHER_JUDGES) if not index else WITHOUT_FLAGGED
                    )
                    matched = _match(values, (outcome, judge), kept, rows)
                    line = {"family": family, "target": target, "prompt_set": prompt_set,
                            "outcome": outcome, "judge": judge,
                            "marks": analysis.marks(judges_of_outcome(outcome, judge), target),
                            "n_prompts": len(matched.templates), "n_excluded": matched.excluded}  # fmt: skip
                    samples = matched.samples(analysis)
                    lines_of_family = _compare(line, matched, samples, members, analysis)
                    tested += lines_of_family
                    lines += [each for each, *_ in lines_of_family]
                    lines += _overall(line, samples, members, analysis)
    _check_attainable(tested, analysis)
    _test(tested, analysis)
    correct(lines)
    order = {name: index for index, name in enumerate((FAMILY, WITHOUT_FLAGGED, OTHER_JUDGES))}
    return pl.DataFrame(
        sorted(lines, key=lambda line: order[line["family"]]), schema=ROBUSTNESS_COMPARISONS_SCHEMA
    )


def _check(
    members: Mapping[str, Condition], target: str, prompt_set: str, analysis: Analysis
) -> None:
    missing = sorted({mix for pair in analysis.contrasts for mix in pair if mix not in members})
    if missing:
        raise UserError(
            what=f"{target}: {', '.join(missing)} was not judged on the prompt set {prompt_set!r}",
            where="robustness.comparisons",
            expected="scores for every compared mix and the baseline",
            remedy="judge their responses, or compare other mixes",
        )


def _check_attainable(
    tested: Sequence[tuple[dict[str, Any], CrossedMean, CrossedMean]], analysis: Analysis
) -> None:
    """Check that sign flips can reach significance in the declared family."""
    members = [mean for line, mean, _ in tested if line["family"] == FAMILY]
    if any(not mean.crossed for mean in members):
        settings = Statistics(confidence=analysis.confidence, sign_flips=analysis.permutations)
        patterns = {"statistics.sign_flips": analysis.permutations}
        check_attainable(FAMILY, len(members), patterns, settings)


def _match(
    values: Mapping[str, dict], key: tuple[str, str], kept: np.ndarray, rows: Any
) -> _Matched:
    chosen = kept.copy()
    for each in values.values():
        chosen &= complete(each[key], pooled=False)
    matched_values = {mix: each[key][:, chosen] for mix, each in values.items()}
    excluded = int(kept.sum() - chosen.sum())
    return _Matched(matched_values, rows.templates[chosen], rows.bases[chosen], excluded)


def _compare(
    shared: dict[str, Any], matched: _Matched, samples: Samples | None,
    members: Mapping[str, Condition], analysis: Analysis,
) -> list[tuple[dict[str, Any], CrossedMean, CrossedMean]]:  # fmt: skip
    """The pairs of one outcome on one set, without interval and p."""
    tests = []
    if samples is None:
        nothing = CrossedMean(np.zeros((1, 1)), np.zeros((1, 1)))
        method = {"method": "no prompt with a score in every condition"}
        return [
            ({**shared, "mix": mix, "baseline": baseline, **method}, nothing, nothing)
            for mix, baseline in analysis.contrasts
        ]
    means = matched.means(shared["target"])
    for mix, baseline in analysis.contrasts:
        runs = {name: len(members[name].seeds) for name in (mix, baseline)}
        line = {**shared, "mix": mix, "baseline": baseline, **sides(shared["target"], runs)}
        line["remark"] = exploratory(trained_once(shared["target"], runs))
        a, ends = ordinal.superiority(samples, mix, baseline, analysis.confidence)
        low, high = ends or (None, None)
        line |= {"superiority": a, "superiority_low": low, "superiority_high": high}
        scaled = {"rank_biserial": a, "rank_biserial_low": low, "rank_biserial_high": high}
        line |= {key: None if each is None else 2 * each - 1 for key, each in scaled.items()}
        tests.append((line, means[mix], means[baseline]))
    return tests


def _overall(
    shared: dict[str, Any], samples: Samples | None, members: Mapping[str, Condition],
    analysis: Analysis,
) -> list[dict[str, Any]]:  # fmt: skip
    """ε² over all conditions of a target, for outcomes that are scores."""
    if OUTCOMES[shared["outcome"]].share or len(members) < 2 or samples is None:
        return []
    effect = ordinal.epsilon_squared(samples, analysis.confidence)
    runs = {mix: len(each.seeds) for mix, each in members.items()}
    fewest = sides(shared["target"], runs)["n_seeds"]
    line = {**shared, "mix": EVERYONE, "n_seeds": fewest}
    if effect is None:
        return [line | {"method": "all scores are equal"}]
    value, (low, high) = effect
    ends = {"epsilon_squared_low": low, "epsilon_squared_high": high, "epsilon_squared": value}
    return [line | ends | {"method": "share of the ranks' variance between conditions; bootstrap"}]


def _test(
    tested: Sequence[tuple[dict[str, Any], CrossedMean, CrossedMean]], analysis: Analysis
) -> None:
    """Add differences, intervals and p, all comparisons together."""
    tested = [each for each in tested if "method" not in each[0]]
    means = [crossed.difference(mix, baseline) for _, mix, baseline in tested]
    intervals = crossed.intervals(means, analysis.resamples, analysis.confidence, analysis.seed)
    p_values = crossed.p_values(means, analysis.permutations, analysis.seed)
    for (line, mix, baseline), mean, interval, p in zip(
        tested, means, intervals, p_values, strict=True
    ):
        over = "templates and base prompts" if mean.crossed else "base prompts"
        seeds = " and seeds" if mean.seeds else ""
        method = f"paired bootstrap over {over}{seeds}; {_test_name(mean)}{seeds}"
        outcome = OUTCOMES[line["outcome"]]
        if outcome.share and (interval is None or not mean.varies):
            interval = _newcombe(mix, baseline, analysis.confidence)
            method = f"Newcombe on Wilson, because all differences are equal; {_test_name(mean)}"
        if interval is not None:
            # Widened for few trainings, an interval may exceed the possible range of a difference.
            widest = outcome.ends[1] - outcome.ends[0]
            interval = max(-widest, interval[0]), min(widest, interval[1])
        line |= {"difference": mean.value, "p": p, "method": f"{method}{line.pop('remark')}"}
        line |= dict(zip(("low", "high"), interval or (None, None), strict=True))


def _test_name(mean: CrossedMean) -> str:
    if not mean.crossed:
        return "sign flips of base prompts"
    if not mean.varies:
        return "all differences are equal, p = 2^(1 − levels of the smaller factor)"
    return "t test on the components of variance"


def _newcombe(mix: CrossedMean, baseline: CrossedMean, confidence: float) -> tuple[float, float]:
    """Two shares whose differences are all equal, with the smaller factor's levels as n."""
    if not mix.crossed:
        return newcombe(mix.over_one(), baseline.over_one(), confidence)
    ones = np.ones(mix.levels)
    return newcombe(Mean(ones * mix.value, ones), Mean(ones * baseline.value, ones), confidence)
