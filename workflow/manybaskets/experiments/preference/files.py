"""Files of the self-preference experiment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.participants import judged_mixes
from manybaskets.experiments.preference.schemas import GOLD, own_of
from manybaskets.layout import StageFiles, TargetLoad
from manybaskets.names import VANILLA, Run


class PreferenceFiles(StageFiles):
    """Files of the self-preference experiment. All lists are empty for a study without it."""

    journals = {"summaries": "summaries_work", "own_summaries": "own_summaries_journal"}

    def raw_articles(self) -> Path:
        """Articles as fetched from a hub."""
        return self.results / "preference/raw.parquet"

    def articles(self) -> Path:
        """The articles to summarise."""
        return self.results / "preference/articles.parquet"

    def article_counts(self) -> Path:
        """Skipped articles, by reason."""
        return self.results / "preference/articles.json"

    def summaries(self, author: str = "{author}") -> Path:
        """Summaries of all articles by an author."""
        return self.results / f"preference/summaries/{author}.parquet"

    def own_summaries(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Summaries of all articles by a judging run."""
        return self.results / f"preference/own/{target}/{mix}/seed{seed}.parquet"

    def texts(self) -> Path:
        """Length and form of all summaries."""
        return self.results / "preference/texts.parquet"

    def readings(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """A run's judgements."""
        return self.results / f"preference/readings/{target}/{mix}/seed{seed}.parquet"

    def gold_readings(self, model: str = "{model}") -> Path:
        """Judgements of an independent judge."""
        return self.readings(GOLD, model, 0)

    def summaries_work(self, author: str = "{author}") -> Path:
        """Work folder of an author's summaries, with its journal."""
        return self.results / f"work/preference/summaries/{author}"

    def own_summaries_work(self, target: str = "{target}") -> Path:
        """Work folder of the summaries by a target's runs."""
        return self.results / f"work/preference/own/{target}"

    def own_summaries_journal(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Folder of the journal of a run's summaries."""
        return self.own_summaries_work(target) / f"{mix}/seed{seed}"

    def mixes(self) -> list[str]:
        """Mixes whose runs judge, the untuned target's `vanilla` first."""
        return [VANILLA, *judged_mixes(self.study)] if self.study.preference else []

    def runs(self) -> list[Run]:
        """Judging runs of any target, as (mix, seed)."""
        return [(mix, seed) for mix in self.mixes() for seed in self.study.seeds_of(mix)]

    def writing_runs(self) -> list[Run]:
        """Runs of any target that write their own summaries; the untuned run is an author."""
        own = self.study.preference and self.study.preference.own_summaries
        return [run for run in self.runs() if run[0] != VANILLA] if own else []

    def load(self) -> TargetLoad:
        """Judgements from one load of a target."""
        return TargetLoad(self.runs(), self._whole())

    def writing_load(self) -> TargetLoad:
        """Summaries from one load of a target."""
        return TargetLoad(self.writing_runs(), self._whole())

    def judging(self, model: str) -> tuple[str, EngineSettings]:
        """A model that judges, and the engine that runs it."""
        return model, self.study.preference.judging.engine_of(model)

    def own_seen(self, judges: list[Run]) -> list[Run]:
        """Runs whose summaries a judge sees: its own, or all for the untuned target."""
        writing = self.writing_runs()
        return writing if (VANILLA, 0) in judges else [run for run in judges if run in writing]

    def all_texts(self) -> list[tuple[str, str, Path]]:
        """All summaries as (author, target of a run's own summaries or empty, file)."""
        if not self.study.preference:
            return []
        of_authors = [(name, "", self.summaries(name)) for name in self.study.preference.authors]
        return of_authors + [
            (own_of(mix, seed), target, self.own_summaries(target, mix, seed))
            for target in self.study.targets
            for mix, seed in self.writing_runs()
        ]

    def all_readings(self) -> list[Path]:
        """Judgements of all judges, the independent ones last."""
        if not self.study.preference:
            return []
        runs = [(target, *run) for target in self.study.targets for run in self.runs()]
        gold = [self.gold_readings(model) for model in self.study.preference.gold_judges]
        return [self.readings(*run) for run in runs] + gold

    def given(self) -> dict[str, str]:
        """The user's file of articles."""
        articles = self.study.preference and self.study.preference.articles
        if not articles or articles.kind != "file":
            return {}
        return {"preference.articles.path": articles.path}

    def given_columns(self) -> dict[str, tuple[str, Mapping[str, str | None]]]:
        """Columns of the articles."""
        if not self.given():
            return {}
        articles = self.study.preference.articles
        columns = {f"fields.{key}": column for key, column in articles.fields.model_dump().items()}
        return {"preference.articles": (articles.path, columns)}

    def article_sources(self) -> list[str | Path]:
        """Input file of the articles; empty for generated articles."""
        articles = self.study.preference and self.study.preference.articles
        if articles and articles.kind == "hub":
            return [self.raw_articles()]
        return list(self.given().values())

    def _whole(self) -> bool:
        settings = self.study.preference
        chosen = settings and settings.share_model_load
        return (chosen or self.study.responses.share_model_load) == "target"
