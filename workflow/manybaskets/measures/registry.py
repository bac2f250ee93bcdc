"""The registry of measures, and their evaluation on all prompts and on half-samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from manybaskets.data.languages import usable
from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress
from manybaskets.measures import variants
from manybaskets.measures.inputs import Inputs
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.records.measured import EXCLUDED, GROUP_DRAWS, LEFT_OUT, MEASURED, UNKNOWN, USED

Need = Literal[
    "responses", "reference", "likelihood", "embeddings", "reference_embeddings", "truth",
    "shortest_words", "scorer",
]  # fmt: skip
Resampling = Literal["halves", "groups"]
# Between the name of a lexical measure and its variant: self_bleu@len_matched.
SEPARATOR = "@"


@dataclass(frozen=True)
class Measure:
    """A measure and its metadata for tables, figures and statistics.

    `function(inputs)` returns, at level `prompt`, a list aligned with `inputs.frame` with None for
    excluded answers; at level `set`, a function from row indices of the frame to a number (NaN if
    undefined), so that all half-samples share the precomputation. This may be an `Evaluation`,
    which takes all half-samples at once and reports which answers count; one with `left_out` is
    evaluated without each prompt in turn instead of on half-samples.
    """

    name: str
    label: str
    unit: str
    direction: Literal["higher", "lower", "none"]
    level: Literal["prompt", "set"]
    needs: frozenset[Need]
    transform: Literal["identity", "exp"]
    prompt_sets: tuple[str, ...]
    function: Callable[[Inputs], Any]
    description: str
    lexical: bool = False
    length_controls: tuple[str, ...] = ()
    of_words: bool = False
    most_draws: int | None = None
    resampling: Resampling = "halves"

    @property
    def of_set_diversity(self) -> bool:
        """Whether it ranks sets by their diversity or quality: set level, with a direction."""
        return self.level == "set" and self.direction != "none"

    @property
    def variant(self) -> str:
        """The length control under which it is computed; `default` for none."""
        return self.name.partition(SEPARATOR)[2] or "default"

    def unknown(self, inputs: Inputs) -> np.ndarray:
        """Mask of the answers in languages that the measure does not know.

        Measures of vectors know what their encoder knows, and lexical ones the scripts that the
        word tokeniser can divide; of answers that are compared with human ones word by word, those
        in the script of the latter. The others know any.
        """
        if "embeddings" in self.needs and inputs.unknown is not None:
            return inputs.unknown
        if self.lexical and "reference" in self.needs:
            return inputs.undivided() | inputs.of_other_script()
        if self.lexical or self.of_words:
            return inputs.undivided()
        return np.zeros(inputs.frame.height, dtype=bool)

    def applies_to(self, prompt_set: str) -> bool:
        """Whether the measure applies to a prompt set; an empty list means all."""
        return not self.prompt_sets or prompt_set in self.prompt_sets


_REGISTRY: dict[str, Measure] = {}


def measure(
    *,
    label: str,
    unit: str,
    direction: Literal["higher", "lower", "none"],
    level: Literal["prompt", "set"],
    needs: Collection[Need] = ("responses",),
    transform: Literal["identity", "exp"] = "identity",
    prompt_sets: Sequence[str] = (),
    lexical: bool = False,
    length_controls: Collection[str] = (),
    of_words: bool = False,
    most_draws: int | None = None,
    resampling: Resampling = "halves",
) -> Callable[[Callable[[Inputs], Any]], Callable[[Inputs], Any]]:
    """Register a function as a measure: its name is the function's, its description the docstring.

    Args:
        label: for axes and table heads.
        unit: unit of the returned values.
        direction: which direction is more diverse or better; `none` if neither.
        level: one value per prompt or one per set.
        needs: the fields of `Inputs` that it reads.
        transform: how tables show the values; `exp` shows differences as ratios.
        prompt_sets: names of the prompt sets it applies to; empty for all.
        lexical: whether it counts the answers' words or characters, so that it depends on their
            length: such a measure is registered together with its variants (`variants`). A lexical
            set-level measure returns an `Evaluation`.
        length_controls: for other measures that depend on the answers' length: the variants to
            register with it. A lexical measure has all that its level has.
        of_words: whether it reads words without depending on the answers' length, as their number.
        most_draws: maximum number of half-samples or draws without groups for an expensive measure,
            which also sets its interval's degrees of freedom.
        resampling: of a set-level measure without a closed form: random `halves` of the prompts, or
            all prompts without `groups` of them. Groups are right for measures that count what
            answers share, whose value moves by other steps in a half; halves for those that small
            changes of the set move by chance, such as clusterings (docs/statistics.md).
    """

    def register(function: Callable[[Inputs], Any]) -> Callable[[Inputs], Any]:
        name = function.__name__
        if name in _REGISTRY:
            raise ValueError(f"the measure {name!r} is already registered")
        controls = variants.variants_of(level) if lexical else tuple(length_controls)
        _REGISTRY[name] = plain = Measure(
            name=name,
            label=label,
            unit=unit,
            direction=direction,
            level=level,
            needs=frozenset(needs),
            transform=transform,
            prompt_sets=tuple(prompt_sets),
            function=function,
            description=(function.__doc__ or "").strip(),
            lexical=lexical,
            length_controls=controls,
            of_words=of_words,
            most_draws=most_draws,
            resampling=resampling,
        )
        for variant in controls:
            _REGISTRY[f"{name}{SEPARATOR}{variant}"] = replace(
                plain,
                name=f"{name}{SEPARATOR}{variant}",
                label=f"{label} ({variants.LABELS[variant]})",
                needs=plain.needs
                | ({"shortest_words"} if variant == variants.LEN_MATCHED else set()),
                function=variants.of_variant(function, level, variant, "embeddings" in needs),
                description=f"{plain.description}\n\n{variants.DESCRIPTIONS[variant]}",
            )
        return function

    return register


def get(name: str) -> Measure:
    """A measure by name; a length-controlled variant of a lexical measure as `name@variant`.

    Raises:
        UserError: no measure has this name; the error lists existing names.
    """
    if name in _REGISTRY:
        return _REGISTRY[name]
    plain, _, variant = name.partition(SEPARATOR)
    if plain in _REGISTRY:
        existing = [each for each in _REGISTRY if each.partition(SEPARATOR)[0] == plain]
        raise UserError(
            what=f"there is no variant {variant!r} of the measure {plain!r}",
            where=f"measures: {name}",
            expected="one of " + ", ".join(existing),
            remedy="use one of these variants after the @, or remove the @",
        )
    raise UserError(
        what=f"there is no measure {name!r}",
        where="measures",
        expected="one of " + ", ".join(sorted(n for n in _REGISTRY if SEPARATOR not in n)),
        remedy="use one of these names, or register a function with this name with @measure",
    )


def all_measures() -> list[Measure]:
    """All measures and their variants, by name."""
    return [_REGISTRY[name] for name in sorted(_REGISTRY)]


def compute(
    measures: Sequence[Measure],
    inputs: Inputs,
    *,
    model: str,
    mix: str,
    seed: int,
    prompt_set: str,
    all_prompt_ids: Collection[str],
    draws: Sequence[np.ndarray] = (),
    groups: Sequence[np.ndarray] = (),
    set_prompt_ids: Collection[str] | None = None,
) -> pl.DataFrame:
    """Evaluate measures on one run and one prompt set.

    Measures that do not apply to the prompt set are left out. With several answers to a prompt, a
    prompt's value is their mean. A set-level measure gives draw 0 on all its prompts, draw i on
    half-sample i, or `GROUP_DRAWS` + i without groups of prompts, and its numbers of prompts as
    draws `USED` (with an answer that counts) and `EXCLUDED` (the rest). Answers in languages that
    the measure does not know (`Measure.unknown`) have no value; a set with more than a tenth of
    them has none, and draw `UNKNOWN` counts them. With a closed form it gives, instead of
    half-samples, rows of draw `LEFT_OUT` with a prompt: its value without that prompt's answers.

    Args:
        measures: measures to compute.
        inputs: the run's valid answers.
        model, mix, seed, prompt_set: written into every row.
        all_prompt_ids: every prompt of the set, answered or not.
        draws: half-samples, as indices into the sorted ids of `set_prompt_ids`.
        groups: the prompts without each group (`cluster_groups`), likewise.
        set_prompt_ids: the prompts used by set-level measures (default: all); pass those with a
            valid answer in every condition, so that only matched prompts are compared.

    Returns:
        Rows of the schema `records.MEASURED`.

    Raises:
        UserError: an input of a measure is missing.
    """
    ids = sorted(all_prompt_ids)
    set_ids = ids if set_prompt_ids is None else sorted(set_prompt_ids)
    set_inputs = inputs.restricted(set_ids)
    rows_of = _rows_by_prompt(inputs, ids)
    rows_by_prompt = _rows_by_prompt(set_inputs, ids)
    set_rows = [rows_by_prompt[prompt_id] for prompt_id in set_ids]
    subsets, partitions = (
        Subsets(
            [
                np.array([row for i in chosen for row in set_rows[i]], dtype=np.int64)
                for chosen in [range(len(set_ids)), *resamples]
            ],
            set_inputs.frame.height,
        )
        for resamples in (draws, groups)
    )
    group = np.repeat(np.arange(len(set_ids)), [len(rows) for rows in set_rows])

    found: list[tuple[str, str | None, int, float | None]] = []
    applying = [each for each in measures if each.applies_to(prompt_set)]
    progress = Progress(len(applying), f"measures of {mix}, seed {seed}, {prompt_set}")
    for wanted in applying:
        _check_needs(wanted, inputs, f"model {model}, mix {mix}, prompt set {prompt_set}")
        if wanted.level == "prompt":
            values = wanted.function(inputs)
            if len(values) != inputs.frame.height:
                raise ValueError(f"{wanted.name}: {len(values)} values for {inputs.frame.height}")
            unknown = wanted.unknown(inputs)
            values = [None if u else v for u, v in zip(unknown, values, strict=True)]
            for prompt_id in ids:
                value = _mean([values[row] for row in rows_of[prompt_id]])
                found.append((wanted.name, prompt_id, 0, value))
            progress.add(1)
            continue
        unknown = wanted.unknown(set_inputs)
        if unknown.any():
            found.append((wanted.name, None, UNKNOWN, float(unknown.sum())))
        if not usable(~unknown).any() and len(unknown):
            found += [(wanted.name, None, code, float(count))
                      for code, count in ((EXCLUDED, len(ids)), (USED, 0))]  # fmt: skip
            found.append((wanted.name, None, 0, None))
            progress.add(1)
            continue
        evaluate = wanted.function(set_inputs)
        without_groups = None
        if isinstance(evaluate, Evaluation) and evaluate.left_out:
            without = evaluate.left_out(subsets.indices[0], group, len(set_ids))
            for prompt_id, value in zip(set_ids, without, strict=True):
                found.append((wanted.name, prompt_id, LEFT_OUT, _finite(value)))
            drawn = subsets.first(1)
        else:
            drawn = partitions if wanted.resampling == "groups" else subsets
            if wanted.most_draws is not None:
                drawn = drawn.first(1 + wanted.most_draws)
            if wanted.resampling == "groups" and getattr(evaluate, "without_groups", None):
                without_groups, drawn = evaluate.without_groups(drawn), drawn.first(1)
        values, counted = _evaluated(evaluate, drawn)
        if without_groups is not None:
            values = [values[0], *without_groups[1:]]
        used = set_inputs.frame["prompt_id"].filter(pl.Series(counted)).n_unique()
        found.append((wanted.name, None, EXCLUDED, float(len(ids) - used)))
        found.append((wanted.name, None, USED, float(used)))
        first = GROUP_DRAWS if wanted.resampling == "groups" else 1
        for draw, value in enumerate(values):
            number = first + draw - 1 if draw else 0
            found.append((wanted.name, None, number, _finite(value)))
        progress.add(1)

    name, prompt_id, draw, value = zip(*found, strict=True) if found else ((), (), (), ())
    constant = {"model": model, "mix": mix, "seed": seed, "prompt_set": prompt_set}
    columns = {"measure": name, "prompt_id": prompt_id, "draw": draw, "value": value}
    columns |= {key: [entry] * len(found) for key, entry in constant.items()}
    return pl.DataFrame({key: list(columns[key]) for key in MEASURED}, schema=MEASURED)


def _evaluated(
    evaluate: Evaluation | Callable[[np.ndarray], float], subsets: Subsets
) -> tuple[Sequence[float], np.ndarray]:
    """Values on all sets, and the rows that count."""
    if isinstance(evaluate, Evaluation):
        return evaluate.many(subsets), evaluate.counted
    return [evaluate(index) for index in subsets.indices], np.ones(subsets.rows, dtype=bool)


def _rows_by_prompt(inputs: Inputs, ids: Sequence[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {prompt_id: [] for prompt_id in ids}
    for row, prompt_id in enumerate(inputs.frame["prompt_id"]):
        if prompt_id not in rows:
            raise ValueError(f"answer to a prompt outside the set: {prompt_id}")
        rows[prompt_id].append(row)
    return rows


def _check_needs(wanted: Measure, inputs: Inputs, where: str) -> None:
    missing = sorted(wanted.needs - inputs.available())
    if missing:
        raise UserError(
            what=f"the measure {wanted.name!r} needs {', '.join(missing)}",
            where=where,
            expected=f"{', '.join(missing)} in addition to the responses",
            remedy="remove the measure from the list `measures`, or run the stage that computes "
            "these inputs",
        )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _mean(values: list[float | None]) -> float | None:
    valid = [value for value in map(_finite, values) if value is not None]
    return sum(valid) / len(valid) if valid else None
