"""Estimate of questions and tokens for judging, from the config alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manybaskets.config.judges import ClassifierJudge, JudgeSettings, ModelJudge
from manybaskets.config.study import Study
from manybaskets.judging.rubrics import Rubric, rubric_for

# Characters of English per token: for common tokenizers, and for the embedded models' tokenizer
# with a thousand tokens (measured on the shipped rubrics: 2.0).
CHARACTERS_PER_TOKEN, EMBEDDED_CHARACTERS = 4.2, 2.0
# A reason of three to five sentences, or a bare score if the limit leaves no room for more.
ANSWER_TOKENS = 120
# Share of answers that cannot be parsed at the first attempt if their form is not enforced: the
# published study lost 1 % of its harm scores and 7 % of its quality scores.
UNREAD_SHARE = 0.05


@dataclass(frozen=True)
class Calls:
    """Workload of one judge on one rubric.

    Args:
        calls: questions, including retests, expected retries and canaries; 0 for rules and human
            labels.
        tokens_in: tokens that it reads.
        tokens_out: tokens that it writes.
    """

    judge: str
    rubric: str
    calls: float
    tokens_in: float
    tokens_out: float


def judge_calls(
    study: Study,
    panel: Iterable[tuple[str, str]],
    responses: float,
    request_tokens: float,
    response_tokens: float,
    tries_of_canaries: int = 1,
) -> list[Calls]:
    """Questions and tokens of every judge on every rubric.

    Args:
        panel: pairs of judge name and rubric name.
        responses: number of responses to judge.
        request_tokens: mean tokens of the request shown to the judge.
        response_tokens: mean tokens of a response.
        tries_of_canaries: how often a judge is asked the canaries.

    Raises:
        UserError: a rubric file is missing or is not a rubric.
    """
    found = []
    for name, rubric_name in panel:
        judge = study.judges[name]
        if isinstance(judge, ModelJudge):
            rubric = rubric_for(judge, rubric_name, study.rubrics)
            per_call = question_tokens(study, judge, rubric) + request_tokens + response_tokens
            free = not judge.structured or judge.form != "json" or not judge.engine.takes_form
            again = 1 + judge.retest_share
            tries = 1 + (UNREAD_SHARE if free and judge.retries else 0.0)
            calls = (responses * judge.judged_share * again) * tries
            calls += tries_of_canaries * len(rubric.canaries)
            out = min(ANSWER_TOKENS, judge.sampling.max_new_tokens)
            found.append(Calls(name, rubric_name, calls, calls * per_call, calls * out))
        elif isinstance(judge, ClassifierJudge):
            rubric = rubric_for(judge, rubric_name, study.rubrics)
            calls = responses + tries_of_canaries * len(rubric.canaries)
            read = response_tokens + (request_tokens if judge.judged_text == "exchange" else 0.0)
            found.append(Calls(name, rubric_name, calls, calls * min(read, judge.max_tokens), 0.0))
        else:
            found.append(Calls(name, rubric_name, 0.0, 0.0, 0.0))
    return found


def question_tokens(study: Study, judge: JudgeSettings, rubric: Rubric) -> float:
    """Approximate tokens of a rubric's question without request and response."""
    text = rubric.system + rubric.question("", "", getattr(judge, "form", "json"))
    model = study.models.get(judge.model) if getattr(judge, "model", None) else None
    per_token = EMBEDDED_CHARACTERS if model and model.embedded else CHARACTERS_PER_TOKEN
    return len(text) / per_token
