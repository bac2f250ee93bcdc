"""Files of the sources: trials, shards, answers, what is measured of them."""

from __future__ import annotations

from pathlib import Path

from manybaskets.layout.stage import StageFiles
from manybaskets.names import HUMAN


class SourceFiles(StageFiles):
    """Files of the sources, in a folder for each."""

    journals = {"shard": "shard_work", "pilot": "pilot_work"}

    def pilot(self, source: str = "{source}") -> Path:
        """Verdict of a source's trial."""
        return self.results / f"sources/{source}/pilot.json"

    def shard(
        self, source: str = "{source}", shard: int | str = "{shard}", shards: int | str = "{shards}"
    ) -> Path:
        """Answers of one shard, which is one of `shards`."""
        return self.results / f"sources/{source}/shards/{shard}-of-{shards}.parquet"

    def shard_quarantine(
        self, source: str = "{source}", shard: int | str = "{shard}", shards: int | str = "{shards}"
    ) -> Path:
        """Answers of a shard that were not taken."""
        return self.results / f"sources/{source}/shards/{shard}-of-{shards}.quarantine.jsonl"

    def shard_usage(
        self, source: str = "{source}", shard: int | str = "{shard}", shards: int | str = "{shards}"
    ) -> Path:
        """Rows, tokens and seconds of a shard."""
        return self.results / f"sources/{source}/shards/{shard}-of-{shards}.usage.json"

    def given_answers(self, source: str = "{source}") -> Path:
        """Ready answers as fetched from a hub."""
        return self.results / f"sources/{source}/answers.parquet"

    def answers(self, source: str = "{source}") -> Path:
        """Checked answers of a source to the training prompts."""
        return self.results / f"sources/{source}/train.parquet"

    def quarantine(self, source: str = "{source}") -> Path:
        """Answers of a source that were not taken."""
        return self.results / f"sources/{source}/quarantine.jsonl"

    def card(self, source: str = "{source}") -> Path:
        """Dataset card of a source."""
        return self.results / f"sources/{source}/README.md"

    def dataset(self, source: str = "{source}") -> Path:
        """A source's answers with what they answer, as a dataset."""
        return self.results / f"sources/{source}/dataset.parquet"

    def measures(self, source: str = "{source}") -> Path:
        """Measured rows of a source."""
        return self.results / f"sources/{source}/measures.parquet"

    def matched(self) -> Path:
        """Prompts that all described sources answered."""
        return self.results / "sources/matched.json"

    def similarity(self) -> Path:
        """Similarity of all pairs of sources."""
        return self.results / "sources/similarity.parquet"

    def topic_distances(self) -> Path:
        """Distances of all pairs of sources in topics."""
        return self.results / "sources/topic-distances.parquet"

    def shard_work(
        self, source: str = "{source}", shard: int | str = "{shard}", shards: int | str = "{shards}"
    ) -> Path:
        """Work folder of a shard, with its journal."""
        return self.results / f"work/sources/{source}/{shard}-of-{shards}"

    def pilot_work(self, source: str = "{source}") -> Path:
        """Work folder of a trial, with its journal."""
        return self.results / f"work/sources/{source}/pilot"

    def pilot_usage(self, source: str = "{source}") -> Path:
        """Rows, tokens and seconds of a trial."""
        return self.pilot_work(source) / "usage.json"

    def shard_numbers(self, source: str) -> list[tuple[int, int]]:
        """Every shard of a source as (number from 0, number of shards)."""
        shards = self.study.sources[source].shards
        return [(shard, shards) for shard in range(shards)]

    def shards(self, source: str) -> list[Path]:
        """Answers of all shards of a source."""
        return [self.shard(source, *each) for each in self.shard_numbers(source)]

    def quarantines(self, source: str) -> list[Path]:
        """Answers of all shards of a source that were not taken."""
        return [self.shard_quarantine(source, *each) for each in self.shard_numbers(source)]

    def usages(self, source: str) -> list[Path]:
        """Usage of all shards of a source."""
        return [self.shard_usage(source, *each) for each in self.shard_numbers(source)]

    def generating(self) -> list[str]:
        """Sources in use that an engine runs: not people, not ready answers."""
        return [
            name
            for name in self.study.used_sources()
            if name != HUMAN and self.study.sources[name].engine.generates
        ]

    def piloted(self) -> list[str]:
        """Sources in use that pass a trial before their first shard."""
        return [name for name in self.generating() if self.pilots_of(name)]

    def pilots_of(self, source: str) -> list[Path]:
        """Verdict of a source's trial, or nothing for a source without one."""
        return [self.pilot(source)] if self.study.sources[source].pilot.prompts else []
