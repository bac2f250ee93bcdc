"""Generation through the journal: resumed runs give the bytes of undisturbed ones."""

from __future__ import annotations

import json
import time

import polars as pl
import pytest

from manybaskets.chat import Rendered
from manybaskets.config.engines import Quality
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Completion, Engine
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.generation.shards import collect_shards, shard_of
from manybaskets.jobs.usage import Meter
from manybaskets.records.responses import PROMPTS, read_responses
from manybaskets.records.writing import read_metadata


def prompt_table(texts: list[str], follow_ups: list[list[str]] | None = None) -> pl.DataFrame:
    columns = {
        "prompt_id": [f"p{number:02d}" for number in range(len(texts))],
        "instruction": texts,
        "context": [""] * len(texts),
        "follow_ups": follow_ups or [[] for _ in texts],
    }
    return pl.DataFrame(columns, schema=PROMPTS)


@pytest.fixture(scope="module")
def prompts() -> pl.DataFrame:
    numbers = range(22)
    return prompt_table([f"Who founded town {n}{' and why' * (n % 4)}?" for n in numbers])


@pytest.fixture(scope="module")
def engine(tiny_models):
    return TransformersEngine(tiny_models["qwen"], Prompting(), "float32", 2, "qwen")


def answer(engine, prompts, folder, output, *, temperature=0.7, **changes):
    settings = {
        "who": "qwen",
        "sampling": Sampling(temperature=temperature, max_new_tokens=8),
        "batch_size": 4,
        "max_prompt_tokens": 200,
        "max_error_share": 0.0,
        "study_seed": 1,
        "work": folder,
    }
    return answer_prompts(prompts, engine, AnswerSettings(**settings | changes), output)


class Interrupted(Exception):
    pass


def interrupt_after(engine, monkeypatch, batches: int) -> None:
    whole, calls = engine.generate, []

    def generate(batch, sampling):
        calls.append(1)
        if len(calls) > batches:
            raise Interrupted
        return whole(batch, sampling)

    monkeypatch.setattr(engine, "generate", generate)


def test_an_interrupted_shard_resumes_to_the_same_bytes(engine, prompts, tmp_path, monkeypatch):
    answer(engine, prompts, tmp_path / "a", tmp_path / "whole.parquet")
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(engine, patch, 3)
        answer(engine, prompts, tmp_path / "b", tmp_path / "resumed.parquet")
    assert not (tmp_path / "resumed.parquet").exists()
    # A torn batch: some of its rows are there, some are not.
    journal = next((tmp_path / "b").glob("[!u]*.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 3 * 4
    journal.write_text("".join(lines[:-2]) + lines[-1][:9])
    answer(engine, prompts, tmp_path / "b", tmp_path / "resumed.parquet")
    assert (tmp_path / "resumed.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_finished_shard_is_not_made_again(engine, prompts, tmp_path, monkeypatch):
    answer(engine, prompts, tmp_path / "w", tmp_path / "one.parquet")
    interrupt_after(engine, monkeypatch, 0)
    answer(engine, prompts, tmp_path / "w", tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.8}, {"study_seed": 2}, {"who": "other"}, {"batch_size": 5}],
    ids=str,
)
def test_what_changes_a_row_reuses_none(engine, prompts, tmp_path, monkeypatch, change):
    answer(engine, prompts, tmp_path / "w", tmp_path / "one.parquet")
    interrupt_after(engine, monkeypatch, 0)
    with pytest.raises(Interrupted):
        answer(engine, prompts, tmp_path / "w", tmp_path / "two.parquet", **change)


def test_a_limit_on_failures_changes_no_row(engine, prompts, tmp_path, monkeypatch):
    strict, loose = (Quality(max_failed_share=share) for share in (0.95, 0.98))
    answer(engine, prompts, tmp_path / "w", tmp_path / "one.parquet", quality=strict)
    interrupt_after(engine, monkeypatch, 0)
    answer(engine, prompts, tmp_path / "w", tmp_path / "two.parquet", quality=loose)


def test_shards_together_are_every_prompt_once(engine, prompts, tmp_path):
    paths = []
    for shard in range(3):
        paths.append(tmp_path / f"{shard}.parquet")
        answer(engine, shard_of(prompts, shard, 3), tmp_path / f"w{shard}", paths[-1])
    collect_shards(paths, prompts, 0.0, tmp_path / "all.parquet")
    collected = read_responses(tmp_path / "all.parquet")
    assert collected["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    made = read_metadata(tmp_path / "all.parquet")
    assert made["model"] == "qwen" and made["sampling"]["temperature"] == 0.7
    assert made["template"] == engine.renderer.template_hash
    with pytest.raises(UserError, match="prompts have no answer"):
        collect_shards(paths[:2], prompts, 0.0, tmp_path / "few.parquet")
    with pytest.raises(UserError, match="rows are duplicates"):
        collect_shards([*paths, paths[0]], prompts, 0.0, tmp_path / "many.parquet")


def test_several_samples_have_seeds_of_their_own(engine, prompts, tmp_path):
    answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", samples=2)
    by_sample = read_responses(tmp_path / "out.parquet").partition_by("sample", as_dict=True)
    first, second = (by_sample[(sample,)].sort("prompt_id")["text"] for sample in (0, 1))
    assert (first != second).sum() > 15


class Scripted(Engine):
    """Answers what a function of the request says, and remembers what it was asked."""

    identity = {"engine": "scripted", "model": "none"}

    def __init__(self, reply) -> None:
        self.reply, self.asked = reply, []

    def render(self, prompt, answers, max_tokens):
        turns = prompt.conversation(answers)
        messages = tuple((turn["role"], turn["content"]) for turn in turns)
        return Rendered(messages, (), len(prompt.context), False)

    def generate(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            reply = self.reply(request)
            if isinstance(reply, str):
                reply = Completion(reply, "stop", len(reply.split()), 7, served="scripted-1")
            yield request, reply


FAILED = Completion(None, "error", None, error="the server answered 500")


def test_a_conversation_goes_on_with_the_own_answers(tmp_path):
    prompts = prompt_table(["Who?", "Where?"], [["And then?", "Why?"], []])
    engine = Scripted(lambda request: f"answer {request.turn} to {request.messages[-1][1]}")
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet")
    rows = frame.sort("prompt_id", "turn").select("prompt_id", "turn", "text").rows()
    assert rows == [
        ("p00", 0, "answer 0 to Who?"),
        ("p00", 1, "answer 1 to And then?"),
        ("p00", 2, "answer 2 to Why?"),
        ("p01", 0, "answer 0 to Where?"),
    ]
    assert engine.asked[-1].messages == (
        ("user", "Who?"),
        ("assistant", "answer 0 to Who?"),
        ("user", "And then?"),
        ("assistant", "answer 1 to And then?"),
        ("user", "Why?"),
    )
    assert len({request.seed for request in engine.asked}) == 4


def test_after_a_turn_without_an_answer_the_conversation_ends(tmp_path):
    prompts = prompt_table(["Who?", "Where?"], [["And then?", "Why?"], ["And then?"]])
    engine = Scripted(lambda r: FAILED if r.prompt_id == "p00" and r.turn == 1 else "a good answer")
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "o.parquet", max_error_share=0.5)
    lost = frame.filter(pl.col("prompt_id") == "p00").sort("turn")
    assert lost["finish_reason"].to_list() == ["stop", "error", "error"]
    assert lost["error"].to_list()[1:] == [FAILED.error, "an earlier turn has no answer"]
    assert (frame.filter(pl.col("prompt_id") == "p01")["finish_reason"] == "stop").all()


def test_a_refused_answer_is_asked_again_with_a_new_seed(tmp_path):
    prompts = prompt_table(["Who?", "Where?"])
    engine = Scripted(lambda r: "" if r.prompt_id == "p00" and r.attempt < 3 else "King Harl did.")
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", quality=Quality())
    assert frame.sort("prompt_id")["attempts"].to_list() == [3, 1]
    assert [(r.prompt_id, r.attempt) for r in engine.asked] == [
        ("p00", 1), ("p01", 1), ("p00", 2), ("p00", 3),
    ]  # fmt: skip
    assert len({request.seed for request in engine.asked}) == 4
    # All three tries are in the journal: nothing is asked twice.
    again = Scripted(lambda request: pytest.fail("asked again"))
    answer(again, prompts, tmp_path / "w", tmp_path / "two.parquet", quality=Quality())
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_reasoning_is_removed_counted_and_no_part_of_the_next_prompt(tmp_path):
    prompts = prompt_table(["Who?", "Where?"], [["And then?"], []])
    engine = Scripted(lambda r: f"<think>\nhm {r.turn}\n</think>\n\nKing Harl {r.turn}.")
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", quality=Quality())
    assert sorted(frame["text"]) == ["King Harl 0.", "King Harl 0.", "King Harl 1."]
    assert engine.asked[-1].messages[1] == ("assistant", "King Harl 0.")
    assert read_metadata(tmp_path / "out.parquet")["answers_with_reasoning"] == 3
    # The journal holds the answers: a job that resumes counts the same.
    again = Scripted(lambda request: pytest.fail("asked again"))
    answer(again, prompts, tmp_path / "w", tmp_path / "two.parquet", quality=Quality())
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_thought_that_fills_the_answer_is_no_answer(tmp_path):
    """A source is asked again; a run, whose answers are measured, has a failed row without text."""
    prompts = prompt_table(["Who?", "Where?"])
    cut = Completion("<think>hm, let me", "length", 5, 7)
    engine = Scripted(lambda r: cut if r.prompt_id == "p00" and r.attempt < 3 else "King Harl.")
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "a.parquet", quality=Quality())
    assert frame.sort("prompt_id")["attempts"].to_list() == [3, 1]
    frame = answer(engine, prompts, tmp_path / "v", tmp_path / "b.parquet", max_error_share=0.5)
    failed = frame.sort("prompt_id").row(0, named=True)
    assert failed["finish_reason"] == "error" and failed["text"] is None
    assert failed["error"] == "only reasoning, no answer"


def test_an_answer_that_stays_bad_is_set_apart(tmp_path):
    prompts = prompt_table([f"Question {number}?" for number in range(60)])
    engine = Scripted(lambda r: "" if r.prompt_id == "p07" else "King Harl did.")
    apart = tmp_path / "apart.jsonl"
    frame = answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", quality=Quality(),
                   quarantine=apart)  # fmt: skip
    bad = frame.filter(pl.col("finish_reason") == "error").row(0, named=True)
    assert bad["prompt_id"] == "p07" and bad["text"] is None and bad["error"] == "not taken: empty"
    rows = [json.loads(line) for line in apart.read_text().splitlines()]
    assert [(row["prompt_id"], row["reason"], row["attempts"]) for row in rows] == [
        ("p07", "empty", 3)
    ]
    assert read_responses(tmp_path / "out.parquet").equals(frame.sort("prompt_id"))


def test_too_many_bad_answers_fail_the_source_and_keep_the_rows(tmp_path):
    prompts = prompt_table([f"Question {number}?" for number in range(20)])
    engine = Scripted(lambda r: "" if r.prompt_id < "p02" else "King Harl did.")
    with pytest.raises(UserError, match="2 of 20 rows failed.*not taken: empty") as error:
        answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", quality=Quality())
    assert "quality.max_failed_share" in str(error.value)
    assert not (tmp_path / "out.parquet").exists()
    asked = len(engine.asked)
    answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet",
           quality=Quality(max_failed_share=0.1))  # fmt: skip
    assert len(engine.asked) == asked


def test_failures_of_the_engine_are_not_kept_but_asked_again(tmp_path):
    prompts = prompt_table([f"Question {number}?" for number in range(10)])
    broken = Scripted(lambda r: FAILED if r.prompt_id > "p06" else "King Harl did.")
    with pytest.raises(UserError, match="3 of 10 rows failed.*answered 500"):
        answer(broken, prompts, tmp_path / "w", tmp_path / "out.parquet")
    mended = Scripted(lambda request: "Queen Ilva did.")
    frame = answer(mended, prompts, tmp_path / "w", tmp_path / "out.parquet")
    assert [request.prompt_id for request in mended.asked] == ["p07", "p08", "p09"]
    assert frame["text"].to_list().count("King Harl did.") == 7
    assert read_metadata(tmp_path / "out.parquet")["served"] == ["scripted-1"]


def test_usage_is_summed_over_the_jobs_of_a_shard(tmp_path):
    prompts = prompt_table([f"Question {number}?" for number in range(6)])

    def stops(request):
        if request.prompt_id == "p04":
            raise Interrupted
        return "two words"

    with pytest.raises(Interrupted):
        answer(Scripted(stops), prompts, tmp_path / "w", tmp_path / "o.parquet")
    usage = tmp_path / "usage.json"
    answer(Scripted(lambda r: "three more words"), prompts, tmp_path / "w", tmp_path / "o.parquet",
           usage=usage)  # fmt: skip
    counted = json.loads(usage.read_text())
    assert counted["rows"] == 6 and counted["jobs"] == 2
    assert counted["prompt_tokens"] == 6 * 7
    assert counted["completion_tokens"] == 4 * 2 + 2 * 3
    assert counted["seconds"] > 0 and counted["peak_memory"] > 1e6
    assert counted["cpu_seconds"] > 0


def test_waiting_is_no_work_of_processors(tmp_path):
    meter = Meter(tmp_path / "w.jsonl", reused=0)
    with meter, meter.running():
        time.sleep(0.2)
    meter.write(tmp_path / "usage.json")
    usage = json.loads((tmp_path / "usage.json").read_text())
    assert usage["cpu_seconds"] < 0.1 < 0.2 <= usage["seconds"]
    sessions = [json.loads(line) for line in meter.path.read_text().splitlines()]
    earlier = {key: value for key, value in sessions[0].items() if key != "cpu_seconds"}
    meter.path.write_text(f"{json.dumps(earlier)}\n{json.dumps(sessions[0])}\n")
    meter.write(tmp_path / "usage.json")
    assert json.loads((tmp_path / "usage.json").read_text())["cpu_seconds"] is None
