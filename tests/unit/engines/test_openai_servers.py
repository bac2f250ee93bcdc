"""Forms that servers answer in besides OpenAI's own: ends, filters, waits, and keys they refuse."""

from __future__ import annotations

import pytest
from stub_server import Reply, StubServer, completion, echo

from manybaskets.config.engines import OpenAISettings
from manybaskets.config.judges import JudgeSampling
from manybaskets.config.models import Prompting
from manybaskets.config.responses import Responses
from manybaskets.config.sampling import Sampling
from manybaskets.config.sources import Source
from manybaskets.engines import openai_requests
from manybaskets.engines.base import WITHHELD, Request
from manybaskets.engines.openai_answers import MalformedAnswer, completion_of
from manybaskets.engines.openai_engine import OpenAIEngine

HOSTED = {"kind": "openai", "served_model": "stub", "key_variable": None}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def answers(reply, count: int = 1, sampling: Sampling | None = None, retries: int = 2):
    """What an engine makes of a server's replies, and the bodies that it sent."""
    requests = [Request(str(n), 0, 0, 0, n, (("user", f"Question {n}?"),)) for n in range(count)]
    with StubServer(reply) as server:
        settings = OpenAISettings(**HOSTED, base_url=server.url, retries=retries, concurrency=1)
        engine = OpenAIEngine(settings, Prompting(), "hosted", 1.0)
        made = [each for _, each in engine.generate(requests, sampling or Sampling())]
        return made, server.asked


@pytest.mark.parametrize(
    ("reason", "meant"),
    [("eos_token", "stop"), ("end_turn", "stop"), ("max_tokens", "length"), ("stop", "stop")],
)
def test_other_names_of_an_answers_end(reason, meant):
    assert completion_of(completion("Mara.", reason=reason)).finish_reason == meant
    with pytest.raises(MalformedAnswer, match="'tool_calls'"):
        completion_of(completion("Mara.", reason="tool_calls"))


def test_text_that_a_reasoning_parser_kept_is_named():
    body = completion(None, reasoning_content="Mara bakes it.")
    with pytest.raises(
        MalformedAnswer, match="text in `reasoning_content`: the server's reasoning"
    ):
        completion_of(body)


def test_a_filter_that_is_told_as_a_bad_request_withholds_the_answer():
    error = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
    made, _ = answers(lambda body, before: Reply(400, error), count=30)
    assert {each.error for each in made} == {WITHHELD} and len(made) == 30


def test_a_wait_longer_than_the_client_waits_is_waited_for(monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(openai_requests, "pause", sleep)

    def reply(body, before):
        return Reply(429, {}, {"Retry-After": "300"}) if before < 2 else echo(body, before)

    made, _ = answers(reply)
    assert made[0].error is None and set(waited) == {300}


def test_a_wait_of_a_day_is_an_error_of_the_row(monkeypatch):
    made, _ = answers(lambda body, before: Reply(429, {}, {"Retry-After": "86400"}))
    assert "429" in made[0].error


def test_a_key_of_sampling_can_be_left_out():
    _, bodies = answers(echo, sampling=Sampling(temperature=0.7, top_p=None))
    assert bodies[0]["temperature"] == 0.7 and "top_p" not in bodies[0]
    _, bodies = answers(echo, sampling=JudgeSampling(temperature=None))
    assert "temperature" not in bodies[0] and bodies[0]["top_p"] == 1.0
    Source(engine=HOSTED, sampling={"top_p": None})
    with pytest.raises(ValueError, match="top_p: null leaves it out of requests to a server"):
        Source(model="llama", sampling={"top_p": None})
    with pytest.raises(ValueError, match="temperature: null leaves it out of requests"):
        Responses(sampling={"temperature": None})
