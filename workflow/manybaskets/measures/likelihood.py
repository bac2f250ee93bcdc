"""Measures based on token likelihoods from the scoring stage.

Those per token leave the end token out unless their name says otherwise, since in short answers it
outweighs the rest. Nothing is trimmed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manybaskets.measures.inputs import Inputs, grouped
from manybaskets.measures.registry import measure
from manybaskets.measures.subsets import Evaluation, Subsets

_HUMAN: dict[str, Any] = {
    "level": "prompt",
    "needs": ("reference", "likelihood"),
    "prompt_sets": ("test",),
}
_OWN: dict[str, Any] = {"level": "prompt", "needs": ("responses", "likelihood")}
_NLL: dict[str, Any] = {"unit": "nats per token", "transform": "exp"}


def _column(inputs: Inputs, name: str) -> list[float | None]:
    return inputs.aligned(inputs.likelihood, name)


@measure(label="Perplexity of human answers", direction="lower", **_NLL, **_HUMAN)
def human_nll(inputs: Inputs) -> list[float | None]:
    """Mean negative log-likelihood, per token, of the human answer under the run; lower is closer.

    −(1/T) Σ_t log p(token_t | prompt, tokens before) in nats, over the T tokens before the end
    token. The mean over prompts is the logarithm of the geometric-mean perplexity, and tables show
    its exponential: an arithmetic mean of perplexities would be ruled by single rows. That of the
    untuned target is the anchor.
    Source: Schaffelder & Gatt 2026, section on distribution shift.
    """
    return _column(inputs, "reference_nll_without_end")


@measure(label="Perplexity of human answers with end token", direction="lower", **_NLL, **_HUMAN)
def human_nll_with_end(inputs: Inputs) -> list[float | None]:
    """As `human_nll`, the end token counted as one of the answer's; lower is closer."""
    return _column(inputs, "reference_nll")


@measure(label="Perplexity of human answers, first tokens", direction="lower", **_NLL, **_HUMAN)
def human_nll_first(inputs: Inputs) -> list[float | None]:
    """As `human_nll`, over the first `scoring.first_tokens` tokens of the answer or all it has.

    The likelihood of a token rises with what precedes it, and so that of an answer with its length.
    """
    return _column(inputs, "reference_nll_first")


@measure(
    label="Bits per byte of human answers",
    unit="bits per byte",
    direction="lower",
    **_HUMAN,
)
def human_bits_per_byte(inputs: Inputs) -> list[float | None]:
    """−Σ_t log₂ p(token_t) of the human answer by its bytes in UTF-8; lower is closer.

    Unlike a value per token it can be compared between tokenizers.
    """
    return _column(inputs, "reference_bits_per_byte")


@measure(label="Predictive entropy on human answers", unit="nats", direction="none", **_HUMAN)
def human_entropy(inputs: Inputs) -> list[float | None]:
    """Mean entropy −Σ_w p_w log p_w of the run's next-token distributions along the human answer.

    How much the run leaves open at every token, whatever the token was; lower is more certain.
    """
    return _column(inputs, "reference_entropy")


@measure(
    label="Perplexity of human answers, by corpus",
    direction="lower",
    level="set",
    needs=_HUMAN["needs"],
    prompt_sets=_HUMAN["prompt_sets"],
    **_NLL,
)
def human_corpus_nll(inputs: Inputs) -> Evaluation:
    """Negative log-likelihood of all human answers under the run by their tokens; lower is closer.

    −Σ log p / Σ T over all answers, without their end tokens: every token has the same weight,
    where `human_nll` gives it to every answer.
    """
    known = zip(
        inputs.first_of_prompt(),
        _column(inputs, "reference_nats"),
        _column(inputs, "reference_tokens_without_end"),
        strict=True,
    )
    counts = [
        (nats, tokens) if first and nats is not None else None for first, nats, tokens in known
    ]
    counted = np.array([each is not None for each in counts], dtype=bool)
    table = np.array([each or (0.0, 0) for each in counts], dtype=np.float64).reshape(-1, 2)

    def per_token(subsets: Subsets) -> np.ndarray:
        return _ratio(table.T @ subsets.members.astype(np.float64))

    def left_out(rows: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
        sums = grouped(table[rows], group, groups)
        return _ratio((sums.sum(axis=0) - sums).T)

    return Evaluation(per_token, counted, left_out)


def _ratio(sums: np.ndarray) -> np.ndarray:
    """Nats by tokens, from `[nats or tokens, set]`; NaN without a token."""
    nats, tokens = sums
    return np.divide(nats, tokens, out=np.full(len(tokens), np.nan), where=tokens > 0)


@measure(
    label="Perplexity of human answers, fixed scorer",
    direction="none",
    **_NLL,
    **(_HUMAN | {"needs": ("reference", "likelihood", "scorer")}),
)
def human_scorer_nll(inputs: Inputs) -> list[float | None]:
    """As `human_nll` under the fixed scorer: the anchor of `own_scorer_nll`, the same for all runs."""
    return _column(inputs, "reference_scorer_nll_without_end")


@measure(label="Perplexity of own answers", direction="none", **_NLL, **_OWN)
def own_nll(inputs: Inputs) -> list[float | None]:
    """Mean negative log-likelihood, per token, of the run's own answer under the untuned target.

    −(1/T) Σ_t log p(token_t | prompt, tokens before) in nats, without the end token; lower means
    that answers gather where the target was dense already. A model finds text of its own family
    likely, so read it together with `own_scorer_nll`. Tables show the exponential, a
    geometric-mean perplexity; `human_nll` of the untuned target is the anchor.
    Source: Schaffelder & Gatt 2026, section on output concentration.
    """
    return _column(inputs, "own_nll_without_end")


@measure(label="Perplexity of own answers with end token", direction="none", **_NLL, **_OWN)
def own_nll_with_end(inputs: Inputs) -> list[float | None]:
    """As `own_nll`, the end token counted as one of the answer's."""
    return _column(inputs, "own_nll")


@measure(label="Perplexity of own answers, first tokens", direction="none", **_NLL, **_OWN)
def own_nll_first(inputs: Inputs) -> list[float | None]:
    """As `own_nll`, over the first `scoring.first_tokens` tokens of the answer or all it has."""
    return _column(inputs, "own_nll_first")


@measure(label="Bits per byte of own answers", unit="bits per byte", direction="none", **_OWN)
def own_bits_per_byte(inputs: Inputs) -> list[float | None]:
    """−Σ_t log₂ p(token_t) of the own answer under the untuned target by its bytes in UTF-8."""
    return _column(inputs, "own_bits_per_byte")


@measure(label="Perplexity of own answers, under the run", direction="none", **_NLL, **_OWN)
def own_self_nll(inputs: Inputs) -> list[float | None]:
    """As `own_nll`, under the run that gave the answer: how sure it was of what it said."""
    return _column(inputs, "own_self_nll_without_end")


@measure(label="Predictive entropy on own answers", unit="nats", direction="higher", **_OWN)
def own_entropy(inputs: Inputs) -> list[float | None]:
    """Mean entropy −Σ_w p_w log p_w of the run's next-token distributions along its own answer.

    Of the whole distribution, before temperature and nucleus; lower is narrower.
    """
    return _column(inputs, "own_self_entropy")


_BY_SCORER: dict[str, Any] = _OWN | {"needs": ("responses", "likelihood", "scorer")}


@measure(label="Perplexity of own answers, fixed scorer", direction="none", **_NLL, **_BY_SCORER)
def own_scorer_nll(inputs: Inputs) -> list[float | None]:
    """As `own_nll`, under the model `scoring.scorer`, which made no training data.

    It favours no source as the target may. `human_scorer_nll` is the anchor.
    """
    return _column(inputs, "own_scorer_nll_without_end")


@measure(
    label="Perplexity of own answers, fixed scorer, first tokens",
    direction="none",
    **_NLL,
    **_BY_SCORER,
)
def own_scorer_nll_first(inputs: Inputs) -> list[float | None]:
    """As `own_scorer_nll`, over the first `scoring.first_tokens` tokens of the answer or all it has."""
    return _column(inputs, "own_scorer_nll_first")


@measure(
    label="Bits per byte of own answers, fixed scorer",
    unit="bits per byte",
    direction="none",
    **_BY_SCORER,
)
def own_scorer_bits_per_byte(inputs: Inputs) -> list[float | None]:
    """−Σ_t log₂ p(token_t) of the own answer under the fixed scorer by its bytes in UTF-8."""
    return _column(inputs, "own_scorer_bits_per_byte")
