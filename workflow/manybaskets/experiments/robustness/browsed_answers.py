"""What the browser of answers is given of this experiment: scores, and texts only on request."""

from __future__ import annotations

from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.experiments.robustness.scores import BENIGN, CONTROL, DIRECT, JAILBREAK
from manybaskets.layout.answer_sets import AnswerSet, ConditionFile
from manybaskets.names import TEST

_TITLES = {
    DIRECT: "Robustness: direct requests",
    JAILBREAK: "Robustness: jailbreak templates",
    BENIGN: "Robustness: harmless look-alikes",
}


def scored_sets(files: RobustnessFiles) -> list[AnswerSet]:
    """Scores without texts, and the scores of answers to the control prompts, which are test prompts."""
    withheld = [
        AnswerSet(
            name=f"robustness-{name}",
            title=_TITLES[name],
            categories=_designs(files),
            scores=_scores(files, name),
            listed_as=name,
            withheld=True,
        )
        for name in files.prompt_sets()
    ]
    return [AnswerSet(name=TEST, scores=_scores(files, CONTROL)), *withheld]


def restricted_text_sets(files: RobustnessFiles) -> list[AnswerSet]:
    """The same prompt sets with prompts and answers."""
    return [
        AnswerSet(
            name=f"robustness-{name}",
            title=_TITLES[name],
            prompts=[str(files.prompts(target, name)) for target in files.study.targets],
            categories=_designs(files),
            answers=[
                ConditionFile(*run, str(files.responses(*run, name))) for run in files.all_runs()
            ],
            scores=_scores(files, name),
            listed_as=name,
        )
        for name in files.prompt_sets()
    ]


def _designs(files: RobustnessFiles) -> list[str]:
    return list(map(str, files.all_designs()))


def _scores(files: RobustnessFiles, prompt_set: str) -> list[ConditionFile]:
    return [ConditionFile(*run, str(files.scores(*run)), prompt_set) for run in files.all_runs()]
