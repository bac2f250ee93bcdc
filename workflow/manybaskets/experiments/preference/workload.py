"""Workload of the self-preference experiment: summaries to write and questions to read."""

from __future__ import annotations

from manybaskets.config.model_families import author_model
from manybaskets.config.participants import judged_mixes, writer
from manybaskets.config.study import Study
from manybaskets.experiments.job_profiles import JobProfile, StudyRows, Wildcards, Work
from manybaskets.experiments.preference.judge_panel import panel_in
from manybaskets.experiments.preference.questions import number_of_questions
from manybaskets.experiments.preference.schemas import ABSOLUTE, GOLD
from manybaskets.names import VANILLA

# Tokens of an article, of a summary per requested word, and of the rest of a question: for
# CNN/DailyMail's 715 words, and for the embedded notices and models, which ignore the requested
# length.
_REAL = (950.0, 1.35, 90.0)
_EMBEDDED = (60.0, 25.0, 40.0)


def job_profiles(study: Study) -> dict[str, JobProfile]:
    """The experiment's jobs by kind, for a study with the section `preference`."""
    settings, todo = study.preference, PreferenceWork(study)
    batch_size = settings.summaries.batch_size
    return {
        "preference_fetch_articles": JobProfile(fetches=True),
        "preference_summaries": JobProfile(
            work=todo.summaries,
            task="answer",
            model=lambda wildcards: author_model(study, wildcards["author"]),
            engine=lambda wildcards: writer(study, wildcards["author"]).engine,
            batch_size=batch_size,
            asks="author",
            counts_rows=True,
        ),
        "preference_own_summaries": JobProfile(
            work=todo.summaries,
            task="answer",
            engine=lambda wildcards: study.responses.engine,
            batch_size=batch_size,
            counts_rows=True,
        ),
        "preference_judge": JobProfile(
            work=todo.readings,
            task="likelihood",
            engine=lambda wildcards: settings.judging.engine_of(wildcards["target"]),
        ),
        "preference_judge_gold": JobProfile(
            work=todo.readings,
            task="likelihood",
            engine=lambda wildcards: settings.judging.engine_of(wildcards["model"]),
        ),
    }


class PreferenceWork:
    """Rows and tokens of the jobs of a study with the section `preference`."""

    def __init__(self, study: Study) -> None:
        self.study = study
        embedded = study.embedded_world
        self.article, summary, self.rest = _EMBEDDED if embedded else _REAL
        asked = study.preference.summaries
        expected = summary if embedded else summary * asked.words
        self.summary = min(expected, asked.sampling.max_new_tokens)

    def summaries(self, wildcards: Wildcards, rows: StudyRows) -> Work:
        """A job in which an author, or a target's runs, summarise."""
        runs = 1
        if "author" not in wildcards:
            runs = sum(mix != VANILLA for mix, _ in self._runs(wildcards))
        written = runs * self.study.preference.count
        return Work(written, written * (self.article + self.rest), written * self.summary)

    def readings(self, wildcards: Wildcards, rows: StudyRows) -> Work:
        """A job in which a target's runs, or a gold judge, judge.

        Its tokens are input tokens: the article once for all corrected questions about it, and
        again for every text's likelihood.
        """
        settings, questions, tokens = self.study.preference, 0.0, 0.0
        for run in self._runs(wildcards):
            panel = panel_in(self.study, wildcards.get("target") or wildcards["model"], run)
            asked = number_of_questions(settings.judging, panel)
            questions += sum(asked.values())
            tokens += self.article
            for (protocol, _), number in asked.items():
                texts = 1 if protocol == ABSOLUTE else 2
                tokens += number * (texts * self.summary + self.rest)
            if settings.judging.perplexity:
                tokens += len(panel.texts()) * (self.article + self.rest + self.summary)
        return Work(questions * settings.count, tokens * settings.count, 0.0)

    def _runs(self, wildcards: Wildcards) -> list[tuple[str, int]]:
        if "target" not in wildcards:
            return [(GOLD, 0)]
        if "seed" in wildcards:
            return [(wildcards["mix"], int(wildcards["seed"]))]
        mixes = [VANILLA, *judged_mixes(self.study)]
        return [(mix, seed) for mix in mixes for seed in self.study.seeds_of(mix)]
