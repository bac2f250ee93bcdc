"""What the self-preference experiment has to do: summaries to write, questions to judges to read."""

from __future__ import annotations

from collections.abc import Mapping

from manybaskets.config.participants import judged_mixes
from manybaskets.config.study import Study
from manybaskets.experiments.preference.judge_panel import panel_in
from manybaskets.experiments.preference.questions import number_of_questions
from manybaskets.experiments.preference.schemas import ABSOLUTE, GOLD
from manybaskets.names import VANILLA

Job = tuple[float, float, float]  # rows, tokens in, tokens out
# Tokens of an article, of a summary per word that is asked for, and of all else in a question. Those
# of CNN/DailyMail's 715 words, and of the embedded notices and models, which follow no length.
_REAL = (950.0, 1.35, 90.0)
_EMBEDDED = (60.0, 25.0, 40.0)


class Preferences:
    """Rows and tokens of the jobs of a study that has the section `preference`."""

    def __init__(self, study: Study) -> None:
        self.study = study
        embedded = study.dataset.kind == "embedded"
        self.article, summary, self.rest = _EMBEDDED if embedded else _REAL
        how = study.preference
        asked = how.summaries if how else None
        self.summary = 0.0
        if asked:
            self.summary = summary if embedded else summary * asked.words
            self.summary = min(self.summary, asked.sampling.max_new_tokens)

    def summaries(self, wildcards: Mapping[str, str]) -> Job:
        """A job in which an author, or runs of a target, summarise."""
        runs = (
            1 if "author" in wildcards else sum(run[0] != VANILLA for run in self._runs(wildcards))
        )
        rows = runs * self.study.preference.count
        return rows, rows * (self.article + self.rest), rows * self.summary

    def readings(self, wildcards: Mapping[str, str]) -> Job:
        """A job in which runs of a target, or a gold judge, judge; of tokens those that are read: the
        article once for all corrected questions about it, and again for every text's likelihood."""
        how, rows, tokens = self.study.preference, 0.0, 0.0
        for run in self._runs(wildcards):
            panel = panel_in(self.study, wildcards.get("target") or wildcards["model"], run)
            asked = number_of_questions(how.judging, panel)
            rows += sum(asked.values())
            tokens += self.article
            for (protocol, _), number in asked.items():
                texts = 1 if protocol == ABSOLUTE else 2
                tokens += number * (texts * self.summary + self.rest)
            if how.judging.perplexity:
                tokens += len(panel.texts()) * (self.article + self.rest + self.summary)
        return rows * how.count, tokens * how.count, 0.0

    def _runs(self, wildcards: Mapping[str, str]) -> list[tuple[str, int]]:
        if "target" not in wildcards:
            return [(GOLD, 0)]
        if "seed" in wildcards:
            return [(wildcards["mix"], int(wildcards["seed"]))]
        mixes = [VANILLA, *judged_mixes(self.study)]
        return [(mix, seed) for mix in mixes for seed in self.study.seeds_of(mix)]
