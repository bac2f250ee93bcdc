"""The `openai` engine against a server that fails in every way that servers fail."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import LIBRARY, SUPPORT
from stub_server import Reply, StubServer, completion, echo, question

from manybaskets.config.engines import OpenAISettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Request
from manybaskets.engines.openai_answers import MalformedAnswer, completion_of, decoded, token_counts
from manybaskets.engines.openai_engine import OpenAIEngine
from manybaskets.engines.openai_requests import FAULTS_IN_A_ROW
from manybaskets.errors import UserError
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.records.ids import row_seed
from manybaskets.records.responses import PROMPTS
from manybaskets.records.writing import read_metadata

KEY = "sk-test-0123456789"
NOW = {"Retry-After-Ms": "1"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("STUB_KEY", KEY)
    monkeypatch.setenv("no_proxy", "*")


def engine_at(address: str, share: float = 1.0, prompting: Prompting | None = None, **changes):
    settings = {"base_url": address, "served_model": "stub", "key_variable": "STUB_KEY"}
    settings |= {"concurrency": 8, "retries": 1, "timeout": 5.0}
    return OpenAIEngine(
        OpenAISettings(**settings | changes), prompting or Prompting(), "hosted", share
    )


def prompt_table(texts: list[str], follow_ups: list[list[str]] | None = None) -> pl.DataFrame:
    columns = {
        "prompt_id": [f"p{number:03d}" for number in range(len(texts))],
        "instruction": texts,
        "context": [""] * len(texts),
        "follow_ups": follow_ups or [[] for _ in texts],
    }
    return pl.DataFrame(columns, schema=PROMPTS)


def numbered(count: int) -> pl.DataFrame:
    return prompt_table([f"Question {number}?" for number in range(count)])


def answer(engine, prompts, folder, output="out.parquet", **changes):
    settings = {
        "who": "hosted",
        "sampling": Sampling(temperature=0.6, top_p=0.8, max_new_tokens=8),
        "batch_size": 4,
        "max_prompt_tokens": 200,
        "max_error_share": 0.0,
        "study_seed": 1,
        "work": folder / "work",
    }
    return answer_prompts(prompts, engine, AnswerSettings(**settings | changes), folder / output)


def requests_for(questions: list[str]) -> list[Request]:
    return [
        Request(f"p{number:03d}", 0, 0, 1, 2**62 + number, (("user", text),))
        for number, text in enumerate(questions)
    ]


def ask(engine, questions: list[str]) -> dict:
    """Completions by question."""
    pairs = engine.generate(requests_for(questions), Sampling(max_new_tokens=8))
    return {request.messages[-1][1]: completion for request, completion in pairs}


def journal_rows(folder: Path) -> list[dict]:
    (path,) = (folder / "work").glob("[!u]*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


# Other tests of the same process may have left threads of their own, such as a progress bar's.
OTHERS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def threads_before():
    OTHERS.clear()
    OTHERS.update(threading.enumerate())


def no_thread_left() -> bool:
    deadline = time.monotonic() + 5
    while (own := set(threading.enumerate()) - OTHERS) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not own


# What is asked and what is kept.


def test_answers_come_back_with_what_the_server_says_of_them(tmp_path):
    with StubServer() as stub:
        frame = answer(engine_at(stub.url), numbered(30), tmp_path)
    assert frame["text"].to_list() == [f"An answer to: Question {n}?" for n in range(30)]
    assert set(frame["finish_reason"]) == {"stop"}
    assert set(frame["prompt_tokens"]) == {10} and set(frame["completion_tokens"]) == {5}
    made = read_metadata(tmp_path / "out.parquet")
    assert made["served"] == ["stub-2024-07-26"] and made["model"] == "stub"
    assert made["base_url"] == stub.url and made["engine"] == "openai"
    assert {headers["authorization"] for headers in stub.headers} == {f"Bearer {KEY}"}
    bodies = {question(body): body for body in stub.asked}
    assert len(stub.asked) == 30
    assert bodies["Question 7?"] == {
        "model": "stub",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Question 7?"},
        ],
        "temperature": 0.6,
        "top_p": 0.8,
        "max_tokens": 8,
        "n": 1,
        "seed": row_seed(1, "p007", "hosted", 0) % 2**31,
    }
    assert len({body["seed"] for body in stub.asked}) == 30


def test_template_arguments_reach_the_server_and_the_identity():
    with StubServer() as stub:
        engine = engine_at(stub.url, template_arguments={"enable_thinking": False})
        ask(engine, ["Who?"])
        ask(engine_at(stub.url), ["Who?"])
    with_arguments, plain = stub.asked
    assert with_arguments["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in plain
    assert engine.identity["template_arguments"] == {"enable_thinking": False}
    assert "template_arguments" not in engine_at(stub.url).identity


def test_text_that_spells_a_control_token_reaches_a_server_as_it_is():
    spelled = "What is <|im_end|><|im_start|>system for? </s> [INST]"
    with StubServer() as stub:
        engine = engine_at(stub.url)
        ask(engine, [spelled])
    assert question(stub.asked[0]) == spelled


def test_what_a_server_does_not_take_is_not_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-another-server")

    def reply(body, before):
        return echo(body, before) if before else Reply(500, {}, NOW)

    with StubServer(reply) as stub:
        engine = engine_at(
            stub.url,
            prompting=Prompting(system_prompt=""),
            key_variable=None,
            send_seed=False,
            tokens_key="max_completion_tokens",
        )
        ask(engine, ["Who?"])
    assert stub.asked[0] == stub.asked[1] and len(stub.asked) == 2
    assert stub.asked[0].keys() == {
        "model", "messages", "temperature", "top_p", "max_completion_tokens", "n",
    }  # fmt: skip
    assert [turn["role"] for turn in stub.asked[0]["messages"]] == ["user"]
    assert not [headers for headers in stub.headers if "authorization" in headers]


def test_a_conversation_goes_on_with_the_own_answers(tmp_path):
    prompts = prompt_table(["Who?", "Where?"], [["And then?", "Why?"], []])
    with StubServer() as stub:
        frame = answer(engine_at(stub.url), prompts, tmp_path)
    assert frame.filter(prompt_id="p000").sort("turn")["text"].to_list() == [
        "An answer to: Who?", "An answer to: And then?", "An answer to: Why?",
    ]  # fmt: skip
    last = max(stub.asked, key=lambda body: len(body["messages"]))
    assert [(turn["role"], turn["content"]) for turn in last["messages"][1:]] == [
        ("user", "Who?"),
        ("assistant", "An answer to: Who?"),
        ("user", "And then?"),
        ("assistant", "An answer to: And then?"),
        ("user", "Why?"),
    ]


def test_the_identity_holds_what_determines_answers_and_nothing_else():
    plain = engine_at("http://localhost:1/v1").identity
    assert engine_at("http://localhost:1/v1/").identity == plain
    for change in (
        {"concurrency": 3}, {"timeout": 1.0}, {"retries": 9}, {"price_in": 1.0, "price_out": 2.0},
        {"key_variable": None}, {"spending_cap": 5.0, "price_in": 1.0},
    ):  # fmt: skip
        assert engine_at("http://localhost:1/v1", **change).identity == plain
    for change in (
        {"base_url": "http://localhost:2/v1"}, {"served_model": "other"}, {"send_seed": False},
        {"tokens_key": "max_completion_tokens"},
    ):  # fmt: skip
        assert engine_at(**{"address": "http://localhost:1/v1"} | change).identity != plain
    silent = engine_at("http://localhost:1/v1", prompting=Prompting(system_prompt=""))
    assert silent.identity != plain


ANSWERS = {
    "cut": (completion("one two", reason="length"), ("one two", "length")),
    "thought only": (completion(None, reason="length"), ("", "length")),
    "refused": (completion(None, refusal="I cannot say that."), ("I cannot say that.", "stop")),
    "spaced": (completion("\n one "), ("one", "stop")),
    "surrogate": (completion("half \ud83d a face"), ("half \ufffd a face", "stop")),
    "emoji": (completion("\U0001f600"), ("\U0001f600", "stop")),
}


def test_every_way_to_end_an_answer(tmp_path):
    with StubServer(lambda body, before: Reply(content=ANSWERS[question(body)][0])) as stub:
        frame = answer(engine_at(stub.url), prompt_table(list(ANSWERS)), tmp_path)
    found = frame.sort("prompt_id").select("text", "finish_reason").rows()
    assert dict(zip(ANSWERS, found, strict=True)) == {k: v[1] for k, v in ANSWERS.items()}


def test_what_the_content_filter_withheld_is_an_error_and_not_asked_again():
    withheld = Reply(content=completion("Half of", reason="content_filter"))
    with StubServer(lambda body, before: withheld) as stub:
        found = ask(engine_at(stub.url), ["Who?"])["Who?"]
    assert (found.text, found.finish_reason) == (None, "error")
    assert "content filter" in found.error and len(stub.asked) == 1


def test_a_server_that_counts_no_tokens_leaves_them_unknown():
    uncounted = completion("one two") | {"usage": None}
    with StubServer(lambda body, before: Reply(content=uncounted)) as stub:
        found = ask(engine_at(stub.url, price_out=1.0), ["Who?"])["Who?"]
    assert (found.text, found.prompt_tokens, found.completion_tokens) == ("one two", None, None)


def test_compressed_answers_are_read():
    packed = gzip.compress(json.dumps(completion("one two")).encode())
    reply = Reply(content=packed, headers={"Content-Encoding": "gzip"})
    with StubServer(lambda body, before: reply) as stub:
        assert ask(engine_at(stub.url), ["Who?"])["Who?"].text == "one two"
    assert "gzip" in stub.headers[0]["accept-encoding"]


def test_the_proxy_of_the_environment_is_used(monkeypatch):
    with StubServer() as stub:
        monkeypatch.setenv("http_proxy", stub.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        found = ask(engine_at("http://far.example/v1"), ["Who?"])
        assert found["Who?"].text == "An answer to: Who?"
        assert stub.headers[0]["host"] == "far.example"
        with pytest.raises(UserError, match="cannot connect to the server"):
            ask(engine_at("http://127.0.0.1:9/v1"), ["Who?"])


# Faults of single requests.

FAULTS = {
    "rate limit": (Reply(429, {"error": {"message": "slow down"}}, NOW), "429: slow down"),
    "server error": (Reply(500, b"oops", NOW), "500: oops"),
    "overloaded": (Reply(503, {"detail": "loading"}, NOW), "503: loading"),
    "hang-up": (Reply(content=completion("lost"), hang_up=True), "the connection was lost"),
    "hang": (Reply(content=completion("late"), seconds=30), "no answer within 0.5 s"),
    "torn": (Reply(content=b'{"choices": [{"mess'), "not a JSON object"),
    "page": (Reply(content=b"<html>Welcome</html>"), "<html>Welcome"),
    "list": (Reply(content=[1]), "not a JSON object"),
    "no choices": (Reply(content=completion("x") | {"choices": []}), "no choices"),
    "error as answer": (Reply(content={"error": {"message": "sorry"}}), "sorry"),
    "no text": (Reply(content=completion(None)), "its text is None"),
    "tool": (Reply(content=completion(None, reason="tool_calls")), "'tool_calls'"),
    "unfinished": (Reply(content=completion("Well,", reason=None)), "finish_reason is None"),
}


def faulty(times: int):
    """A server on which each question meets the fault of its name so many times."""

    def reply(body, before):
        fault = FAULTS.get(question(body))
        return fault[0] if fault and before < times else echo(body, before)

    return reply


def test_a_request_that_failed_on_the_way_is_sent_again():
    with StubServer(faulty(1)) as stub:
        found = ask(engine_at(stub.url, timeout=0.5, concurrency=20), ["fine", *FAULTS])
    assert {text: done.text for text, done in found.items()} == {
        text: f"An answer to: {text}" for text in ["fine", *FAULTS]
    }
    assert Counter(map(question, stub.asked)) == {"fine": 1} | dict.fromkeys(FAULTS, 2)
    assert len({json.dumps(body) for body in stub.asked}) == 1 + len(FAULTS)
    for name in ("authorization", "content-type", "accept-encoding", "user-agent"):
        assert len({headers[name] for headers in stub.headers}) == 1


def test_a_request_that_keeps_failing_is_an_error_of_its_row(caplog):
    caplog.set_level(logging.INFO)
    with StubServer(faulty(9)) as stub:
        found = ask(engine_at(stub.url, timeout=0.5, concurrency=20), ["fine", *FAULTS])
    assert found.pop("fine").finish_reason == "stop"
    for name, (_, message) in FAULTS.items():
        assert (found[name].text, found[name].finish_reason) == (None, "error")
        assert message in found[name].error and "(2 attempts)" in found[name].error
    assert Counter(map(question, stub.asked)) == {"fine": 1} | dict.fromkeys(FAULTS, 2)
    assert "14 of 14 requests done" in caplog.text and "'ReadTimeout': 2" in caplog.text
    assert {record.name for record in caplog.records} == {"manybaskets.engines.openai_requests"}


@pytest.mark.parametrize("header", [("Retry-After", "0.7"), ("Retry-After-Ms", "700")], ids=str)
def test_the_server_says_how_long_to_wait(header):
    def reply(body, before):
        return echo(body, before) if before > 1 else Reply(429, {}, dict([header]))

    with StubServer(reply) as stub:
        start = time.monotonic()
        found = ask(engine_at(stub.url, retries=2), ["Who?"])
        assert 1.4 <= time.monotonic() - start < 3
    assert found["Who?"].text == "An answer to: Who?" and len(stub.asked) == 3


def test_one_request_that_the_server_refuses_is_an_error_of_its_row(tmp_path):
    refusals = {"Question 7?": (400, "context too long"), "Question 9?": (403, "flagged")}

    def reply(body, before):
        if refused := refusals.get(question(body)):
            return Reply(refused[0], {"error": {"message": refused[1]}})
        return echo(body, before)

    with StubServer(reply) as stub:
        frame = answer(
            engine_at(stub.url, concurrency=1), numbered(12), tmp_path, max_error_share=0.2
        )
        failed = frame.filter(finish_reason="error").sort("prompt_id")
        assert failed["prompt_id"].to_list() == ["p007", "p009"]
        assert "400: context too long" in failed["error"][0]
        assert "403: flagged" in failed["error"][1]
        assert len(stub.asked) == 12  # no second try
        # A later job has nothing but such rows to begin with.
        again = answer(engine_at(stub.url), numbered(12), tmp_path, max_error_share=0.2)
        assert again.equals(frame) and len(stub.asked) == 14


def test_a_prompt_refused_before_another_is_answered_is_an_error_of_its_row():
    def reply(body, before):
        if question(body) == "long":
            return Reply(400, {"error": {"message": "context too long"}})
        return Reply(content=completion("x"), seconds=0.3)

    with StubServer(reply) as stub:
        found = ask(engine_at(stub.url), ["long", "Who?", "Where?"])
    assert {text: done.finish_reason for text, done in found.items()} == {
        "long": "error", "Who?": "stop", "Where?": "stop",
    }  # fmt: skip


# Faults of the whole source.


def refusing(status: int, message: str):
    return lambda body, before: Reply(status, {"error": {"message": message}})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "rejects the key .*bad key"),
        (402, "rejects the key .*bad key"),
        (403, "rejects every request, 20 so far .*bad key"),
        (404, "does not know the model .*bad key"),
        (400, "rejects every request, 20 so far .*bad key"),
        (422, "rejects every request, 20 so far .*bad key"),
    ],
)
def test_a_refusal_that_all_requests_would_meet_stops_the_source(status, message):
    said = f"bad key {KEY} " + "x" * 1000
    with StubServer(refusing(status, said)) as stub, pytest.raises(UserError) as error:
        ask(engine_at(stub.url), ["Who?"] * 50)
    assert error.match(message) and stub.url in str(error.value)
    assert KEY not in str(error.value) and "bad key ***" in str(error.value)
    assert str(error.value).count("x") < 300
    assert len(stub.asked) <= FAULTS_IN_A_ROW + 16  # those that were on their way
    assert no_thread_left()


def test_a_key_that_is_withdrawn_stops_the_source_and_keeps_the_rows(tmp_path):
    def reply(body, before):
        return Reply(401, {}) if question(body) == "Question 9?" else echo(body, before)

    with StubServer(reply) as stub, pytest.raises(UserError, match="rejects the key"):
        answer(engine_at(stub.url, concurrency=1), numbered(30), tmp_path)
    assert len(journal_rows(tmp_path)) == 9


def test_a_redirect_names_the_address_to_use():
    moved = Reply(301, b"", {"Location": "https://elsewhere.example/v1/chat/completions"})
    stub, told = StubServer(lambda body, before: moved), "301: moved to https://elsewhere.example"
    with stub, pytest.raises(UserError, match=told):
        ask(engine_at(stub.url), ["Who?"])
    assert len(stub.asked) == 1


def test_a_server_that_is_not_there_is_told_at_once():
    with StubServer() as stub:
        pass
    start = time.monotonic()
    with pytest.raises(UserError, match="cannot connect to the server") as error:
        ask(engine_at(stub.url, retries=6), ["Who?"] * 50)
    assert time.monotonic() - start < 3
    assert stub.url in str(error.value) and "start the server" in str(error.value)
    assert no_thread_left()


def test_a_server_that_dies_stops_the_source_and_the_next_job_asks_for_the_rest(tmp_path):
    def dying(body, before):
        if len(stub.asked) == 25:
            stub.die()
        return echo(body, before)

    stub = StubServer(dying)
    with stub, pytest.raises(UserError, match="20 requests in a row failed") as error:
        answer(engine_at(stub.url, retries=0), numbered(60), tmp_path)
    assert "no connection" in str(error.value) and "finished rows are kept" in str(error.value)
    kept = {row["prompt_id"] for row in journal_rows(tmp_path)}
    assert 15 <= len(kept) <= 25 and not (tmp_path / "out.parquet").exists()
    stub.reply, stub.asked = echo, []
    with stub:
        frame = answer(engine_at(stub.url, retries=0), numbered(60), tmp_path)
    asked = [f"p{int(question(body).split()[1][:-1]):03d}" for body in stub.asked]
    assert len(asked) == 60 - len(kept) and not kept & set(asked)
    assert frame.sort("prompt_id")["text"].to_list() == [
        f"An answer to: Question {n}?" for n in range(60)
    ]


def test_a_server_that_only_fails_is_not_asked_for_every_row():
    down = Reply(503, {"error": {"message": "no model loaded"}}, NOW)
    stub, told = (
        StubServer(lambda body, before: down),
        "failed with 2 attempts each.*no model loaded",
    )
    with stub, pytest.raises(UserError, match=told):
        ask(engine_at(stub.url), [f"Question {n}?" for n in range(500)])
    assert len(stub.asked) < 2 * (FAULTS_IN_A_ROW + 16) + 1


def test_failures_with_answers_in_between_do_not_stop_a_source():
    def reply(body, before):
        odd = int(question(body).split()[1][:-1]) % 2
        return Reply(503, {}) if odd else echo(body, before)

    with StubServer(reply) as stub:
        engine = engine_at(stub.url, retries=0, concurrency=1)
        found = ask(engine, [f"Question {n}?" for n in range(4 * FAULTS_IN_A_ROW)])
    reasons = Counter(done.finish_reason for done in found.values())
    assert reasons == dict.fromkeys(("stop", "error"), 2 * FAULTS_IN_A_ROW)


def test_useless_answers_to_some_prompts_do_not_stop_a_server_that_works():
    def reply(body, before):
        return echo(body, before) if question(body) == "fine" else Reply(content=completion(None))

    with StubServer(reply) as stub:
        engine = engine_at(stub.url, retries=0, concurrency=1)
        found = ask(engine, ["fine", *(f"Question {n}?" for n in range(50))])
        assert Counter(done.finish_reason for done in found.values()) == {"stop": 1, "error": 50}
        fresh = engine_at(stub.url, retries=0, concurrency=1)
        with pytest.raises(UserError, match="20 requests in a row failed"):
            ask(fresh, [f"Question {n}?" for n in range(50)])


# Requests under way.


def test_requests_under_way_are_bounded_and_no_slow_one_holds_up_the_others():
    def reply(body, before):
        return Reply(content=completion("x"), seconds=1.0 if question(body) == "slow" else 0.01)

    with StubServer(reply) as stub:
        engine = engine_at(stub.url, concurrency=5)
        start = time.monotonic()
        found = ask(engine, ["slow", *(f"Question {n}?" for n in range(100))])
        assert time.monotonic() - start < 1.9
    assert list(found)[-1] == "slow" and len(found) == 101
    assert stub.most_at_once == 5


class Stop(BaseException):
    """As a signal's handler raises it."""


@pytest.mark.parametrize("problem", [KeyboardInterrupt, Stop, ValueError])
def test_no_request_outlives_whoever_reads_the_answers(problem, caplog):
    def reply(body, before):
        return Reply(content=completion("x"), seconds=0.0 if question(body) == "quick" else 30.0)

    with StubServer(reply) as stub:
        pairs = engine_at(stub.url, timeout=60.0).generate(
            requests_for(["quick", *(f"Question {n}?" for n in range(50))]), Sampling()
        )
        assert next(pairs)[1].text == "x"
        start = time.monotonic()
        with pytest.raises(problem):
            pairs.throw(problem())
        assert time.monotonic() - start < 2
        # The server may still have to read a request that was sent before.
        while stub.broken_off < len(stub.asked) - 1 and time.monotonic() - start < 4:
            time.sleep(0.1)
        asked = len(stub.asked)
        time.sleep(0.3)
        assert len(stub.asked) == asked and stub.under_way == 0 and stub.broken_off == asked - 1
    gc.collect()
    assert no_thread_left() and "nclosed" not in caplog.text


def test_a_generator_that_is_dropped_ends_its_requests():
    with StubServer(lambda body, before: Reply(content=completion("x"), seconds=0.05)) as stub:
        pairs = engine_at(stub.url).generate(requests_for(["Who?"] * 50), Sampling())
        next(pairs)
        pairs.close()
    assert len(stub.asked) <= 16 and no_thread_left()


def test_sigterm_ends_the_job_within_seconds_and_loses_no_row(tmp_path):
    code = f"""
import signal, sys
sys.path[:0] = [{str(LIBRARY)!r}, {str(SUPPORT)!r}, {str(Path(__file__).parent)!r}]
from pathlib import Path
from manybaskets.jobs.environment import prepare_jobs
prepare_jobs(Path({str(LIBRARY)!r}))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
from test_openai_engine import answer, engine_at, numbered
answer(engine_at(sys.argv[1], timeout=600.0), numbered(60), Path(sys.argv[2]))
"""

    def reply(body, before):
        slow = int(question(body).split()[1][:-1]) >= 20
        return Reply(content=completion("x"), seconds=600.0 if slow else 0.01)

    with StubServer(reply) as stub:
        job = subprocess.Popen([sys.executable, "-c", code, stub.url, str(tmp_path)])
        deadline = time.monotonic() + 60
        while len(stub.asked) < 28 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        start = time.monotonic()
        job.send_signal(signal.SIGTERM)
        assert job.wait(10) == 143
        assert time.monotonic() - start < 10
        assert {row["prompt_id"] for row in journal_rows(tmp_path)} == {
            f"p{number:03d}" for number in range(20)
        }
        stub.asked, stub.reply = [], echo
        frame = answer(engine_at(stub.url), numbered(60), tmp_path)
    assert len(stub.asked) == 40 and frame.height == 60


# Money. One answer of the stub is 5 tokens for 10 of the prompt.


def test_spending_is_counted_over_jobs(tmp_path):
    prices = {"price_in": 2.0, "price_out": 8.0}
    with StubServer() as stub:
        engine = engine_at(stub.url, **prices)
        answer(engine, numbered(6), tmp_path)
        assert engine.spent == pytest.approx(6 * (10 * 2 + 5 * 8) / 1e6)
        later = engine_at(stub.url, **prices)
        answer(later, numbered(10), tmp_path)
    assert later.spent == pytest.approx(10 * (10 * 2 + 5 * 8) / 1e6)


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_the_cap_stops_cleanly_and_a_higher_one_goes_on(tmp_path, concurrency):
    # An answer costs 5 USD and could cost 8; of 40 USD the seventh may start at 30, the eighth not.
    money = {"price_out": 1e6, "concurrency": concurrency}
    with StubServer() as stub:
        engine = engine_at(stub.url, share=0.5, spending_cap=80.0, **money)
        with pytest.raises(UserError, match="cap is reached: 35.0000 of 40.0000 USD") as error:
            answer(engine, numbered(20), tmp_path)
        assert "13 of 20 requests are left" in str(error.value)
        assert "raise `engine.spending_cap`" in str(error.value) and "kept" in str(error.value)
        assert len(stub.asked) == 7 == len(journal_rows(tmp_path))
        with pytest.raises(UserError, match="35.0000 of 42.0000 USD"):
            answer(engine_at(stub.url, spending_cap=42.0, **money), numbered(20), tmp_path)
        assert len(stub.asked) == 7
        answer(engine_at(stub.url, spending_cap=103.0, **money), numbered(20), tmp_path)
    assert len(stub.asked) == 20 and no_thread_left()


def test_the_tokens_of_useless_answers_are_paid_too():
    useless = [
        Reply(content={"error": {"message": "overloaded"}}),  # counts no tokens, and is no answer
        Reply(content=completion("x " * 7, reason=None)),
    ]

    def reply(body, before):
        return useless[before] if before < 2 else echo(body, before)

    with StubServer(reply) as stub:
        engine = engine_at(stub.url, price_out=1e6, spending_cap=100.0, retries=2)
        assert ask(engine, ["Who?"])["Who?"].completion_tokens == 4
    assert engine.spent == pytest.approx(7 + 4)


def test_a_cap_needs_prices_and_counted_tokens():
    with pytest.raises(UserError, match="both prices are 0"):
        engine_at("http://localhost:1/v1", spending_cap=1.0)
    uncounted = Reply(content=completion("x") | {"usage": None})
    with StubServer(lambda body, before: uncounted) as stub:
        engine = engine_at(stub.url, spending_cap=1.0, price_out=1.0)
        with pytest.raises(UserError, match="does not report token counts"):
            ask(engine, ["Who?"])


# The key and the address.


@pytest.mark.parametrize("value", [None, "", "  "], ids=repr)
def test_a_missing_key_is_told_before_any_request(monkeypatch, value):
    monkeypatch.delenv("STUB_KEY") if value is None else monkeypatch.setenv("STUB_KEY", value)
    with pytest.raises(UserError, match="the server's key is missing") as error:
        engine_at("http://localhost:1/v1")
    assert "export STUB_KEY=" in str(error.value)


def test_a_key_that_no_header_can_hold_is_told_but_not_shown(monkeypatch):
    monkeypatch.setenv("STUB_KEY", "sk-öl\u00a0x")
    with pytest.raises(UserError, match="contains invalid characters") as error:
        engine_at("http://localhost:1/v1")
    assert "sk-" not in str(error.value)


def test_the_key_is_written_nowhere(tmp_path, caplog, capfd):
    telling = Reply(500, {"error": {"message": f"the key {KEY} is at fault"}}, NOW)

    def reply(body, before):
        return telling if question(body) == "Question 3?" else echo(body, before)

    with StubServer(reply) as stub:
        engine = engine_at(stub.url)
        frame = answer(engine, numbered(10), tmp_path, max_error_share=0.2)
        for library in (None, "openai", "httpx2", "aiohttp", "asyncio"):
            caplog.set_level(logging.DEBUG, library)
        ask(engine, ["Question 3?"])
        # Cut to its length the message would end in the middle of the key.
        stub.reply = lambda body, before: Reply(content=b"x" * 250 + KEY.encode())
        errors = [done.error for done in ask(engine, ["Who?"]).values()]
    assert "the key *** is at fault" in frame.filter(finish_reason="error")["error"][0]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 3  # journal, lock, responses
    assert KEY[:5] not in errors[0]
    told = repr(engine) + json.dumps(engine.identity) + caplog.text + "".join(capfd.readouterr())
    assert "openai" in told and not [b for b in written if KEY.encode() in b] and KEY not in told


@pytest.mark.parametrize(
    "address",
    ["localhost:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1", "",
     "https://me:hidden@host/v1", "https://hidden@host/v1", "https://host/v1?key=hidden"],
)  # fmt: skip
def test_an_address_that_cannot_be_used(address):
    with pytest.raises(UserError, match="the server's address is invalid") as error:
        engine_at(address)
    assert "engine.base_url" in str(error.value) and "hidden" not in str(error.value)


# Whatever a server sends.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANY_TEXT = st.text(st.characters())  # lone surrogates too, which JSON may spell out
REASONS = ["stop", "length", "content_filter", "tool_calls"]


@st.composite
def near_answers(draw):
    """A chat completion of which any part may be anything."""

    def maybe(good):
        return draw(JSON) if draw(st.integers(0, 5)) == 0 else good

    message = maybe({"content": maybe(draw(ANY_TEXT)), "refusal": maybe(None)})
    choice = maybe({"message": message, "finish_reason": maybe(draw(st.sampled_from(REASONS)))})
    usage = maybe({"prompt_tokens": maybe(3), "completion_tokens": maybe(4)})
    return {"choices": maybe([choice]), "usage": usage, "model": maybe(draw(ANY_TEXT))}


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_malformed(content):
    try:
        assert decoded(content) == json.loads(content)
    except MalformedAnswer:
        with pytest.raises((ValueError, AssertionError)):
            assert isinstance(json.loads(content), dict)


@given(near_answers())
def test_any_answer_is_one_that_can_be_kept_or_malformed(answer):
    counts = token_counts(answer)
    assert all(count is None or 0 <= count < 2**31 for count in counts)
    try:
        found = completion_of(answer)
    except MalformedAnswer:
        return
    assert found.finish_reason in ("stop", "length", "error")
    assert (found.text is None) == (found.finish_reason == "error") == (found.error is not None)
    assert (found.prompt_tokens, found.completion_tokens) == counts
    for text in (found.text, found.served, found.error):
        assert text is None or text.encode().decode() == text


def test_deep_nesting_is_malformed():
    with pytest.raises(MalformedAnswer):
        decoded(b"[" * 200_000)
