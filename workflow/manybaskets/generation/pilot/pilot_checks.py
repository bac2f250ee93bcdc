"""Input and checks of a source's pilot: settings and answers. Pure functions.

Level `fail` stops a source, `warn` informs the user, `ok` is for the record. A check that cannot be
run says so in its message and has no value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from manybaskets.chat import Prompt, Rendered, holds_reasoning
from manybaskets.config.sources import Source
from manybaskets.data.languages import known_in, language_of, usable
from manybaskets.generation.copies import answer_groups, copies_of
from manybaskets.generation.quality import echoes, fault, repeated_share
from manybaskets.generation.refusals import REFUSALS_IN, is_refusal
from manybaskets.measures.tokens import spaced

Level = Literal["ok", "warn", "fail"]
Row = Mapping[str, Any]

SIGNIFICANT = 0.05
OPENING_WORDS = 5
MAX_SAME_OPENING = 0.5
_OTHER_FAULTS = ("too short", "broken characters", "compresses too well")


@dataclass(frozen=True)
class Check:
    """One check: the value found, the limit, and the rows (prompt, turn) that show it."""

    name: str
    value: Any
    limit: Any
    level: Level
    message: str
    rows: tuple[tuple[str, int], ...] = ()

    @property
    def prompts(self) -> list[str]:
        """Ids of the affected prompts."""
        return list(dict.fromkeys(prompt_id for prompt_id, _ in self.rows))


@dataclass(frozen=True)
class Template:
    """Behavior of a chat template, read from its own rendering, not from our renderer.

    `tail` is the text after a prompt's last question; `lead` the text between a question and its
    answer in a finished conversation; `adds_header` whether a prompt contains more than the
    conversation so far; `own_text` text that the template adds itself; `clock` whether it prints
    the current date; `control_tokens` the texts that would steer the model.
    """

    bos_id: int | None
    bos_wanted: bool
    tail: str
    lead: str
    adds_header: bool
    own_text: str
    clock: bool
    control_tokens: frozenset[str]


@dataclass(frozen=True)
class Seen:
    """One question as a model sees it: the renderer's output, and the template's text for the same
    messages with its tokens; whether a message spells a control token, and whether the renderer's
    output has only the control tokens that the template itself writes."""

    prompt: Prompt
    turn: int
    rendered: Rendered
    text: str
    tokens: tuple[int, ...]
    spells_control: bool = False
    only_own_controls: bool = True

    @property
    def question(self) -> str:
        """Text that the prompt must contain unchanged: all of it, or only the instruction if the
        context was shortened."""
        if self.turn:
            return self.prompt.follow_ups[self.turn - 1]
        return self.prompt.instruction if self.rendered.shortened else self.prompt.text()


@dataclass(frozen=True)
class Trial:
    """Input of the pilot's checks.

    Args:
        prompts: the pilot's prompts by id.
        drawn: ids of randomly drawn prompts; the others were chosen for their length and are not
            part of any share.
        system_prompt: of the config.
        answers: number of answers in the full run.
        window: maximum length of prompt plus answer in tokens; null if unknown.
        template: null if a server renders.
        seen: rendered prompts; not used if a server renders.
        special_prompts: training prompts, in the pilot or not, that spell a control token of the
            model.
    """

    source: Source
    prompts: Mapping[str, Prompt]
    drawn: frozenset[str]
    system_prompt: str
    max_prompt_tokens: int
    answers: int
    window: int | None = None
    template: Template | None = None
    seen: Sequence[Seen] = field(default=())
    special_prompts: Sequence[str] = ()


def share_level(count: int, rows: int, limit: float) -> Level:
    """Level for `count` of `rows` against a maximum share of `limit`.

    A pilot is small: at a limit of 5 %, three of 32 rows prove little. `fail` therefore requires a
    count significantly above the limit (exact binomial test, one-sided p < 0.05); a single row
    among several never fails, however small the limit. Other counts above the limit give `warn`. A
    limit of 0 tolerates no row.
    """
    if rows == 0 or count / rows <= limit:
        return "ok"
    if limit == 0:
        return "fail"
    from scipy.stats import binomtest

    chance = binomtest(count, rows, limit, alternative="greater").pvalue
    return "fail" if chance < SIGNIFICANT and not (count == 1 and rows > 1) else "warn"


def temperature_check(source: Source) -> Check:
    """The temperature is 0 (greedy) or in the allowed range."""
    low, high = source.pilot.temperature
    found = source.sampling.temperature
    if found is None:
        return Check("temperature", 0, [low, high], "ok", "left to the server")
    sane = found == 0 or low <= found <= high
    word = "greedy" if found == 0 else f"{'inside' if sane else 'outside'} [{low:g}, {high:g}]"
    return Check("temperature", found, [low, high], "ok" if sane else "fail", word)


# --- answers --------------------------------------------------------------------------------------


def answer_checks(trial: Trial, rows: Sequence[Row]) -> list[Check]:
    """Shares of unusable answers, copies, repeated openings, lengths, cost.

    Errors are counted over all rows, everything else over answers to drawn prompts.
    """
    pilot, quality = trial.source.pilot, trial.source.quality
    answered = drawn_answers(trial, rows)

    def repeats(row: Row) -> bool:
        return repeated_share(row["text"]) > quality.max_repeated_share

    def strange(row: Row) -> bool:
        return language_of(row["text"]) not in (None, *(quality.languages or ()))

    def other_fault(row: Row) -> str | None:
        reason = fault(row["text"], question_of(trial, row), quality)
        return reason if reason in _OTHER_FAULTS else None

    def echo(row: Row) -> bool:
        return echoes(row["text"], question_of(trial, row))

    def reasons(row: Row) -> bool:
        return holds_reasoning(row["text"])

    shares = {
        "empty answers": (lambda row: not row["text"].strip(), pilot.max_empty_share),
        "truncated answers": (_cut, pilot.max_truncated_share),
        "repeating answers": (repeats, pilot.max_repeated_share),
        "refused answers": (lambda row: is_refusal(row["text"]), pilot.max_refused_share),
        "echoes of the prompt": (echo, quality.max_failed_share),
        "answers with reasoning": (reasons, quality.max_failed_share),
        "answers in a wrong language": (strange, pilot.max_wrong_language_share),
        "otherwise unusable answers": (other_fault, quality.max_failed_share),
    }
    off = {
        "echoes of the prompt": None if quality.no_echo else "quality.no_echo is off",
        "answers in a wrong language": None if quality.languages else "quality.languages is null",
        "refused answers": None
        if usable([known_in(row["text"], REFUSALS_IN) for row in answered]).any() or not answered
        else "its rule reads English only",
    }
    checks = [share_check("errors", rows, _failure, trial.source.max_error_share)]
    for name, share in shares.items():
        if why := off.get(name):
            checks.append(Check(name, None, None, "ok", f"not checked: {why}"))
        else:
            checks.append(share_check(name, answered, *share))
    checks += [copy_check(trial, answered), opening_check(answered)]
    return [*checks, length_check(trial, rows), *_cost_checks(trial, rows)]


def drawn_answers(trial: Trial, rows: Sequence[Row]) -> list[Row]:
    """Rows with an answer to a drawn prompt."""
    return [r for r in rows if r["text"] is not None and r["prompt_id"] in trial.drawn]


def question_of(trial: Trial, row: Row) -> str:
    """The question that a row answers."""
    prompt = trial.prompts[row["prompt_id"]]
    return prompt.follow_ups[row["turn"] - 1] if row["turn"] else prompt.text()


def _failure(row: Row) -> bool | str:
    return row["text"] is None and (row["error"] or True)


def _place(row: Row) -> tuple[str, int]:
    return row["prompt_id"], row["turn"]


def _cut(row: Row) -> bool:
    return row["finish_reason"] == "length"


def share_check(
    name: str, rows: Sequence[Row], test: Callable[[Row], bool | str | None], limit: float
) -> Check:
    """The share of rows that a test finds, compared with its limit. A test may return a reason."""
    told = [(_place(row), reason) for row in rows if (reason := test(row))]
    share = round(len(told) / len(rows), 4) if rows else 0.0
    level = share_level(len(told), len(rows), limit)
    reasons = Counter(reason for _, reason in told if isinstance(reason, str))
    message = f"{len(told)} of {len(rows)}"
    message += f", mostly {commonest(reasons)[:200]!r}" if reasons else ""
    message += "; this may be chance" if level == "warn" else ""
    return Check(name, share, limit, level, message, tuple(place for place, _ in told))


def copy_check(trial: Trial, rows: Sequence[Row]) -> Check:
    """The share of first answers that copy, exactly or nearly, the answer to another question."""
    first = {question_of(trial, row): row for row in reversed(rows) if not row["turn"]}
    asked = {question: row for question, row in first.items() if row["text"].strip()}
    texts = [row["text"] for row in asked.values()]
    copies = copies_of(texts, list(asked))
    limit = trial.source.pilot.max_copied_share
    level = share_level(max(copies.prompts - copies.distinct, 0), copies.prompts, limit)
    message = (
        f"{copies.prompts} different prompts have {copies.distinct} different answers; the commonest "
        f"answers {copies.most} of them"
    )
    message += "; texts that differ in names, numbers or a few words count once" * copies.near
    message += "; this may be chance" if level == "warn" else ""
    places = ()
    if level != "ok":
        seen = _seen_before(answer_groups(texts, copies.near).tolist())
        places = [_place(row) for row, again in zip(asked.values(), seen, strict=True) if again]
    return Check("copied answers", round(copies.share, 4), limit, level, message, tuple(places))


def _seen_before(groups: Sequence[int]) -> list[bool]:
    seen: set[int] = set()
    return [group in seen or seen.add(group) is not None for group in groups]


def opening_check(rows: Sequence[Row]) -> Check:
    """The share of answers with the same five opening words; a warning, never a failure."""
    name, limit = "most common opening", MAX_SAME_OPENING
    openings = [spaced(row["text"].casefold()).split()[:OPENING_WORDS] for row in rows]
    counts = Counter(" ".join(words) for words in openings if len(words) == OPENING_WORDS)
    if not counts:
        return Check(name, None, limit, "ok", f"no answer has {OPENING_WORDS} words")
    opening = commonest(counts)
    most = counts[opening]
    level = "warn" if most > 1 and most / len(rows) > limit else "ok"
    message = f"{most} of {len(rows)} answers open with {opening[:80]!r}"
    return Check(name, round(most / len(rows), 4), limit, level, message)


def commonest(counts: Mapping[str, int]) -> str:
    """The text with the highest count; the first in sort order for ties."""
    return min(counts, key=lambda text: (-counts[text], text))


def length_check(trial: Trial, rows: Sequence[Row]) -> Check:
    """Whether max_new_tokens leaves room; the value is the limit that the answers suggest."""
    name, limit = "room for answers", trial.source.sampling.max_new_tokens
    answered = drawn_answers(trial, rows)
    wanted = recommended_limit(answered, limit)
    if wanted is None:
        return Check(name, None, limit, "ok", "the engine does not count tokens")
    cut = [_place(row) for row in answered if _cut(row)]
    if cut:
        message = (
            f"{len(cut)} of {len(answered)} answers reached max_new_tokens = {limit}, so their "
            f"full length is unknown; try {wanted}"
        )
        return Check(name, wanted, limit, "warn", message, tuple(cut))
    return Check(name, wanted, limit, "ok", f"max_new_tokens = {wanted} is sufficient")


def recommended_limit(answered: Sequence[Row], limit: int) -> int | None:
    """The 99th percentile of answer tokens, rounded up to a multiple of 16; twice the current limit
    if answers reached it; null if no tokens were counted."""
    lengths = [r["completion_tokens"] for r in answered if r["completion_tokens"] is not None]
    if not lengths:
        return None
    if any(map(_cut, answered)):
        return 2 * limit
    return 16 * math.ceil(rank_quantile(lengths, 0.99) / 16)


def rank_quantile(values: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed."""
    return int(np.quantile(values, share, method="inverted_cdf"))


# --- tokens and cost ------------------------------------------------------------------------------


def token_summary(trial: Trial, rows: Sequence[Row]) -> dict[str, dict[str, float | int] | None]:
    """Mean, median, 95th percentile and maximum of tokens per prompt and answer, or null."""
    return {"prompt": _spread(trial, rows, "prompt"), "answer": _spread(trial, rows, "completion")}


def _spread(trial: Trial, rows: Sequence[Row], kind: str) -> dict[str, float | int] | None:
    values = _counted(trial, rows, kind)
    if not values:
        return None
    return {
        "mean": round(sum(values) / len(values), 2),
        "median": rank_quantile(values, 0.5),
        "p95": rank_quantile(values, 0.95),
        "max": max(values),
    }


def _counted(trial: Trial, rows: Sequence[Row], kind: str) -> list[int]:
    counts = (row[f"{kind}_tokens"] for row in drawn_answers(trial, rows))
    return [count for count in counts if count is not None]


def estimate(trial: Trial, rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Estimate for the full run from the pilot's mean lengths: answers, tokens in and out, and USD
    for a paid server. Retries of rejected answers are not counted."""
    tokens: dict[str, float | int | None] = {"answers": trial.answers, "usd": None}
    for kind in ("prompt", "completion"):
        values = _counted(trial, rows, kind)
        mean = sum(values) / len(values) if values else None
        tokens[f"{kind}_tokens"] = None if mean is None else round(mean * trial.answers)
    counts = (tokens["prompt_tokens"], tokens["completion_tokens"])
    if None not in counts and (paid := trial.source.engine.price(*counts)) is not None:
        tokens["usd"] = round(paid, 4)
    return tokens


def _cost_checks(trial: Trial, rows: Sequence[Row]) -> list[Check]:
    engine = trial.source.engine
    if engine.price(0, 0) is None:
        return []
    cap = engine.cap()
    name, cost = "cost in USD", estimate(trial, rows)["usd"]
    if cost is None:
        return [Check(name, None, cap, "ok", "the server does not count tokens")]
    over = cap is not None and cost > cap
    message = "above `spending_cap`" if over else f"for {trial.answers} answers, at config prices"
    return [Check(name, cost, cap, "warn" if over else "ok", message)]
