"""Files of the self-preference experiment."""

from __future__ import annotations

import pytest
from planned_jobs import study
from repository import ROOT

from manybaskets.config.loading import read_yaml
from manybaskets.experiments.preference.files import PreferenceFiles
from manybaskets.layout import Files

FEW = [("vanilla", 0), ("human", 1), ("human", 2), ("human", 3)]


def files_of(**changes) -> PreferenceFiles:
    settings = read_yaml(ROOT / "config/config.yaml")["preference"] | {"mixes": ["human"]} | changes
    return Files(study(preference=settings)).stage(PreferenceFiles)


@pytest.fixture(scope="module")
def files() -> PreferenceFiles:
    return files_of()


def test_the_untuned_target_judges_and_is_an_author_not_a_writer(files):
    assert files.runs() == FEW and files.writing_runs() == FEW[1:]
    assert files_of(own_summaries=False).writing_runs() == []


def test_a_run_sees_its_own_summaries_and_the_untuned_target_those_of_all(files):
    assert files.own_seen([("human", 2)]) == [("human", 2)]
    assert files.own_seen(FEW) == FEW[1:] == files.own_seen(FEW[:1])
    assert files_of(own_summaries=False).own_seen(FEW) == []


def test_one_load_serves_as_the_section_says(files):
    config = study()
    assert config.responses.share_model_load == "target"
    assert files.load().whole and files.writing_load().whole
    each = files_of(share_model_load="run")
    assert not each.load().whole and not each.writing_load().whole
    assert each.writing_load().files(each.own_summaries) == [each.own_summaries()]
    assert files.writing_load().files(files.own_summaries) == [
        files.own_summaries("{target}", *run) for run in FEW[1:]
    ]


def test_all_texts_and_readings(files):
    authors = study().preference.authors
    texts = files.all_texts()
    assert texts[: len(authors)] == [(name, "", files.summaries(name)) for name in authors]
    assert [file for _, target, file in texts if target] == [
        files.own_summaries("llama", *run) for run in FEW[1:]
    ]
    gold = study().preference.gold_judges
    assert files.all_readings() == [
        *(files.readings("llama", *run) for run in FEW),
        *(files.gold_readings(model) for model in gold),
    ]


def test_articles_are_generated_fetched_or_brought(files):
    assert files.article_sources() == [] and files.given() == {}
    brought = files_of(articles={"kind": "file", "path": "articles.jsonl"})
    assert brought.given() == {"preference.articles.path": "articles.jsonl"}
    assert brought.article_sources() == ["articles.jsonl"]
    fetched = files_of(articles={"kind": "hub", "repo": "a/b", "revision": "a" * 40})
    assert fetched.article_sources() == [fetched.raw_articles()] and fetched.given() == {}


def test_a_study_without_the_experiment_has_no_files_of_it():
    files = Files(study(preference=None)).stage(PreferenceFiles)
    assert files.runs() == files.writing_runs() == files.all_texts() == files.all_readings() == []
    assert files.given() == {} and files.article_sources() == []
