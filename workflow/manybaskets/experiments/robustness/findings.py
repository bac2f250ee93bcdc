"""Sentences on the outcomes: differences with their uncertainty, and limitations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.experiments.robustness.comparisons import FAMILY, WITHOUT_FLAGGED
from manybaskets.experiments.robustness.judge_quality import CANARIES, JUDGES, YES_OR_NO
from manybaskets.experiments.robustness.outcomes import ALL, OUTCOMES, label_of
from manybaskets.experiments.robustness.scores import (
    BENIGN,
    CONTROL,
    DIRECT,
    HARM,
    JAILBREAK,
    Analysis,
)
from manybaskets.presentation.formatting import p_value, rounded_alike
from manybaskets.statistics.verdict import (
    DIFFERENT,
    INTERVAL_ONLY,
    NO_INTERVAL,
    NOT_DISTINGUISHED,
    TEST_ONLY,
    verdict,
)

_ENOUGH_SEEDS = 3
_SINGLE = "single trainings"
_UNDECIDED = {
    INTERVAL_ONLY: "undecided (the interval excludes 0, Holm's correction does not)",
    TEST_ONLY: "undecided (Holm's p is below 0.05, the interval reaches 0)",
    NOT_DISTINGUISHED: "no significant difference",
    _SINGLE: "compared as single trainings, not as mixes",
}
_ON = {
    DIRECT: "On direct requests",
    JAILBREAK: "Under jailbreak templates",
    BENIGN: "On harmless look-alikes",
    CONTROL: "On ordinary prompts",
}
_WHAT = {
    "harm": "harm",
    "refused": "the share refused",
    "danger": "the share in the danger zone",
    "quality_all": "quality",
}


def findings(frames: Mapping[str, pl.DataFrame], analysis: Analysis) -> list[str]:
    """Sentences in reading order: judges, differences, missing scores.

    A difference counts as significant if its interval excludes 0 and its Holm-adjusted p is below
    0.05, and as undecided if only one of the two holds (`statistics.verdict`).

    Args:
        frames: result of `analysis.analyse`.
    """
    compared = frames["robustness-comparisons"]
    return [
        *_judges(frames["robustness-judges"], analysis),
        *_differences(compared, analysis),
        *_several_against_one(compared, analysis),
        *_flagged(compared, analysis),
        *_seeds(frames["robustness"]),
        *_missing(frames["robustness-missingness"], analysis),
    ]


def _judges(agreement: pl.DataFrame, analysis: Analysis) -> Iterator[str]:
    tried = {
        (row["judge"], row["rubric"]): row for row in agreement.filter(kind=CANARIES).to_dicts()
    }
    clauses = []
    for rubric, judges in analysis.judges.items():
        row = tried.get((judges[0], rubric))
        canaries = f", {row['passed']} of {row['total']} canaries" if row and row["total"] else ""
        others = f" (also: {', '.join(f'`{name}`' for name in judges[1:])})" if judges[1:] else ""
        clauses.append(f"{rubric} by `{judges[0]}`{canaries}{others}")
    yield f"Judges: {'; '.join(clauses)}."
    used = dict.fromkeys(name for judges in analysis.judges.values() for name in judges)
    unfit = [f"`{name}`" for name in used if name in analysis.unfit]
    if unfit:
        are = "did not pass its canaries" if len(unfit) == 1 else "did not pass their canaries"
        yield f"{', '.join(unfit)} {are}: the numbers based on it are marked and are not evidence."
    for name in used:
        if related := analysis.same_family.get(name):
            yield (
                f"`{name}` is of the same model family as {', '.join(related)} or as a source of "
                "its training data and may favour it; its numbers are marked."
            )
    for row in agreement.filter(kind=JUDGES, rubric=YES_OR_NO).to_dicts():
        if row["kappa"] is not None:
            yield (
                f"`{row['judge']}` and `{row['other']}` agree on refusals with a kappa of "
                f"{_with_ends(row['kappa'], row['kappa_low'], row['kappa_high'], analysis)} "
                f"({row['n']} responses)."
            )


def _level(analysis: Analysis) -> str:
    return f"{analysis.confidence * 100:g} % interval"


def _with_ends(value: float, low: float | None, high: float | None, analysis: Analysis) -> str:
    if low is None or high is None:
        return rounded_alike([value])[0]
    numbers = rounded_alike([value, low, high])
    return f"{numbers[0]} ({_level(analysis)} {numbers[1]} to {numbers[2]})"


def _differences(compared: pl.DataFrame, analysis: Analysis) -> Iterator[str]:
    """One sentence per target, prompt set and outcome; the sentence on harm has all numbers."""
    rows = compared.filter(pl.col("family") == FAMILY, pl.col("difference").is_not_null())
    keys = ["target", "prompt_set", "outcome"]
    for (target, prompt_set, outcome), group in rows.group_by(keys, maintain_order=True):
        of = f", target {target}" if len(analysis.targets) > 1 else ""
        on = f"{_ON.get(prompt_set, f'On `{prompt_set}`')}{of}"
        members = group.to_dicts()
        by_verdict = {
            name: [row for row in members if row["confirmatory"] and _verdict(row) == name]
            for name in (DIFFERENT, INTERVAL_ONLY, TEST_ONLY, NOT_DISTINGUISHED)
        }
        significant = by_verdict[DIFFERENT]
        by_verdict[_SINGLE] = [row for row in members if not row["confirmatory"]]
        clauses = []
        for baseline in dict.fromkeys(row["baseline"] for row in significant):
            against = [row for row in significant if row["baseline"] == baseline]
            sizes = (f"`{row['mix']}` {_moves(row)} by {_size(row, analysis)}" for row in against)
            clauses.append(f"against `{baseline}`, {', '.join(sizes)}")
        for name, words in _UNDECIDED.items():
            members_of_side = by_verdict[name]
            if members_of_side:
                names = (
                    f"{_pair(row)}{f', {_size(row, analysis, signed=True)}' if outcome == 'harm' else ''}"
                    for row in members_of_side
                )
                of_what = "" if significant else f" in {_what(outcome, prompt_set)}"
                clauses.append(f"{words}{of_what}: {', '.join(names)}")
        marks = f" [judge {members[0]['marks']}]" if members[0]["marks"] else ""
        yield f"{on}: {'; '.join(clauses)}; n = {_n(members[0])}.{marks}"


def _pair(row: Mapping[str, Any]) -> str:
    return f"`{row['mix']}` and `{row['baseline']}`"


def _verdict(row: Mapping[str, Any]) -> str:
    found = verdict(row["low"], row["high"], row["p_holm"])
    return NOT_DISTINGUISHED if found == NO_INTERVAL else found


def _told(row: Mapping[str, Any]) -> bool:
    return _verdict(row) == DIFFERENT


def _what(outcome: str, prompt_set: str) -> str:
    if prompt_set == BENIGN and outcome == "refused":
        return "over-refusal"
    return _WHAT.get(outcome, OUTCOMES[outcome].label.lower())


def _moves(row: Mapping[str, Any]) -> str:
    verb = "raises" if row["difference"] > 0 else "lowers"
    return f"{verb} {_what(row['outcome'], row['prompt_set'])}"


def _size(row: Mapping[str, Any], analysis: Analysis, signed: bool = False) -> str:
    """The difference with its interval and p, without sign if a verb gives the direction."""
    value, low, high = row["difference"], row["low"], row["high"]
    if not signed and value < 0:
        value, low, high = -value, -high, -low
    unit = "" if OUTCOMES[row["outcome"]].share else " points"
    if low is None:
        return f"{rounded_alike([value])[0]}{unit}"
    numbers = rounded_alike([value, low, high])
    interval = f"{numbers[0]}{unit} ({_level(analysis)} {numbers[1]} to {numbers[2]}"
    if row["p_holm"] is None:
        return f"{interval}, not tested)"
    p = p_value(row["p_holm"], decimals=3)
    p = f"< {p[1:]}" if p.startswith("<") else f"= {p}"
    return f"{interval}, Holm p {p})"


def _n(row: Mapping[str, Any]) -> str:
    return f"{row['n_prompts']} prompts, trainings {row['trainings']}"


def _several_against_one(compared: pl.DataFrame, analysis: Analysis) -> Iterator[str]:
    """Whether multi-source mixes are less harmful than single-source mixes, over targets and sets."""
    baselines = {baseline for _, baseline in analysis.contrasts}
    first = analysis.contrasts[0][1] if analysis.contrasts else None
    pairs = [pair for pair in analysis.contrasts if pair[1] != first]
    if not pairs or len(baselines) < 2:
        return
    rows = [
        row for row in compared.filter(family=FAMILY, outcome="harm").to_dicts()
        if (row["mix"], row["baseline"]) in pairs and row["difference"] is not None
    ]  # fmt: skip
    if not rows:
        return
    higher = [row for row in rows if _told(row) and row["difference"] > 0]
    lower = [row for row in rows if _told(row) and row["difference"] < 0]
    undecided = [row for row in rows if not _told(row)]
    listed = "; ".join(
        f"{len(rows_of_side)} with {word} harm ({', '.join(_where(row) for row in rows_of_side)})"
        for rows_of_side, word in ((lower, "lower"), (higher, "higher")) if rows_of_side
    )  # fmt: skip
    clauses = [*([listed] if listed else []), *_open(undecided)]
    sentence = f"Several sources against one of them: of {len(rows)} comparisons of harm, {'; '.join(clauses)}."
    if higher and lower:
        sentence += (
            " The sign differs between comparisons: what several sources do to harm depends on mix, "
            "target or prompts."
        )
    elif undecided:
        sentence += " What was not distinguished is not evidence of no effect."
    else:
        sentence += " This holds for these mixes, targets and prompts."
    yield sentence


def _open(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Comparisons that are not distinguished, with the side to which they point."""
    if not rows:
        return
    sides = {
        "less": sum(row["difference"] < 0 for row in rows),
        "more": sum(row["difference"] > 0 for row in rows),
    }
    pointing = " and ".join(f"{count} to {side} harm" for side, count in sides.items() if count)
    halves = sum(_verdict(row) in (INTERVAL_ONLY, TEST_ONLY) for row in rows)
    yield (
        f"{len(rows)} not distinguished{f' ({pointing})' if pointing else ''}"
        + (f", in {halves} of which interval and test disagree" if halves else "")
    )


def _where(row: Mapping[str, Any]) -> str:
    return f"{row['target']} `{row['mix']}` against `{row['baseline']}`, {row['prompt_set']}"


def _flagged(compared: pl.DataFrame, analysis: Analysis) -> Iterator[str]:
    """Whether verdicts depend on doubtful templates."""
    keys = ["target", "prompt_set", "outcome", "judge", "mix", "baseline"]
    tested = compared.filter(pl.col("p").is_not_null())
    pairs = tested.filter(family=FAMILY).join(
        tested.filter(family=WITHOUT_FLAGGED), on=keys, suffix="_without"
    )
    if pairs.is_empty():
        return
    turned = pairs.filter(pl.col("difference") * pl.col("difference_without") < 0).height
    number = len(analysis.flagged)
    yield (
        f"{number} template{' is' if number == 1 else 's are'} flagged (near duplicate, confirm-and-wait, "
        f"or tone only); without {'it' if number == 1 else 'them'}, {turned} of {pairs.height} "
        "differences change their sign."
    )


def _seeds(summary: pl.DataFrame) -> Iterator[str]:
    few = summary.filter(
        pl.col("by") == ALL, pl.col("mix") != "vanilla", pl.col("n_seeds") < _ENOUGH_SEEDS
    )
    if few.height:
        names = ", ".join(f"`{name}`" for name in few["mix"].unique(maintain_order=True))
        yield (
            f"Fewer than {_ENOUGH_SEEDS} training seeds for {names}: the variance between "
            "trainings is poorly known or unknown."
        )


def _missing(missing: pl.DataFrame, analysis: Analysis) -> Iterator[str]:
    harm = missing.filter(rubric=HARM, judge=analysis.main(HARM)).with_columns(
        lost=pl.col("generation_error") + pl.col("judge_failed"),
        moved=pl.max_horizontal(
            pl.col("mean") - pl.col("mean_if_1"), pl.col("mean_if_5") - pl.col("mean")
        ),
    )
    expected, lost = harm["expected"].sum(), harm["lost"].sum()
    if not expected:
        return
    if not lost:
        yield f"All {expected} responses to adversarial prompts have a harm score."
        return
    shares = harm.with_columns(share=pl.col("lost") / pl.col("expected")).sort(
        "share", descending=True
    )
    worst = shares.row(0, named=True)
    moved = harm["moved"].drop_nulls()
    bound = (
        f"; setting them to 1 or 5 changes no mean by more than {rounded_alike([moved.max()])[0]}"
        if len(moved)
        else ""
    )
    yield (
        f"{lost} of {expected} responses to adversarial prompts have no harm score, at most "
        f"{100 * worst['share']:.1f} % in one condition ({worst['target']} `{worst['mix']}`, "
        f"{worst['prompt_set']}){bound}."
    )


def warnings(frames: Mapping[str, pl.DataFrame], analysis: Analysis) -> Sequence[str]:
    """Warnings to read before using any number of the experiment."""
    unfit = [
        name for judges in analysis.judges.values() for name in judges if name in analysis.unfit
    ]
    sentences = []
    if unfit:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(unfit))
        sentences.append(
            f"Robustness is judged by a judge that did not pass its canaries: {names}. Read the "
            "outcomes by the other judges; those by this one are marked."
        )
    empty = frames["robustness"].filter(pl.col("by") == ALL, pl.col("estimate").is_null())
    # One sentence per judge and reason: an unfit one may have no score at all.
    groups = empty.group_by("judge", "method", maintain_order=True).agg(
        pl.col("outcome", "prompt_set").unique(maintain_order=True),
        conditions=pl.concat_str("target", "mix", separator=" ").unique(maintain_order=True),
        rows=pl.len(),
    )
    for row in groups.to_dicts():
        outcomes = ", ".join(label_of(name).lower() for name in row["outcome"])
        sets = ", ".join(f"`{name}`" for name in row["prompt_set"])
        conditions = row["conditions"]
        who = conditions[0] if len(conditions) == 1 else f"{len(conditions)} conditions"
        whole = row["rows"] == len(row["outcome"]) * len(row["prompt_set"]) * len(conditions)
        sentences.append(
            f"No value of {outcomes} on {sets} for {who} by `{row['judge']}`"
            f"{'' if whole else ', in part'}: {row['method']}. Leave these cells out of comparisons."
        )
    return sentences
