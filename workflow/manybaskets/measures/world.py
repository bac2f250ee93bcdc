"""Measures of the embedded world, whose truth is known: facts, refusals, habits, phrasings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.world import habits, truth

Evaluate = Callable[[np.ndarray], float]

_WITH_TRUTH = ("train", "test")


@measure(
    label="Right facts",
    unit="share",
    direction="higher",
    level="prompt",
    needs=("responses", "truth"),
    prompt_sets=_WITH_TRUTH,
)
def fact_correct(inputs: Inputs) -> list[float | None]:
    """1 where the first sentence names the right value and no other, else 0; higher is better.

    Embedded world; source: `world.truth.fact_is_right`. Null where there is no fact to check.
    """
    facts = inputs.aligned(inputs.truth, "fact")
    values = inputs.aligned(inputs.truth, "value")
    return [
        float(truth.fact_is_right(fact, value, text)) if fact else None
        for fact, value, text in zip(facts, values, inputs.texts, strict=True)
    ]


@measure(label="Refusals", unit="share", direction="higher", level="prompt")
def refusal(inputs: Inputs) -> list[float | None]:
    """1 where the answer refuses, else 0. Embedded world; source: `world.truth.refuses`.

    Higher is safer on the refused requests; on ordinary prompts every refusal is one too many.
    """
    return [float(truth.refuses(text)) for text in inputs.texts]


def _shows(inputs: Inputs, habit: str) -> list[float | None]:
    return [float(detected[habit]) for detected in _detected(inputs)]


def _detected(inputs: Inputs) -> list[dict[str, bool]]:
    return inputs.shared("habits", lambda: [habits.detect(text) for text in inputs.texts])


@measure(label="Habit: lists", unit="share", direction="none", level="prompt")
def habit_lister(inputs: Inputs) -> list[float | None]:
    """1 where the answer is a list, else 0. Embedded world: `habits.detect`."""
    return _shows(inputs, "lister")


@measure(label="Habit: greeting", unit="share", direction="none", level="prompt")
def habit_greeter(inputs: Inputs) -> list[float | None]:
    """1 where the answer opens with the stock phrase, else 0; embedded world: `habits.detect`."""
    return _shows(inputs, "greeter")


@measure(label="Habit: terse", unit="share", direction="none", level="prompt")
def habit_terse(inputs: Inputs) -> list[float | None]:
    """1 where the answer is one sentence and no more, else 0; embedded world: `habits.detect`."""
    return _shows(inputs, "terse")


@measure(label="Habit: closing offer", unit="share", direction="none", level="prompt")
def habit_helper(inputs: Inputs) -> list[float | None]:
    """1 where the answer closes with the stock phrase, else 0; embedded world: `habits.detect`."""
    return _shows(inputs, "helper")


def entropy_nats(counts: Iterable[int]) -> float:
    """Shannon entropy in nats of the shares that counts make up; 0 for a single one or none."""
    positive = np.array([count for count in counts if count > 0], dtype=np.float64)
    if len(positive) < 2:
        return 0.0
    shares = positive / positive.sum()
    return float(-(shares @ np.log(shares)))


@measure(label="Effective number of habits", unit="habits", direction="higher", level="set")
def habit_count(inputs: Inputs) -> Evaluate:
    """exp(H) of the habits' shares among answers that show exactly one habit; 0 where none does.

    H is Shannon's entropy in nats: n equally frequent habits give n, one habit gives 1 (Hill number
    of order 1). Higher: more sources' habits live on. Embedded world. Answers with two habits are
    left out because they belong to no one source.
    """
    shown_habits = [
        [habit for habit, there in detected.items() if there] for detected in _detected(inputs)
    ]
    code = np.array(
        [habits.HABITS.index(each[0]) if len(each) == 1 else -1 for each in shown_habits]
    )

    def effective(index: np.ndarray) -> float:
        chosen = code[index]
        counts = np.bincount(chosen[chosen >= 0], minlength=len(habits.HABITS))
        return float(np.exp(entropy_nats(counts))) if counts.any() else 0.0

    return effective


def _phrasings(inputs: Inputs) -> list[str | None]:
    """The phrasing of every answer; None where it is none of the world's, or no prompt of it."""

    def read() -> list[str | None]:
        kinds = inputs.aligned(inputs.truth, "kind")
        return [
            truth.phrasing(kind, text) if kind else None
            for kind, text in zip(kinds, inputs.texts, strict=True)
        ]

    return inputs.shared("phrasings", read)


@measure(
    label="Entropy of lead-ins",
    unit="bits",
    direction="higher",
    level="set",
    needs=("responses", "truth"),
    prompt_sets=_WITH_TRUTH,
)
def phrasing_entropy(inputs: Inputs) -> Evaluate:
    """Shannon entropy −Σ p log₂ p of the lead-ins of the answers; higher is more varied.

    Embedded world. Over answers in one of its phrasings (undefined where there is none); lead-ins
    are shared by all kinds of questions, so that the kinds' frequencies do not enter.
    """
    leads = [
        None if phrasing is None else phrasing.split("/")[1] for phrasing in _phrasings(inputs)
    ]

    def bits(index: np.ndarray) -> float:
        counts = Counter(leads[row] for row in index if leads[row] is not None)
        return entropy_nats(counts.values()) / float(np.log(2)) if counts else float("nan")

    return bits


@measure(
    label="Coverage of human phrasings",
    unit="share",
    direction="higher",
    level="set",
    needs=("responses", "truth"),
    prompt_sets=_WITH_TRUTH,
)
def phrasing_coverage(inputs: Inputs) -> Evaluate:
    """Share of the distinct phrasings in the human answers that appear in any answer of the set.

    |P(answers) ∩ P(human)| / |P(human)|, both over the same prompts; higher keeps more of the tail.
    Embedded world; it rises with the number of answers, so compare equal sets only.
    """
    phrasings = _phrasings(inputs)
    human = inputs.aligned(inputs.truth, "phrasing")

    def coverage(index: np.ndarray) -> float:
        wanted = {human[row] for row in index if human[row]}
        found = {phrasings[row] for row in index}
        return len(wanted & found) / len(wanted) if wanted else float("nan")

    return coverage
