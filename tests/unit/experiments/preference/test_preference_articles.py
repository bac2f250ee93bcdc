"""Articles and summaries: what is read, what is left out, and that texts are made row by row."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tiny_adapters import make_adapters

from manybaskets.config.articles import ArticleFields, Summaries
from manybaskets.config.models import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import PassingError, UserError
from manybaskets.experiments.preference import articles as reading
from manybaskets.experiments.preference.schemas import ARTICLES, TEXTS
from manybaskets.experiments.preference.summaries import (
    TOO_LONG,
    describe_texts,
    prompting_of,
    references,
    summarise_by_runs,
    summary_prompts,
    texts_of,
    write_summaries,
)
from manybaskets.measures.tokens import sentences
from manybaskets.records.responses import RESPONSES, check_responses, read_responses
from manybaskets.records.writing import read_metadata
from manybaskets.world.notices import make_notices


def settings(**changes) -> Summaries:
    given = {"sampling": {"temperature": 0.9, "max_new_tokens": 12}, "words": 10}
    return Summaries.model_validate(given | changes)


def sampled(tmp_path, raw, count, seed=42) -> tuple[pl.DataFrame, dict]:
    output, counts = tmp_path / "articles.parquet", tmp_path / "articles.json"
    reading.sample_articles(raw, count, seed, output, counts)
    frame = pl.read_parquet(output)
    assert frame.schema == ARTICLES
    return frame, json.loads(counts.read_text())


@pytest.fixture
def notices(tmp_path) -> pl.DataFrame:
    return sampled(tmp_path, reading.embedded_articles(6, 8, 42), 6)[0]


def test_notices_are_distinct_and_their_summaries_hold_nothing_else():
    made = make_notices(40, 8, 42)
    assert made == make_notices(40, 8, 42) != make_notices(40, 8, 43)
    assert len({notice["article"] for notice in made}) == 40
    for notice in made:
        assert 4 <= len(sentences(notice["article"])) <= 6
        said = sentences(notice["reference"])
        assert len(said) == 2 and said[1] in notice["article"]
        assert "{" not in notice["article"] + notice["reference"]


def test_more_notices_than_the_world_has_are_refused_with_the_keys_to_change():
    with pytest.raises(UserError, match=r"preference.count[\s\S]*dataset.towns"):
        reading.embedded_articles(100_000, 2, 42)


def test_the_sample_hangs_on_the_seed_and_not_on_the_order(tmp_path):
    raw = pl.DataFrame(
        {"article": [f"Article {n}." for n in range(50)], "reference": ["Short."] * 50}
    )
    first, counts = sampled(tmp_path, raw, 10)
    assert first.equals(sampled(tmp_path, raw.reverse(), 10)[0])
    assert not first.equals(sampled(tmp_path, raw, 10, seed=43)[0])
    assert counts == {"read": 50, "left_out": {}, "used": 10}


def test_articles_that_are_none_are_counted_and_too_few_are_refused(tmp_path):
    raw = pl.DataFrame(
        {"article": ["One.", " One. ", "", None, "Two.", "Three."], "reference": ["a", "b", "c", "d", " ", None]}
    )  # fmt: skip
    frame, counts = sampled(tmp_path, raw, 1)
    assert frame["article"].to_list() == ["One."]
    assert counts["left_out"] == {"article again": 1, "empty article": 2, "no reference": 2}
    with pytest.raises(UserError, match="only 1 articles are usable, but 2 are requested"):
        sampled(tmp_path, raw, 2)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_files_of_every_kind_are_read(tmp_path, ending):
    file = tmp_path / f"articles.{ending}"
    frame = pl.DataFrame({"body": ["A town.", "A river."], "brief": ["Town.", None]})
    {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[ending](
        file
    )
    read = reading.read_articles(file, ArticleFields(article="body", reference="brief"))
    assert read["article"].to_list() == ["A town.", "A river."]
    assert [text or "" for text in read["reference"]] == ["Town.", ""]


def test_a_wrong_column_or_a_number_is_told_with_its_key(tmp_path):
    file = tmp_path / "articles.jsonl"
    file.write_text('{"article": "A town.", "reference": 3}\n')
    with pytest.raises(
        UserError, match=r"no column 'highlights'[\s\S]*preference.articles.fields.reference"
    ):
        reading.read_articles(file, ArticleFields(reference="highlights"))
    with pytest.raises(UserError, match=r"'reference' contains int instead of text[\s\S]*line 1"):
        reading.read_articles(file, ArticleFields())
    with pytest.raises(UserError, match=r"does not exist[\s\S]*preference.articles.path"):
        reading.read_articles(tmp_path / "none.csv", ArticleFields())


def test_articles_of_the_hub_that_cannot_be_fetched_may_be_tried_again(monkeypatch):
    import datasets

    from manybaskets.config.articles import HubArticles

    def refuse(*_, **__):
        raise ConnectionError("no network here")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(
        PassingError, match="could not be fetched .ConnectionError: no network here"
    ):
        reading.fetch_articles(HubArticles(kind="hub", repo="a/b", revision="1"))


def test_articles_of_the_hub_are_asked_for_by_configuration_split_and_revision(monkeypatch):
    import datasets

    from manybaskets.config.articles import HubArticles

    asked = []

    def load(*given, **named):
        asked.append((given, named))
        return datasets.Dataset.from_dict({"article": ["A town."], "highlights": ["Town."]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    articles = HubArticles(kind="hub", repo="a/b", config="3.0.0", revision="abc", split="test")
    read = reading.fetch_articles(articles)
    assert read.rows() == [("A town.", "Town.")]
    assert asked == [(("a/b", "3.0.0"), {"revision": "abc", "split": "test"})]


def test_requests_hold_article_and_length_or_the_bare_article(notices):
    asked = summary_prompts(notices, settings())
    assert set(asked["instruction"]) == {"Summarise the text above in about 10 words."}
    assert asked["context"].to_list() == notices["article"].to_list()
    bare = summary_prompts(notices, settings(instruction=""))
    assert bare["instruction"].to_list() == notices["article"].to_list()
    assert set(bare["context"]) == {""}


def engine_of(folder, how=None, **prompting) -> TransformersEngine:
    asked = prompting_of(Prompting(**prompting), how or settings())
    return TransformersEngine(folder, asked, "float32", 2, "llama")


def test_an_author_summarises_every_article_and_resumes(
    notices, tiny_models, tmp_path, monkeypatch
):
    engine = engine_of(tiny_models["llama"])
    output, work = tmp_path / "llama.parquet", tmp_path / "work"
    write_summaries(notices, engine, "llama", settings(), study_seed=1, work=work, output=output)
    frame = read_responses(output)
    check_responses(frame, notices["article_id"].to_list(), str(output))
    made = output.read_bytes()
    output.unlink()
    monkeypatch.setattr(engine, "generate", lambda *_: pytest.fail("rows are finished"))
    write_summaries(notices, engine, "llama", settings(), study_seed=1, work=work, output=output)
    assert output.read_bytes() == made
    assert len(set(texts_of(output).values())) > 1


def test_an_article_that_does_not_fit_is_a_failed_row_and_never_cut(tiny_models, notices, tmp_path):
    """The others are answered, and the settings' share of errors does not count it."""
    long = notices.with_columns(
        pl.when(pl.int_range(pl.len()) == 2).then(pl.lit("Alden lies far. " * 90)).otherwise("article").alias("article")
    )  # fmt: skip
    output = tmp_path / "llama.parquet"
    engine = engine_of(tiny_models["llama"])
    write_summaries(
        long, engine, "llama", settings(), study_seed=1, work=tmp_path / "w", output=output
    )
    frame = read_responses(output)
    failed = frame.filter(finish_reason="error")
    assert failed["prompt_id"].to_list() == [long["article_id"][2]]
    assert failed["error"].to_list() == [TOO_LONG]
    assert frame.schema == RESPONSES and read_metadata(output)["too_long"] == 1
    assert texts_of(output)[long["article_id"][2]] is None
    nothing = settings(max_prompt_tokens=16)
    engine = engine_of(tiny_models["llama"], nothing)
    write_summaries(
        long, engine, "llama", nothing, study_seed=1, work=tmp_path / "n", output=output
    )
    assert set(read_responses(output)["finish_reason"]) == {"error"}


def test_failed_rows_stop_or_are_counted_as_the_config_says(
    notices, tiny_models, tmp_path, monkeypatch
):
    from manybaskets.engines.base import Completion

    engine = engine_of(tiny_models["llama"])
    real = engine.generate

    def failing(requests, sampling):
        for index, (request, completion) in enumerate(real(requests, sampling)):
            lost = Completion(None, "error", None, error="the server went away")
            yield request, lost if index == 0 else completion

    monkeypatch.setattr(engine, "generate", failing)
    output = tmp_path / "llama.parquet"
    with pytest.raises(UserError, match="1 of 6 rows failed"):
        write_summaries(
            notices, engine, "llama", settings(), study_seed=1, work=tmp_path / "w", output=output
        )
    assert not output.exists()
    how = settings(max_error_share=0.5)
    write_summaries(notices, engine, "llama", how, study_seed=1, work=tmp_path / "v", output=output)
    assert list(texts_of(output).values()).count(None) == 1


def test_runs_summarise_with_their_own_adapters_and_seeds(tiny_models, notices, tmp_path):
    engine = engine_of(tiny_models["llama"])
    runs = [("multi", 1), ("multi", 2)]
    outputs = [tmp_path / f"{mix}{seed}.parquet" for mix, seed in runs]
    adapters = make_adapters(tiny_models["llama"], tmp_path, [1, 2])
    summarise_by_runs(
        notices, engine, settings(), target="llama", runs=runs, adapters=adapters,
        study_seed=1, work=tmp_path / "work", outputs=outputs,
    )  # fmt: skip
    used = [read_metadata(file) for file in outputs]
    assert used[0]["adapter"] != used[1]["adapter"]
    assert [each["who"] for each in used] == ["summaries/llama/multi/1", "summaries/llama/multi/2"]
    assert texts_of(outputs[0]) != texts_of(outputs[1])


def test_length_and_form_of_every_text_are_told(notices, tmp_path):
    human, own = tmp_path / "human.parquet", tmp_path / "own.parquet"
    references(notices, human)
    texts = ["- One.\n- Two words.", "", None]
    rows = [
        dict.fromkeys(RESPONSES) | {"prompt_id": f"a{n}", "sample": 0, "turn": 0, "text": text, "attempts": 1}
        | {"finish_reason": "error" if text is None else "length" if n == 0 else "stop"}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    from manybaskets.records.responses import write_responses

    write_responses(rows, own, {})
    output = tmp_path / "texts.parquet"
    describe_texts([("human", "", human), ("own:multi:1", "llama", own)], output)
    frame = pl.read_parquet(output)
    assert frame.schema == TEXTS
    assert set(frame.filter(author="human")["status"]) == {"written"}
    assert frame.filter(author="human")["sentences"].to_list() == [2] * notices.height
    assert frame.filter(target="llama").select(
        "status", "words", "sentences", "list_items", "truncated"
    ).rows() == [
        ("written", 3, 2, 2, True),
        ("empty", 0, 0, 0, False),
        ("failed", None, None, None, None),
    ]
