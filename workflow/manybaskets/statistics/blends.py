"""Blends of several sources against the mean of their singles, the best single, and the target's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.blends import Blend
from manybaskets.config.evaluation import Statistics
from manybaskets.records.measured import of_runs
from manybaskets.statistics.averages import Averages, Cell, cells_with_averages
from manybaskets.statistics.cells import CellKey, cells
from manybaskets.statistics.comparison_lines import compared_lines
from manybaskets.statistics.families import Group
from manybaskets.statistics.multiplicity import holm
from manybaskets.statistics.power import detectable

MEAN_OF_SINGLES, BEST_SINGLE, OWN = "mean of its singles", "best single", "target's own"
BLENDS = pl.Schema(
    {
        "mix": pl.String,
        "measure": pl.String,
        "model": pl.String,
        "prompt_set": pl.String,
        "against": pl.String,  # `MEAN_OF_SINGLES`, `BEST_SINGLE` or `OWN`
        "baseline": pl.String,  # the mix behind it; for the mean, its singles
        "difference": pl.Float64,  # blend − baseline
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "p_holm": pl.Float64,  # null where the comparison is not in the family
        "family_size": pl.Int64,
        "detectable": pl.Float64,  # smallest difference found in 80 % of such studies
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "n_seeds": pl.Int64,  # the fewest of the compared mixes
        "method": pl.String,
    }
)
_CONDITION = ["measure", "model", "prompt_set"]
_Found = dict[tuple[str, ...], dict[str, dict[str, Any]]]  # by condition and mix


def compare_blends(
    rows: pl.DataFrame,
    blends: Mapping[str, Blend],
    declared: Mapping[str, Sequence[str]],
    directions: Mapping[str, str],
    settings: Statistics,
    seed: int,
) -> pl.DataFrame:
    """Compare every blend with the mean of its own singles, its best single, and the target's own.

    The mean of the singles is a condition of its own: the mean of the singles' means, weighted by
    their shares of the blend, with the variance that the trainings of all singles add to it. An
    additive blend equals it. All differences are paired by prompts (or half-samples), and the
    variance between trainings is moderated over all conditions, as in `comparison.compare`.

    The best single is known from the data only, so its interval is that of the smallest difference
    over all singles: from the lowest lower end (each at the given confidence) to the lowest upper end
    (each at a confidence corrected for the number of singles). "Above the best single" is tested as
    above every single, by the largest p; "below" as below any, by the smallest p times the number of
    singles. Source: Hsu 1984, Annals of Statistics 12(3); Berger 1982, Technometrics 24(4).

    Holm's correction covers the blends, targets and declared measures of one kind of comparison. A
    comparison with a mix that was trained once is not in it.

    Args:
        rows: of the schema `records.MEASURED`.
        blends: what the mixes of several sources are compared with.
        declared: by prompt set the measures that the correction covers; without any, all.
        directions: `higher` or `lower` for each measure of which a best single may be named.
        settings: confidence, numbers of resamples and sign flips.
        seed: for resampling.

    Returns:
        Schema `BLENDS`, in the order of `blends`.
    """
    cell_of = cells(of_runs(rows))
    averages = {
        _mean_of(name): {
            mix: share / sum(blend.singles.values()) for mix, share in blend.singles.items()
        }
        for name, blend in blends.items()
        if blend.complete
    }
    others = {name: [*blend.singles, *blend.own.values()] for name, blend in blends.items()}
    for name, blend in blends.items():
        others[name] += [_mean_of(name)] if blend.complete else []
    flips = settings.model_copy(
        update={
            "sign_flips": max(settings.sign_flips, _enough(cell_of, blends, declared, settings))
        }
    )
    found = _compared(cell_of, others, averages, flips, seed)
    named = {key: cell for key, cell in cell_of.items() if key[0] in directions}
    wide: dict[str, _Found] = {}
    for number in {len(blend.singles) for blend in blends.values() if blend.complete}:
        singles = {name: list(blend.singles) for name, blend in blends.items()
                   if blend.complete and len(blend.singles) == number}  # fmt: skip
        level = 1 - (1 - settings.confidence) / number
        corrected = settings.model_copy(update={"confidence": level, "sign_flips": 0})
        wide |= _compared(named, singles, {}, corrected, seed)
    lines: list[dict[str, Any]] = []
    for name, blend in blends.items():
        for key, by_mix in found.get(name, {}).items():
            widened = wide.get(name, {}).get(key)
            lines += _of_blend(name, blend, key, by_mix, widened, directions)
    _correct(lines, declared, settings.confidence)
    return pl.DataFrame(lines, schema=BLENDS)


def _mean_of(name: str) -> str:
    """The mean of a blend's singles as a condition; no mix has spaces in its name."""
    return f"mean of the singles of {name}"


def _of_blend(
    name: str,
    blend: Blend,
    key: tuple[str, ...],
    by_mix: Mapping[str, Mapping[str, Any]],
    wide: Mapping[str, Mapping[str, Any]] | None,
    directions: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """The comparisons of a blend in one condition, from its differences to all other mixes."""
    singles, own = list(blend.singles), blend.own.get(key[1])
    start = {"mix": name, **dict(zip(_CONDITION, key, strict=True))}
    if blend.complete and _mean_of(name) in by_mix:
        mean = by_mix[_mean_of(name)]
        yield {**start, **mean, "against": MEAN_OF_SINGLES, "baseline": " + ".join(singles)}
        if wide is not None:
            best = _of_best(by_mix, wide, singles, lowest=directions[key[0]] == "lower")
            yield {**start, **best, "against": BEST_SINGLE, "n_seeds": mean["n_seeds"]}
    if own in by_mix:
        yield {**start, **by_mix[own], "against": OWN, "baseline": own}


def _enough(
    cell_of: Mapping[CellKey, Cell],
    blends: Mapping[str, Blend],
    declared: Mapping[str, Sequence[str]],
    settings: Statistics,
) -> int:
    """Sign flips with which the smallest p is significant among all blends."""
    size = sum(
        mix in blends and (not declared or measure in declared.get(prompt_set, ()))
        for measure, _, mix, prompt_set in cell_of
    )
    return int(size / (1 - settings.confidence)) + 1


def _compared(
    cell_of: Mapping[CellKey, Cell],
    others: Mapping[str, Sequence[str]],
    averages: Averages,
    settings: Statistics,
    seed: int,
) -> dict[str, _Found]:
    """Every blend minus each of its other mixes, by blend."""
    found = cells_with_averages(cell_of, averages)
    made = []
    for measure, model, name, prompt_set in sorted(cell_of):
        mixes = [
            mix for mix in dict.fromkeys(others.get(name, ()))
            if (measure, model, mix, prompt_set) in found
        ]  # fmt: skip
        if mixes:
            made.append(Group(name, measure, model, prompt_set, name, tuple(mixes)))
    by_blend: dict[str, _Found] = {}
    for row in compared_lines(cell_of, made, settings, seed, averages=averages):
        key = tuple(row[each] for each in _CONDITION)
        known = {each: row.get(each) for each in ("p", "n_prompts", "n_excluded", "n_seeds",
                                                  "method", "components")}  # fmt: skip
        by_blend.setdefault(row["baseline"], {}).setdefault(key, {})[row["mix"]] = known | {
            "difference": _minus(row.get("difference")),
            "low": _minus(row.get("high")),
            "high": _minus(row.get("low")),
        }
    return by_blend


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _of_best(
    by_mix: Mapping[str, Mapping[str, Any]],
    wide: Mapping[str, Mapping[str, Any]],
    singles: Sequence[str],
    lowest: bool,
) -> dict[str, Any]:
    """The blend minus its best single, from its differences to all singles.

    Args:
        wide: the same differences, with intervals corrected for the number of singles.
        lowest: whether the best single is the lowest.
    """
    sign = -1.0 if lowest else 1.0
    known = {mix: by_mix[mix] for mix in singles if by_mix[mix]["difference"] is not None}
    if len(known) < len(singles):
        return {"method": "undefined for one of the singles"}
    best = min(singles, key=lambda mix: sign * known[mix]["difference"])
    line = {**known[best], "baseline": best, "low": None, "high": None, "p": None}
    inner, outer = ("high", "low") if lowest else ("low", "high")
    ends = [(known[mix][inner], wide[mix][outer]) for mix in singles]
    if all(None not in pair for pair in ends):
        line[inner] = sign * min(sign * first for first, _ in ends)
        line[outer] = sign * min(sign * second for _, second in ends)
    tests = [(sign * known[mix]["difference"], known[mix]["p"]) for mix in singles]
    if all(p is not None for _, p in tests):
        above = all(difference > 0 for difference, _ in tests)
        below = [p for difference, p in tests if difference <= 0]
        line["p"] = max(p for _, p in tests) if above else min(1.0, len(singles) * min(below))
    return line


def _correct(
    lines: list[dict[str, Any]], declared: Mapping[str, Sequence[str]], confidence: float
) -> None:
    """Add Holm's p to the comparisons of the declared measures, kind by kind, and what they find."""
    for against in (MEAN_OF_SINGLES, BEST_SINGLE, OWN):
        family = [
            line for line in lines
            if line["against"] == against and line.get("p") is not None and line["n_seeds"] > 1
            and (not declared or line["measure"] in declared.get(line["prompt_set"], ()))
        ]  # fmt: skip
        corrected = holm([line["p"] for line in family])
        for line, p in zip(family, corrected, strict=True):
            line |= {"p_holm": float(p), "family_size": len(family)}
            if line["components"]:
                line["detectable"] = detectable(line["components"], len(family), confidence)
    for line in lines:
        line.pop("components", None)
