"""All published procedures on the runs of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.config.evaluation import PublishedProcedures
from manybaskets.jobs.progress import Progress
from manybaskets.names import TEST
from manybaskets.published import perplexity, self_bleu, semantic_distance, unpaired_tests
from manybaskets.published.condition_groups import Groups, check_labels, pairs, together, versus
from manybaskets.published.encoding import Encode
from manybaskets.published.entries import (
    ValidAnswers,
    Who,
    add_distance,
    add_heaps,
    add_individual,
    answers_of,
    sentences_of_answers,
)
from manybaskets.published.procedure_rows import (
    ALL,
    ALPHA,
    HUMAN_TEXT,
    OWN_OUTPUT,
    SELF_BLEU,
    SEMANTIC,
    Lines,
    noted,
)
from manybaskets.published.splitting import Splitter
from manybaskets.statistics.multiplicity import holm

# Column of the likelihood files, and d in the divisor n − d of variances.
_PERPLEXITIES = {HUMAN_TEXT: ("reference_ppl_paper", 1), OWN_OUTPUT: ("own_ppl_paper", 0)}


@dataclass(frozen=True)
class Run:
    """One trained adapter or the untuned target, with its answers to the test prompts."""

    target: str
    mix: str
    seed: int
    responses: Path
    likelihood: Path

    @property
    def label(self) -> str:
        """Label of the run in groups across targets; names contain no slash."""
        return f"{self.target}/{self.mix}"


@dataclass(frozen=True)
class Procedures:
    """Inputs of the procedures in addition to texts.

    Args:
        encode: vectors of sentences.
        work: folder for the vectors, of one encoder.
    """

    settings: PublishedProcedures
    splitter: Splitter
    encode: Encode
    work: Path

    def variant(self, name: str) -> str:
        """Name of a variant based on sentences."""
        return f"{name}{self.splitter.suffix}"


def run_procedures(runs: Sequence[Run], groups: Groups, procedures: Procedures) -> pl.DataFrame:
    """Every published procedure on the answers of a study's runs, of the schema `table.PAPER`.

    Args:
        runs: one per target and mix, of one training seed, as the study had one run each.
        groups: conditions tested together.

    Raises:
        UserError: two runs share target and mix.
    """
    check_labels([run.label for run in runs], "runs of the study")
    order = {mix: index for index, mix in enumerate(groups.order)}
    lines = Lines(TEST)
    vectors: dict[str, np.ndarray] = {}
    placed = sorted(runs, key=lambda run: (run.target, order[run.mix]))
    for target, members in groupby(placed, lambda run: run.target):
        of_target = list(members)
        answers = {run.mix: answers_of(run.responses) for run in of_target}
        who = {
            run.mix: Who(lines, target, run.mix, noted(_trained(run), answers[run.mix].note))
            for run in of_target
        }
        _perplexities(lines, of_target, who, groups)
        _self_bleus(lines, answers, who, groups, procedures)
        for mix, each in answers.items():
            add_heaps(who[mix], procedures.variant("linear_fit"), each.texts, procedures.splitter)
        distances = _distances(answers, who, procedures)
        _tests_of_distances(lines, target, distances, groups, procedures)
        vectors |= {run.label: distances[run.mix] for run in of_target}
    _all_pairs(lines, vectors, procedures)
    return lines.frame()


def _trained(run: Run) -> str:
    return f"training seed {run.seed}" if run.seed else "untuned"


def _perplexities(
    lines: Lines, runs: Sequence[Run], who: Mapping[str, Who], groups: Groups
) -> None:
    for metric, (column, ddof) in _PERPLEXITIES.items():
        raw: dict[str, np.ndarray] = {}
        for run in runs:
            given = pl.read_parquet(run.likelihood, columns=[column])[column].drop_nulls()
            values = given.to_numpy().astype(np.float64)
            finite, cleaned = values[np.isfinite(values)], perplexity.within_fences(values)
            infinite = len(values) - len(finite)
            note = f"{infinite} infinite left out" if infinite else ""
            add = who[run.mix].add
            add(metric, "raw", perplexity.statistics(finite, ddof), len(finite), note)
            fences = {"fence_low": cleaned.low, "fence_high": cleaned.high}
            fences |= {"n_removed": float(cleaned.removed)}
            add(metric, "iqr_clean", fences, len(values), note)
            statistics = perplexity.statistics(cleaned.values, ddof)
            outside = f"{cleaned.removed} of {len(values)} outside this condition's fences"
            add(metric, "iqr_clean", statistics, len(cleaned.values), outside)
            raw[run.mix] = finite
        if metric == OWN_OUTPUT:
            for samples in _chosen(groups.sizes, raw):
                lines.add_tests(metric, "raw", runs[0].target, samples, "kruskal")


def _self_bleus(
    lines: Lines,
    answers: Mapping[str, ValidAnswers],
    who: Mapping[str, Who],
    groups: Groups,
    procedures: Procedures,
) -> None:
    settings, variant = procedures.settings, procedures.variant("individual")
    progress = Progress(len(answers), "conditions with their Self-BLEU")
    scores = {}
    for index, (mix, each) in enumerate(answers.items()):
        seed = settings.seed + index
        cut = [self_bleu.eligible_sentences(text, procedures.splitter) for text in each.texts]
        scores[mix] = add_individual(who[mix], variant, cut, settings.individual, seed)
        pool = self_bleu.aggregated(cut, settings.aggregated, seed)
        note = f"sampling seed {seed}; {pool.sentences} sentences pooled; no interval"
        name = procedures.variant("aggregated")
        who[mix].add(SELF_BLEU, name, {"score": pool.score}, pool.answers, note)
        progress.add(1)
    target = next(iter(who.values())).target
    for samples in _chosen([*groups.families, *groups.sizes], scores):
        lines.add_tests(SELF_BLEU, variant, target, samples, "mann-whitney")


def _distances(
    answers: Mapping[str, ValidAnswers], who: Mapping[str, Who], procedures: Procedures
) -> dict[str, np.ndarray]:
    """Rows of the mean distances; returns the vectors by mix."""
    settings = procedures.settings
    pools = [sentences_of_answers(each.texts, procedures.splitter) for each in answers.values()]
    drawn = semantic_distance.samples(pools, settings.sentences, settings.seed)
    variant = procedures.variant("sentence_pairs")
    return {
        mix: add_distance(who[mix], variant, sample, len(pool), procedures.encode, procedures.work)
        for mix, pool, sample in zip(answers, pools, drawn, strict=True)
    }


def _tests_of_distances(
    lines: Lines,
    target: str,
    vectors: Mapping[str, np.ndarray],
    groups: Groups,
    procedures: Procedures,
) -> None:
    """The tests of every family, on distances drawn with the seed set once per family."""
    variant = procedures.variant("sentence_pairs")
    for members in _chosen(groups.families, vectors):
        generator = np.random.default_rng(procedures.settings.seed)
        samples = {
            mix: semantic_distance.drawn_distances(each, procedures.settings.distances, generator)
            for mix, each in members.items()
        }
        note = "medians as centres; distances assumed independent"
        test = unpaired_tests.levene(list(samples.values()))
        n = max(map(len, samples.values()))
        lines.add(SEMANTIC, variant, target, together(list(samples)), test, n, note)
        lines.add_tests(SEMANTIC, variant, target, samples, "mann-whitney")


def _all_pairs(lines: Lines, vectors: Mapping[str, np.ndarray], procedures: Procedures) -> None:
    """Mann–Whitney U of all pairs of models, on distances drawn separately for each pair.

    Bonferroni's and Holm's corrections cover all pairs.
    """
    generator = np.random.default_rng(procedures.settings.seed)
    tested = []
    for one, other in pairs(list(vectors)):
        drawn = [
            semantic_distance.drawn_distances(
                vectors[label], procedures.settings.distances, generator
            )
            for label in (one, other)
        ]
        test = unpaired_tests.mann_whitney(*drawn)
        if test:
            tested.append((one.split("/"), other.split("/"), test, len(drawn[0])))
    if not tested:
        return
    count = len(tested)
    p = np.array([test["mannwhitney_p"] for _, _, test, _ in tested])
    bonferroni = p < ALPHA / count
    significant = holm(p) <= ALPHA
    variant = procedures.variant("sentence_pairs_all")
    note = f"Mann-Whitney, two-sided, unpaired; alpha {ALPHA:g}/{count} over all pairs of models"
    for (one, other, test, n), flag in zip(tested, bonferroni, strict=True):
        target = one[0] if one[0] == other[0] else versus(one[0], other[0])
        values = {**test, "significant_bonferroni": float(flag)}
        lines.add(SEMANTIC, variant, target, versus(one[1], other[1]), values, n, note)
    later = np.sort(p)[int(significant.sum()) :]
    values = {
        "n_significant_bonferroni": float(bonferroni.sum()),
        "n_significant_holm": float(significant.sum()),
        "bonferroni_alpha": ALPHA / count,
        "holm_first_nonsignificant_p": float(later[0]) if len(later) else None,
    }
    note = f"{len(vectors)} models, {count} pairs"
    lines.add(SEMANTIC, variant, ALL, together(list(vectors)), values, count, note)


def _chosen(
    groups: Sequence[Sequence[str]], values: Mapping[str, np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """The values of every group with at least two members, each group once."""
    distinct = dict.fromkeys(tuple(mix for mix in group if mix in values) for group in groups)
    return [{mix: values[mix] for mix in group} for group in distinct if len(group) > 1]
