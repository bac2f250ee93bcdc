"""Which answers a study's browser shows, as files."""

from __future__ import annotations

from manybaskets.experiments import experiments_of
from manybaskets.layout import Files
from manybaskets.layout.answer_sets import AnswerSet, ConditionFile, joined_sets
from manybaskets.names import TEST, TRAIN
from manybaskets.records.measured import SOURCES

TITLES = {TEST: "Test prompts", TRAIN: "Training prompts"}


def study_sets(files: Files) -> list[AnswerSet]:
    """The prompt sets of a study with all answers, `test` first, and those of its experiments.

    Restricted texts are in none of their files.
    """
    sets = _of_runs(files) if files.study.targets else []
    sets += [_of_sources(files)]
    for experiment in experiments_of(files.study):
        sets += experiment.answer_sets(files.study)
    return [each for each in joined_sets(sets) if each.answers or each.scores]


def restricted_sets(files: Files) -> list[AnswerSet]:
    """The prompt sets of a study's experiments whose texts are restricted, with these texts."""
    sets = [
        each
        for experiment in experiments_of(files.study)
        for each in experiment.restricted_answer_sets(files.study)
    ]
    return joined_sets(sets)


def _of_runs(files: Files) -> list[AnswerSet]:
    split = str(files.data.split())
    return [
        AnswerSet(
            name=name,
            title=TITLES.get(name, name),
            prompts=[str(files.data.prompts(name))],
            categories=[split],
            references=[split],
            answers=[
                ConditionFile(*run, str(files.runs.responses(*run, name)))
                for run in files.runs.all()
            ],
            measured=list(map(str, files.measures.of_runs())),
        )
        for name in files.study.all_prompt_sets()
    ]


def _of_sources(files: Files) -> AnswerSet:
    split = str(files.data.split())
    return AnswerSet(
        name=TRAIN,
        title=TITLES[TRAIN],
        prompts=[str(files.data.prompts(TRAIN))],
        categories=[split],
        references=[split],
        answers=[
            ConditionFile(SOURCES, name, 0, str(files.sources.answers(name)))
            for name in files.study.used_sources()
        ],
        measured=[str(files.sources.measures(name)) for name in files.study.analysed_sources()],
    )
