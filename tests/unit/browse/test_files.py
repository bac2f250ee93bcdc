"""What is written for the page: values, samples, chunks, and no text outside of packed data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from browsed_study import (
    HOSTILE,
    PROMPT_COUNT,
    RUNS,
    prompt_id,
    unpacked,
    unpacked_numbers,
    unpacked_value,
    words_of,
)

from manybaskets.browse import set_writing
from manybaskets.browse.browser_folder import write_folder
from manybaskets.browse.packing import five_digits, number_bytes
from manybaskets.browse.sampling import allotted, drawn_prompts
from manybaskets.browse.set_reading import DISAGREEMENT, ValueColumn, listed_prompts, read_values
from manybaskets.layout.answer_sets import AnswerSet


def test_numbers_keep_five_digits():
    values = np.array([0.0, 1.0, -2.5, 131_071.0, 1 / 3, 1e-7, np.nan, np.inf], dtype=np.float32)
    planes = np.frombuffer(number_bytes(values), dtype=np.uint8).reshape(4, -1)
    read = np.ascontiguousarray(planes.T).view("<f4").reshape(-1)
    assert np.isnan(read[-2:]).all()
    assert read[:4].tolist() == values[:4].tolist()
    np.testing.assert_allclose(read[:6], values[:6], rtol=8e-6)
    assert five_digits(np.array([123456.0, -0.00123456, 0.0])).tolist() == [
        123460.0,
        -0.0012346,
        0.0,
    ]


def test_values_are_those_of_all_answers_and_of_no_subset(sets):
    ids = listed_prompts(sets[0])["prompt_id"]
    found = read_values(sets[0], ids)
    words = found.values[found.columns.index(ValueColumn("response_words"))]
    assert words.tolist() == [[words_of(run, n) for n in range(PROMPT_COUNT)] for run in RUNS]
    # Neither the value of a set nor the values without one prompt are values of a prompt.
    assert ValueColumn("vendi") not in found.columns


def test_disagreement_is_the_range_of_the_judges(sets):
    ids = listed_prompts(sets[0])["prompt_id"]
    found = read_values(sets[0], ids)
    apart = found.values[found.columns.index(ValueColumn("quality", DISAGREEMENT))]
    assert apart[:, 7].tolist() == [3.0] * len(RUNS)
    assert np.delete(apart, 7, axis=1).max() == 0
    withheld = read_values(sets[2], listed_prompts(sets[2])["prompt_id"])
    assert withheld.columns == [ValueColumn("refusal", "strict")]  # one judge cannot disagree


def test_files_hold_what_was_read(folder, sets):
    index = unpacked_value(folder / "data/0/index.js")
    assert index["ids"] == [prompt_id(number) for number in range(PROMPT_COUNT)]
    assert [index["categories"][number] for number in index["category"][:2]] == ["closed", "open"]
    entries = unpacked_value(folder / "data/0/texts-0.js")
    assert [entry["instruction"] for entry in entries[:4]] == HOSTILE
    assert entries[5]["context"] == "Some context."
    assert entries[9]["reference"] == "Reference 9: the river is long."
    assert [answer[0] for answer in entries[9]["answers"]] == [0, 1, 2, 3]
    found = read_values(sets[0], pl.Series(index["ids"]))
    for number in range(len(found.columns)):
        written = unpacked_numbers(folder / f"data/0/values-{number}.js")
        np.testing.assert_allclose(written, found.values[number].reshape(-1), rtol=8e-6)
        shown = [entry["values"][number] for entry in entries]
        np.testing.assert_allclose(np.array(shown).T, found.values[number], rtol=1e-4)
    # The prompt that two sets have is found in the first one.
    assert unpacked_value(folder / "data/2/index.js")["repeated"] == [0]


def test_chunks_hold_every_prompt_once(tmp_path, sets, monkeypatch):
    monkeypatch.setattr(set_writing, "CHUNK_PROMPTS", 7)
    monkeypatch.setattr(set_writing, "_ANSWERS_AT_ONCE", 20)
    write_folder(tmp_path / "browse", sets[:1], study="made-up", seed=1)
    data = tmp_path / "browse/data/0"
    starts = unpacked_value(data / "index.js")["starts"]
    assert starts == [0, 7, 14, 21, 28, 35]
    chunks = [unpacked_value(data / f"texts-{number}.js") for number in range(len(starts))]
    entries = [entry for chunk in chunks for entry in chunk]
    assert [entry["reference"] for entry in entries] == [
        f"Reference {number}: the river is long." for number in range(PROMPT_COUNT)
    ]
    assert all(len(entry["answers"]) == len(RUNS) for entry in entries)


def test_the_same_study_gives_the_same_bytes(folder, tmp_path, sets):
    (tmp_path / "again/data").mkdir(parents=True)
    (tmp_path / "again/data/old.js").write_text("of an earlier study")
    write_folder(tmp_path / "again", sets, study="made-up", seed=1)
    names = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
    again = {
        file.relative_to(tmp_path / "again")
        for file in (tmp_path / "again").rglob("*")
        if file.is_file()
    }
    assert names == again
    assert all(
        (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names
    )


def test_no_text_is_outside_of_packed_data(folder):
    for file in (folder / "data").rglob("*.js"):
        assert unpacked(file)  # letters of base64 alone, in a call
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "river" not in page and page.count("<script>") == page.count("</script>") == 1


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({"test": 10, "train": 20}, {"test": 10, "train": 20}),
        ({"train": 900, "test": 10, "more": 80}, {"train": 45, "test": 10, "more": 45}),
        ({"train": 900, "test": 800}, {"train": 50, "test": 50}),
        ({}, {}),
    ],
)
def test_large_sets_share_what_small_ones_leave(counts, shown):
    assert allotted(counts, most=100) == shown


def test_a_sample_is_seeded_and_keeps_its_prompts_when_others_are_added():
    prompts = pl.DataFrame({"prompt_id": [prompt_id(number) for number in range(200)]})
    drawn = drawn_prompts(prompts, 50, seed=3)
    assert drawn.height == 50 and drawn["prompt_id"].is_sorted()
    assert drawn.equals(drawn_prompts(prompts, 50, seed=3))
    assert not drawn.equals(drawn_prompts(prompts, 50, seed=4))
    fewer = drawn_prompts(prompts[:150], 50, seed=3)
    kept = set(drawn["prompt_id"]) & set(prompts[:150]["prompt_id"])
    assert kept <= set(fewer["prompt_id"])


def test_a_set_survives_the_parameters_of_a_rule(sets):
    for each in sets:
        plain = each.plain()
        assert AnswerSet.of_plain(plain).plain() == plain
        assert "(" not in str(plain).replace("Robustness", "")
