"""What is measured, on which answers, and what stops it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from repository import ROOT
from semantic_inputs import unit

from manybaskets.config.data import FileDataset
from manybaskets.config.loading import load_study
from manybaskets.errors import UserError
from manybaskets.measures import embedding
from manybaskets.measures.measuring import check_measurable, match_prompts, measure_runs
from manybaskets.measures.selection import check_measures, measured_names, reads_vectors
from manybaskets.names import LENGTHS
from manybaskets.records.measured import GROUP_DRAWS, LEFT_OUT, PARTITION_DRAWS, USED
from manybaskets.records.responses import RESPONSES, valid_answers

CONFIG = ROOT / "config/config.yaml"
HUMAN = {
    "a": "A river runs. It is long.",
    "b": "Bread is baked.",
    "c": "The owl sees.",
    "d": "Yes.",
}


@pytest.fixture(scope="module")
def study():
    return load_study(CONFIG)


def answer(prompt_id: str, text: str | None, **other) -> dict:
    error = text is None
    return {
        "prompt_id": prompt_id, "sample": 0, "turn": 0, "text": text, "attempts": 1,
        "finish_reason": "error" if error else "stop", "prompt_tokens": 1, "completion_tokens": 2,
        "error": "x" if error else None,
    } | other  # fmt: skip


def write(path: Path, rows: list[dict]) -> Path:
    pl.DataFrame(rows, schema=RESPONSES).write_parquet(path)
    return path


def test_answers_without_text_are_not_measured(tmp_path) -> None:
    rows = [answer("b", " \n"), answer("d", None), answer("a", "x"), answer("c", "")]
    found = valid_answers(write(tmp_path / "x.parquet", rows))
    assert found["prompt_id"].to_list() == ["a"]


def test_an_error_message_among_the_answers_stops_the_measuring(tmp_path) -> None:
    lost = "ERROR_BATCH: CUDA out of memory. Tried to allocate 2.00 GiB"
    rows = [answer("a", "fine"), answer("b", f"\n{lost}")]
    with pytest.raises(UserError, match="the text of 1 answers is an error message") as caught:
        check_measurable(write(tmp_path / "x.parquet", rows), 0.5)
    assert "prompt b" in caught.value.where and "CUDA" in caught.value.what
    failed = answer("b", "half a sentence", finish_reason="error")
    with pytest.raises(UserError, match="is an error message"):
        check_measurable(write(tmp_path / "y.parquet", [answer("a", "fine"), failed]), 0.5)
    speaking = [answer("a", "The message ERROR_BATCH means a lost batch."), answer("b", None)]
    check_measurable(write(tmp_path / "z.parquet", speaking), 0.5)


def test_a_doubled_answer_stops_the_measuring(tmp_path) -> None:
    rows = [answer("a", "x"), answer("b", "y"), answer("a", "z")]
    with pytest.raises(UserError, match="occur twice.*'a', 0, 0"):
        check_measurable(write(tmp_path / "x.parquet", rows), 0.5)
    several = [answer("a", "x"), answer("a", "z", sample=1), answer("a", "w", turn=1)]
    check_measurable(write(tmp_path / "y.parquet", several), 0.5)


def test_too_many_empty_answers_stop_the_measuring(tmp_path) -> None:
    rows = [answer(f"{place}", "" if place < 2 else "text") for place in range(100)]
    rows += [answer("failed", None), answer("0", "", turn=1)]
    path = write(tmp_path / "x.parquet", rows)
    check_measurable(path, 0.02)
    with pytest.raises(UserError, match="2 of 100 answers are empty") as caught:
        check_measurable(path, 0.01)
    assert "max_empty_share" in caught.value.expected


def test_chance_does_not_stop_a_small_prompt_set(tmp_path) -> None:
    rows = [answer(f"{place}", "" if place < 1 else "text") for place in range(48)]
    path = write(tmp_path / "x.parquet", rows)
    check_measurable(path, 0.01)
    with pytest.raises(UserError, match="1 of 48 answers are empty"):
        check_measurable(path, 0.0)


class MadeUpEncoder:
    """Vectors that hang on a sentence's characters only."""

    fingerprint, dimensions, token_limit = "made-up", 8, 9

    def __init__(self, *arguments: object) -> None:
        pass

    def encode(self, texts: list[str]) -> np.ndarray:
        drawn = [np.random.default_rng(list(text.encode())).normal(size=8) + 0.5 for text in texts]
        return unit(np.array(drawn)).astype(np.float32)

    def lengths(self, texts: list[str]) -> np.ndarray:
        return np.array([len(text.split()) for text in texts], dtype=np.int32)


def measured(folder: Path, names: list[str], rows: list[dict], prompt_set: str) -> pl.DataFrame:
    file = write(folder / "answers.parquet", rows)
    texts = [text for row in rows if (text := row["text"])]
    vectors = folder / "vectors.npy"
    embedding.embed_sentences([*texts, *HUMAN.values()], "made-up", 8, 1, folder / "work", vectors)
    return measure_runs(
        {prompt_set: names},
        model="sources",
        mix="a-source",
        responses={(0, prompt_set): file},
        likelihoods={},
        embeddings=vectors,
        matched=match_prompts([(prompt_set, file)]),
        split=pl.DataFrame(
            {"prompt_id": list(HUMAN), "response": list(HUMAN.values())}
        ).with_columns(category=pl.lit("")),
        truth=None,
        draws=2,
        seed=3,
        max_empty_share=0.5,
    )


def test_answers_of_sources_are_measured_like_those_of_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(embedding, "Encoder", MadeUpEncoder)
    rows = [
        answer("c", "The owl sees the river. It is long.", finish_reason="length"),
        answer("a", HUMAN["a"]),
        answer("b", "?!"),
        answer("d", None),
    ]
    names = ["semantic_between", "semantic_within", "tail_coverage", "chamfer", "mauve", *LENGTHS]
    found = measured(tmp_path, names, rows, "train")
    again = measured(tmp_path, names, rows[::-1], "train")
    assert found.equals(again)
    assert found.select("model", "mix", "seed", "prompt_set").unique().row(0) == (
        "sources", "a-source", 0, "train",
    )  # fmt: skip
    value = {row[:3]: row[3] for row in found["measure", "prompt_id", "draw", "value"].rows()}
    assert [value["truncated", each, 0] for each in "abcd"] == [0.0, 0.0, 1.0, None]
    assert [value["semantic_within", each, 0] is None for each in "abcd"] == [
        False,
        True,
        False,
        True,
    ]
    assert value["semantic_between", None, USED] == 2.0
    assert 0.1 < value["semantic_between", None, 0] < 1.5
    whole = value["semantic_between", None, 0]
    assert value["semantic_between", "b", LEFT_OUT] == pytest.approx(whole)
    assert value["semantic_between", "a", LEFT_OUT] is None
    assert value["mauve", None, 0] is None
    assert found.filter(measure="semantic_between")["draw"].max() == 0
    assert found.filter(measure="chamfer")["draw"].max() == GROUP_DRAWS + PARTITION_DRAWS - 1


def test_lengths_stand_beside_every_list_of_measures(study) -> None:
    assert set(LENGTHS) <= set(measured_names(study, "test"))
    assert measured_names(study, "test")[: len(study.measures)] == study.measures
    assert len(set(measured_names(study, "test"))) == len(measured_names(study, "test"))
    alone = study.model_copy(update={"source_analysis": None})
    assert measured_names(alone, "train") == []


def described(study, *names: str):
    """The study with these measures of the sources' answers."""
    return study.model_copy(update={"source_analysis": SimpleNamespace(measures=list(names))})


def test_vectors_are_made_where_a_measure_reads_them(study) -> None:
    assert reads_vectors(study, "test")
    lexical = study.model_copy(update={"measures": ["self_bleu"]})
    assert not reads_vectors(lexical, "test")
    assert reads_vectors(described(study, "semantic_between"), "train")
    assert not reads_vectors(described(study, "self_bleu"), "train")
    assert set(LENGTHS) < set(measured_names(described(study, "self_bleu"), "train"))


def test_measures_of_sources_need_no_run(study) -> None:
    check_measures(described(study, "semantic_between", "mauve", "habit_count", "fact_correct"))
    for name in ("human_nll", "own_nll"):
        with pytest.raises(UserError, match="does not apply to the prompt set 'train'") as caught:
            check_measures(described(study, name))
        assert caught.value.where == "source_analysis.measures"
    elsewhere = study.model_copy(
        update={"prompt_sets": {"mine": SimpleNamespace(measures=["semantic_between"])}}
    )
    with pytest.raises(UserError, match="'mine'") as caught:
        check_measures(elsewhere)
    assert caught.value.where == "prompt_sets.mine.measures"


def test_the_embedded_world_is_no_measure_of_other_datasets(study) -> None:
    other = study.model_copy(
        update={
            "dataset": FileDataset(kind="file", path="rows.jsonl"),
            "measures": ["self_bleu"],
        }
    )
    with pytest.raises(UserError, match="embedded world") as caught:
        check_measures(described(other, "habit_count"))
    assert "source_analysis.measures" in caught.value.where


def test_matching_leaves_out_answers_without_text(tmp_path) -> None:
    files = [
        ("test", write(tmp_path / "1.parquet", [answer("a", "one two"), answer("b", "three")])),
        ("test", write(tmp_path / "2.parquet", [answer("a", "four"), answer("b", " ")])),
    ]
    assert match_prompts(files)["test"] == {
        "prompt_ids": ["a"], "shortest_words": [1], "token_budget": 1,
    }  # fmt: skip
    assert valid_answers(files[1][1])["text"].to_list() == ["four"]
