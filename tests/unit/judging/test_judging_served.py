"""Judges behind a server: what is asked, how often, what comes of it, and what is never shown."""

from __future__ import annotations

import json
import logging
import re

import polars as pl
import pytest
from judged_rows import RUN, settings, table
from stub_server import Reply, StubServer, completion, question

from manybaskets.errors import PassingError, UserError
from manybaskets.judging.canaries import check_canaries
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.rubrics import shipped

HARM = shipped("harmfulness")
MARKER = "zanzibar-marker"
ROWS = [(f"Request {number}?", f"Response {number} {MARKER}.") for number in range(6)]


def said(score, reason: str = "Because.") -> str:
    return json.dumps({"reason": reason, "score": score})


def shown(body, what: str) -> str:
    """What stands between the marks of a question."""
    mark = rf"<<<BEGIN {what} (\w+)>>>\n(.*?)\n<<<END {what} \1>>>"
    return re.search(mark, question(body), re.DOTALL)[2]


def number(body) -> int:
    return int(re.search(r"Response (\d+)", shown(body, "RESPONSE"))[1])


def judge(server, **keys):
    engine = {"kind": "openai", "base_url": server.url, "served_model": "m", "key_variable": None}
    engine |= {"retries": 0, "concurrency": 4} | keys.pop("engine", {})
    keys = {"kind": "model", "engine": engine, "retest_share": 0.0} | keys
    return open_judge("served", settings(**keys), seed=7)


def judged(server, folder, rows=ROWS, rubric=HARM, **keys) -> pl.DataFrame:
    return judge_rows(judge(server, **keys), rubric, table(rows), work=folder, seed=7, run=RUN)


def always(text: str):
    return lambda body, before: Reply(content=completion(text))


def test_every_response_is_asked_about_once(tmp_path):
    with StubServer(
        lambda body, _: Reply(content=completion(said(number(body) % 5 + 1)))
    ) as server:
        found = judged(server, tmp_path)
    assert found["score"].to_list() == [1, 2, 3, 4, 5, 1]
    assert found["attempts"].to_list() == [1] * 6
    assert set(found["reason"]) == {"Because."}
    bodies = server.asked
    assert len(bodies) == 6
    for body in bodies:
        system, user = body["messages"]
        assert (system["role"], system["content"]) == ("system", HARM.system.strip())
        assert user["role"] == "user"
        assert body["temperature"] == 0 and body["max_tokens"] == 512
        form = body["response_format"]
        assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
        assert form["json_schema"]["schema"] == HARM.schema_of("json")
        place = number(body)
        assert shown(body, "REQUEST") == f"Request {place}?"
        assert shown(body, "RESPONSE") == f"Response {place} {MARKER}."


@pytest.mark.parametrize("keys", [{"structured": False}, {"form": "tagged"}])
def test_a_server_may_be_left_free(tmp_path, keys):
    reply = "#thereason: a\n#thescore: 2" if "form" in keys else said(2)
    with StubServer(always(reply)) as server:
        found = judged(server, tmp_path, **keys)
    assert found["score"].to_list() == [2] * 6
    assert not any("response_format" in body for body in server.asked)


def test_what_cannot_be_read_is_asked_again_with_a_reminder_and_then_counted(tmp_path):
    def reply(body, before):
        reminders = question(body).count(HARM.reminder.strip())
        if number(body) == 0:
            return Reply(content=completion("I would rather not say."))
        if number(body) == 1:
            return Reply(content=completion(said(10)))
        wanted = number(body) - 2
        return Reply(content=completion(said(5) if reminders >= wanted else "Five."))

    with StubServer(reply) as server:
        found = judged(server, tmp_path)
    assert found["score"].to_list() == [None, None, 5, 5, 5, 5]
    assert found["status"].to_list() == ["judge_failed"] * 2 + ["judged"] * 4
    assert found["cause"].to_list() == ["not_json", "out_of_range", None, None, None, None]
    assert found["attempts"].to_list() == [4, 4, 1, 2, 3, 4]
    assert found.height == len(ROWS)
    # No question is asked twice: a greedy judge would only repeat itself.
    asked = [json.dumps(body["messages"]) for body in server.asked]
    assert len(set(asked)) == len(asked) == sum(found["attempts"])


def test_an_answer_at_its_limit_is_truncated(tmp_path):
    cut = completion('{"reason": "It sa', reason="length")
    with StubServer(lambda *_: Reply(content=cut)) as server:
        found = judged(server, tmp_path, retries=0)
    assert set(found["cause"]) == {"truncated"}


def test_finished_rows_are_not_asked_again(tmp_path):
    with StubServer(always(said(2))) as server:
        first = judged(server, tmp_path, ROWS[:4])
        assert len(server.asked) == 4
        second = judged(server, tmp_path)
        assert len(server.asked) == 6
        third = judged(server, tmp_path, ROWS[::-1])
        assert len(server.asked) == 12  # other ids: other rows
    assert first.equals(second.head(4)) and third.height == 6


def test_another_rubric_reuses_nothing(tmp_path):
    with StubServer(always(said(2))) as server:
        judged(server, tmp_path)
        changed = HARM.model_copy(update={"version": 2})
        changed.__dict__.pop("digest", None)
        judged(server, tmp_path, rubric=changed)
        assert len(server.asked) == 12


def test_withheld_answers_are_counted_and_stop_nothing(tmp_path):
    def reply(body, before):
        if number(body) in (1, 2):
            return Reply(content=completion(None, reason="content_filter"))
        return Reply(content=completion(said(3)))

    with StubServer(reply) as server:
        found = judged(server, tmp_path)
    assert found["cause"].to_list() == [None, "withheld", "withheld", None, None, None]
    assert len(server.asked) == 6


def test_an_engine_that_fails_stops_the_stage_without_a_word_of_text(tmp_path, caplog):
    def reply(body, before):
        if number(body) < 3:
            return Reply(status=500, content={"error": {"message": f"cannot read {MARKER}"}})
        return Reply(content=completion(said(3, MARKER)))

    caplog.set_level(logging.INFO)
    with StubServer(reply) as server:
        with pytest.raises(PassingError, match="failed on 3 of 6 rows") as error:
            judged(server, tmp_path)
        assert MARKER not in str(error.value) and MARKER not in caplog.text
        caplog.clear()
        found = judged(server, tmp_path, max_error_share=0.5)
        assert found["cause"].to_list() == ["engine_error"] * 3 + [None] * 3
        assert MARKER not in caplog.text


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=400, content={"error": {"message": f"refused: {MARKER}"}}),
        Reply(status=404, content={"error": {"message": f"unknown: {MARKER}"}}),
        Reply(content=completion(MARKER, reason="strange")),
        Reply(content=f"{MARKER} no JSON".encode()),
    ],
)
def test_no_error_of_a_server_quotes_what_it_was_sent(tmp_path, reply, caplog):
    caplog.set_level(logging.DEBUG)
    with StubServer(lambda *_: reply) as server, pytest.raises(UserError) as error:
        judged(server, tmp_path)
    assert MARKER not in str(error.value)
    assert MARKER not in caplog.text


def test_canaries_go_the_same_way(tmp_path):
    known = {canary.response: canary for canary in HARM.canaries}

    def reply(body, before):
        return Reply(content=completion(said(int(known[shown(body, "RESPONSE")].low))))

    with StubServer(reply) as server:
        result = check_canaries(judge(server), HARM, tmp_path)
        assert (result["verdict"], result["passed"]) == ("fit", len(HARM.canaries))
    with StubServer(always(said(5))) as server, pytest.raises(UserError, match="5 for 1"):
        check_canaries(judge(server, engine={"send_seed": False}), HARM, tmp_path)


def test_the_retest_asks_with_the_scale_the_other_way_round(tmp_path):
    with StubServer(lambda body, _: Reply(content=completion(said(4)))) as server:
        found = judged(server, tmp_path, ROWS * 20, retest_share=0.3)
        again = found.filter(pl.col("again_status") == "judged").height
        assert 20 < again < 55
        assert len(server.asked) == len(ROWS) * 20 + again
        steps = [re.findall(r"^([1-5]): ", question(body), re.MULTILINE) for body in server.asked]
    assert steps.count(list("12345")) == len(ROWS) * 20
    assert steps.count(list("54321")) == again
