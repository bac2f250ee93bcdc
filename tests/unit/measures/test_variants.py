"""Variants of the lexical measures at equal length, and what the stages hand to them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import inputs, random_texts
from repository import ROOT

from manybaskets.config.loading import load_study
from manybaskets.errors import UserError
from manybaskets.measures import EXCLUDED, USED, all_measures, compute, get
from manybaskets.measures.measuring import match_prompts, measure_runs
from manybaskets.measures.selection import check_measures
from manybaskets.measures.subsets import Subsets
from manybaskets.measures.tokens import words
from manybaskets.measures.variants import budgeted, length_matched
from manybaskets.records.responses import RESPONSES, valid_answers
from manybaskets.statistics.clusters import cluster_halves

LEXICAL = [each for each in all_measures() if each.lexical and each.variant == "default"]
SETS = [each.name for each in LEXICAL if each.level == "set"]
# Their values hang on which prompt an answer belongs to, since that decides on the order.
ORDERED = {"mtld", "mattr", "compression_ratio"}
CONSTANT = {"model": "m", "mix": "human", "seed": 0, "prompt_set": "answers"}
TEXTS = random_texts(60, 11, longest=40, vocabulary=60)
IDS = [f"{place:05d}" for place in range(60)]
LENGTHS = [len(words(text)) for text in TEXTS]
SHORTEST = {each: max(1, count // 2) for each, count in zip(IDS, LENGTHS, strict=True)}


def test_lexical_measures_are_registered_with_their_variants() -> None:
    assert {"self_bleu", "distinct_4", "mtld", "vocabulary", "tail_coverage"} <= set(SETS)
    for each in LEXICAL:
        matched = get(f"{each.name}@len_matched")
        assert matched.variant == "len_matched" and matched.needs > each.needs
        assert matched.label.startswith(each.label) and matched.label != each.label
        assert matched.description.startswith(each.description)
        assert (matched.unit, matched.direction) == (each.unit, each.direction)
        if each.level == "set":
            assert get(f"{each.name}@token_budget").variant == "token_budget"
        else:
            with pytest.raises(UserError, match="token_budget"):
                get(f"{each.name}@token_budget")


def test_an_unknown_variant_lists_those_that_exist() -> None:
    with pytest.raises(
        UserError, match="no variant 'len_match' of the measure 'self_bleu'"
    ) as made:
        get("self_bleu@len_match")
    assert made.value.expected == "one of self_bleu, self_bleu@len_matched, self_bleu@token_budget"
    with pytest.raises(UserError, match="no variant") as made:
        get("response_words@len_matched")
    assert made.value.expected == "one of response_words"
    with pytest.raises(UserError, match="no measure 'nothing@len_matched'") as made:
        get("nothing@len_matched")
    assert "self_bleu," in made.value.expected and "@" not in made.value.expected


def test_answers_are_cut_to_the_shortest_of_their_prompt() -> None:
    matched = length_matched(inputs(TEXTS, shortest=SHORTEST))
    for text, cut, prompt_id in zip(TEXTS, matched.texts, IDS, strict=True):
        assert text.startswith(cut)
        assert words(cut) == words(text)[: SHORTEST[prompt_id]]
    assert matched.token_budget == sum(SHORTEST.values())


@pytest.mark.parametrize("name", SETS)
def test_len_matched_is_the_measure_on_the_cut_answers(name: str) -> None:
    references = TEXTS[::-1]
    given = inputs(TEXTS, shortest=SHORTEST, references=references)
    cut = length_matched(given).texts
    alone = inputs(cut, budget=sum(SHORTEST.values()), references=references)
    indices = Subsets([np.arange(60), np.arange(1, 60, 2)], 60)
    found = get(f"{name}@len_matched").function(given).many(indices)
    assert found == pytest.approx(get(name).function(alone).many(indices), rel=1e-12)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", [each.name for each in LEXICAL])
def test_more_text_after_a_longer_answer_changes_no_len_matched_value(name: str) -> None:
    longer = [
        text + " and much more. With another sentence!"
        if len(words(text)) > SHORTEST[each]
        else text
        for text, each in zip(TEXTS, IDS, strict=True)
    ]
    wanted = get(f"{name}@len_matched")
    values = [
        compute([wanted], inputs(texts, shortest=SHORTEST, references=TEXTS), **CONSTANT, all_prompt_ids=IDS)
        for texts in (TEXTS, longer)
    ]  # fmt: skip
    assert longer != TEXTS
    assert values[0].equals(values[1])


def test_answers_to_unmatched_prompts_have_no_len_matched_value_per_prompt() -> None:
    some = {each: 60 for each in IDS[::2]}
    given = inputs(["a b. " * 40] * 60, shortest=some)
    found = get("response_hdd@len_matched").function(given)
    assert [value is None for value in found] == [each not in some for each in IDS]
    whole = inputs(["a b. " * 30] * 60)
    assert found[0] == get("response_hdd").function(whole)[0]


def test_the_budget_takes_whole_answers_in_the_shared_order_until_it_is_spent() -> None:
    given = inputs(TEXTS, budget=300, seed=5)
    (taken,) = budgeted(given, Subsets([np.arange(60)], 60)).indices
    order = np.argsort(given.orders(1)[0])
    assert set(taken) == set(order[: len(taken)])
    spent = sum(LENGTHS[row] for row in taken)
    assert spent <= 300 < spent + LENGTHS[order[len(taken)]]
    everything = inputs(TEXTS, budget=sum(LENGTHS))
    assert budgeted(everything, Subsets([np.arange(60)], 60)).indices[0].tolist() == list(range(60))


def test_conditions_share_the_order_and_another_seed_has_another() -> None:
    other = random_texts(60, 12)
    assert np.array_equal(inputs(TEXTS, seed=5).orders(2), inputs(other, seed=5).orders(2))
    orders = inputs(TEXTS, seed=5).orders(2)
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders, inputs(TEXTS, seed=6).orders(2))
    assert sorted(orders[0]) == list(range(60))
    twice = inputs(["x"] * 6, ids=["a", "a", "b", "b", "c", "c"]).orders(5)
    assert all((places[1::2] - places[::2] == 1).all() for places in twice)


@pytest.mark.parametrize("name", SETS)
def test_token_budget_is_the_measure_on_the_answers_taken(name: str) -> None:
    given = inputs(TEXTS, budget=500, seed=5, references=TEXTS[::-1])
    evaluate = get(f"{name}@token_budget").function(given)
    half = np.arange(0, 60, 2)
    taken = budgeted(given, Subsets([np.arange(60), half], 60)).indices
    assert 0 < len(taken[1]) < len(taken[0]) < 60
    assert sum(LENGTHS[row] for row in taken[1]) <= 250
    plain = get(name).function(inputs(TEXTS, budget=500, seed=5, references=TEXTS[::-1]))
    found = evaluate.many(Subsets([np.arange(60), half], 60))
    assert found == pytest.approx(plain.many(Subsets(taken, 60)), rel=1e-12)
    assert set(np.flatnonzero(evaluate.counted)) <= set(taken[0])


def test_prompts_beyond_the_budget_are_counted_as_left_out() -> None:
    rows = compute(
        [get("distinct_1@token_budget"), get("distinct_1")],
        inputs(TEXTS, budget=300, seed=5),
        **CONSTANT,
        all_prompt_ids=IDS,
        draws=cluster_halves(IDS, 4, 0),
    )
    count = {
        (name, draw): value for name, draw, value in rows["measure", "draw", "value"].iter_rows()
    }
    (taken,) = budgeted(inputs(TEXTS, budget=300, seed=5), Subsets([np.arange(60)], 60)).indices
    assert count["distinct_1@token_budget", USED] == len(taken) < 60
    assert count["distinct_1@token_budget", EXCLUDED] == 60 - len(taken)
    assert (count["distinct_1", USED], count["distinct_1", EXCLUDED]) == (60, 0)
    assert rows["value"].null_count() == 0


def test_a_variant_without_the_lengths_of_the_others_is_an_error() -> None:
    with pytest.raises(UserError, match="needs shortest_words"):
        compute([get("self_bleu@len_matched")], inputs(TEXTS), **CONSTANT, all_prompt_ids=IDS)


def write(path: Path, texts: dict[str, str | None], shuffle: int | None = None) -> Path:
    """Responses, in an order of their own if asked for; no text stands for a failed row."""
    frame = pl.DataFrame(
        [
            {
                "prompt_id": each, "sample": 0, "turn": 0, "text": text, "attempts": 1,
                "finish_reason": "error" if text is None else "stop",
                "prompt_tokens": 1, "completion_tokens": 2, "error": "x" if text is None else None,
            }
            for each, text in texts.items()
        ],
        schema=RESPONSES,
    )  # fmt: skip
    if shuffle is not None:
        frame = frame.sample(fraction=1.0, shuffle=True, seed=shuffle)
    frame.write_parquet(path)
    return path


ANSWERS = [
    {"a": "one two three", "b": "one, two", "c": "x y z x y z x y", "d": "only here"},
    {"a": "one", "b": "three four five", "c": "x y z q", "e": "elsewhere"},
    {"a": "five six", "b": "seven", "c": "1 2 3 4 5 6", "d": None},
]


def test_matching_gives_shared_prompts_shortest_answers_and_the_fewest_words(tmp_path) -> None:
    files = [
        ("answers", write(tmp_path / f"{place}.parquet", texts, shuffle=place))
        for place, texts in enumerate(ANSWERS)
    ]
    found = match_prompts(files)
    assert found == {
        "answers": {
            "prompt_ids": ["a", "b", "c"],
            "shortest_words": [1, 1, 4],
            "token_budget": 8,
        }
    }
    assert match_prompts(files[::-1]) == found
    apart = match_prompts([*files, ("answers", write(tmp_path / "z.parquet", {"zz": "alone"}))])
    assert apart["answers"] == {"prompt_ids": [], "shortest_words": [], "token_budget": 0}


def measured(folder: Path, conditions: list[dict[str, str]], shuffle: int | None) -> pl.DataFrame:
    files = [
        write(folder / f"{place}-{shuffle}.parquet", texts, shuffle)
        for place, texts in enumerate(conditions)
    ]
    order = files if shuffle is None else files[::-1]
    matched = match_prompts([("answers", file) for file in order])
    ids = sorted({each for texts in conditions for each in texts})
    human = [f"the human answer {each}" for each in ids]
    split = pl.DataFrame({"prompt_id": ids, "response": human, "category": ""})
    return pl.concat(
        measure_runs(
            {"answers": [each.name for each in all_measures() if each.lexical]},
            model="m",
            mix=f"mix-{place}",
            responses={(0, "answers"): file},
            likelihoods={},
            embeddings=folder,
            matched=matched,
            split=split if shuffle is None else split.reverse(),
            truth=None,
            draws=6,
            seed=3,
        )
        for place, file in enumerate(files)
    )


def test_the_order_of_rows_and_files_changes_nothing(tmp_path) -> None:
    conditions = [
        dict(zip(IDS, random_texts(60, seed, longest=60), strict=True)) for seed in (1, 2, 3)
    ]
    first = measured(tmp_path, conditions, None)
    again = measured(tmp_path, conditions, 7)
    assert first.equals(again)
    by_mix = first.filter(measure="vocabulary@token_budget", draw=USED).sort("mix")["value"]
    assert by_mix.max() == 60 and by_mix.min() < 60
    assert (
        first.filter(pl.col("draw") == 0, pl.col("prompt_id").is_null())["value"].null_count() == 0
    )


def test_conversations_are_measured_by_their_first_answer(tmp_path) -> None:
    path = write(tmp_path / "x.parquet", {"a": "first answer"})
    frame = pl.read_parquet(path)
    later = frame.with_columns(turn=pl.lit(1, pl.Int32), text=pl.lit("second answer"))
    pl.concat([later, frame]).write_parquet(path)
    assert valid_answers(path)["text"].to_list() == ["first answer"]


def test_a_study_with_an_unknown_variant_is_refused() -> None:
    study = load_study(ROOT / "config/config.yaml")
    good = study.model_copy(update={"measures": ["self_bleu@len_matched", "mtld@token_budget"]})
    check_measures(good)
    with pytest.raises(UserError, match="no variant 'equal'"):
        check_measures(study.model_copy(update={"measures": ["self_bleu@equal"]}))


BAD = {
    "empty": ["", ""],
    "no word": ["!?", "..."],
    "a single word": ["word"],
    "single words": ["word", "other", "word"],
    "not Latin": ["我爱你。你好吗？", "हिन्दी में लिखा।", "Привет, мир!", "ภาษาไทย", "🙂🙂"],
    "one answer": ["a b c d e f g. h i j k l m n o p!"],
    "identical": ["the same answer again. And again."] * 40,
    "one long among none": ["", "a b c d " * 60, ""],
}
# Measures of a set that have a value there; all others are null.
DEFINED = {
    "empty": set(),
    "no word": {"compression_ratio", "self_bleu"},
    "a single word": {"compression_ratio", "distinct_1", "token_entropy"},
    "single words": {
        "compression_ratio", "distinct_1", "token_entropy", "self_bleu", "sentence_between",
        "self_repetition", "vocabulary", "tail_coverage",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_has_a_value_or_null_and_no_warning(case: str) -> None:
    texts = BAD[case]
    counts = [len(words(text)) for text in texts]
    ids = IDS[: len(texts)]
    given = inputs(
        texts,
        budget=sum(counts),
        references=["a rare word"] * len(texts),
        shortest=dict(zip(ids, counts, strict=True)),
    )
    wanted = [each for each in all_measures() if each.lexical]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draws = cluster_halves(ids, 5, 0)
        rows = compute(wanted, given, **CONSTANT, all_prompt_ids=[*ids, "zz"], draws=draws,
                       set_prompt_ids=ids)  # fmt: skip
    values = rows["value"].drop_nulls()
    assert values.is_finite().all()
    whole = rows.filter(pl.col("draw") == 0, pl.col("prompt_id").is_null())
    assert set(whole["measure"]) == {each.name for each in wanted if each.level == "set"}
    defined = set(whole.drop_nulls("value")["measure"])
    if case in DEFINED:
        assert {name for name in defined if "@" not in name} == DEFINED[case]
    count = rows.filter(pl.col("draw").is_in([USED, EXCLUDED])).group_by("measure").agg("value")
    assert {sum(pair) for pair in count["value"]} == {len(ids) + 1}


def test_ten_thousand_identical_answers() -> None:
    text = "the same answer. It has no end"
    names = ["self_bleu", "sentence_between", "distinct_1", "self_repetition", "hdd", "mattr"]
    names += ["token_entropy", "compression_ratio", "mtld", "vocabulary", "tail_coverage"]
    given = inputs([text] * 10_000, budget=70_000, references=[text] * 10_000)
    everything = np.arange(10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = {name: get(name).function(given)(everything) for name in names}
    assert value["self_bleu"] == pytest.approx(100.0)
    assert value["sentence_between"] == pytest.approx(100.0)
    assert value["distinct_1"] == pytest.approx(7 / 70_000)
    assert value["self_repetition"] == pytest.approx(np.log(1 + 4 * 9_999), rel=1e-6)
    assert value["token_entropy"] == pytest.approx(np.log2(7))
    assert value["mattr"] == pytest.approx(0.07)
    assert value["vocabulary"] == pytest.approx(7.0)
    assert value["compression_ratio"] > 100
    assert 9 < value["mtld"] < 11
    assert np.isnan(value["tail_coverage"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="abé我. \n!’'", max_size=30), min_size=1, max_size=6))
def test_any_text_has_finite_values_or_none_without_a_warning(texts: list[str]) -> None:
    counts = [len(words(text)) for text in texts]
    shortest = {each: count // 2 for each, count in zip(IDS, counts, strict=False)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = compute(
            [each for each in all_measures() if each.lexical],
            inputs(texts, budget=sum(counts) // 2, references=texts, shortest=shortest),
            **CONSTANT,
            all_prompt_ids=IDS[: len(texts)],
            draws=cluster_halves(IDS[: len(texts)], 3, 0),
        )
    assert rows["value"].drop_nulls().is_finite().all()
