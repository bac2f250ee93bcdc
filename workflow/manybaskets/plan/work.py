"""The workload of each kind of job, in rows and tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from manybaskets.config.study import Study
from manybaskets.experiments import (
    UNKNOWN_WORK,
    Lengths,
    StudyRows,
    Work,
    job_profiles,
    prior_lengths,
)
from manybaskets.names import HUMAN, VANILLA
from manybaskets.plan.row_counts import shard_rows


class WorkOf:
    """The work of any job of a study.

    Args:
        rows: number of rows of the study.
        lengths: measured lengths by source; others use the prior lengths.
    """

    def __init__(self, study: Study, rows: StudyRows, lengths: Mapping[str, Lengths]) -> None:
        self.study, self.rows, self.lengths = study, rows, lengths
        self._kinds: dict[str, Callable[[Mapping[str, str]], Work]] = {
            "generate": self._generate, "pilot": self._pilot, "train": self._train,
            "respond": self._respond, "score_target": self._score_target, "pretrain": self._pretrain,
            "embed": self._embed, "measure": self._measure, "lengths": self._lengths,
            "score_fixed": self._score_fixed, "divergence": self._divergence,
            "collect": self._rows_of_source, "replay": self._rows_of_source,
            "human_source": self._rows_of_source, "source_card": self._rows_of_source,
            "mix": self._rows_of_mix, "mix_card": self._rows_of_mix,
        }  # fmt: skip
        self._profiles = job_profiles(study)

    @property
    def kinds(self) -> set[str]:
        """Kinds of jobs whose rows are known."""
        return {*self._kinds, *self._profiles}

    def __call__(self, kind: str, wildcards: Mapping[str, str]) -> Work:
        """Work of a job; negligible for jobs that only read other jobs' outputs."""
        if kind in self._profiles:
            return self._profiles[kind].work(wildcards, self.rows)
        return self._kinds[kind](wildcards) if kind in self._kinds else Work()

    def of_source(self, source: str) -> Lengths:
        """Tokens per question and answer of a source."""
        sampling = None if source == HUMAN else self.study.sources[source].sampling
        return self.lengths.get(source) or prior_lengths(self.study, sampling)

    def of_mix(self, mix: str) -> Lengths:
        """Tokens per question and answer of a mix, from its sources."""
        sources = [HUMAN] if mix == VANILLA else self.study.mix_sources(mix)
        each = [self.of_source(name) for name in sources]
        return Lengths(*(sum(values) / len(each) for values in zip(*map(_both, each), strict=True)))

    def _asked(self, prompts: int | None, lengths: Lengths) -> Work:
        if prompts is None:
            return UNKNOWN_WORK
        rows = prompts * self.rows.turns
        return Work(rows, rows * lengths.prompt, rows * lengths.answer)

    def _read(self, prompts: float | None, lengths: Lengths) -> Work:
        if prompts is None:
            return UNKNOWN_WORK
        return Work(prompts, prompts * self.rows.turns * (lengths.prompt + lengths.answer))

    def _generate(self, wildcards: Mapping[str, str]) -> Work:
        shard, shards = int(wildcards["shard"]), int(wildcards["shards"])
        prompts = shard_rows(self.rows.train, shard, shards)
        return self._asked(prompts, self.of_source(wildcards["source"]))

    def _pilot(self, wildcards: Mapping[str, str]) -> Work:
        asked = self.study.sources[wildcards["source"]].pilot.prompts
        known = asked if self.rows.train is None else min(asked, self.rows.train)
        return self._asked(known, self.of_source(wildcards["source"]))

    def _answered(self, runs: int) -> int | None:
        sets = self.rows.sets.values()
        if None in sets:
            return None
        return sum(sets) * runs * self.study.responses.samples

    def _loaded(self, wildcards: Mapping[str, str]) -> dict[str, int]:
        """Runs by mix in one load of a target: one, or all of the target's."""
        if "seed" in wildcards:
            return {wildcards["mix"]: 1}
        return {mix: len(self.study.seeds_of(mix)) for mix in [VANILLA, *self.study.mixes]}

    def _respond(self, wildcards: Mapping[str, str]) -> Work:
        limit, total = self.study.responses.sampling.max_new_tokens, Work()
        for mix, runs in self._loaded(wildcards).items():
            lengths = self.of_mix(mix)
            shorter = Lengths(lengths.prompt, min(lengths.answer, limit))
            total += self._asked(self._answered(runs), shorter)
        return total

    def _score_target(self, wildcards: Mapping[str, str]) -> Work:
        test = self.rows.sets["test"]
        texts = 1 + self.study.responses.samples  # the human answers and the run's own answers
        each = (
            self._read(None if test is None else test * runs * texts, self.of_mix(mix))
            for mix, runs in self._loaded(wildcards).items()
        )
        return sum(each, Work())

    def _score_fixed(self, wildcards: Mapping[str, str]) -> Work:
        """The human answers once, and one answer per run."""
        test = self.rows.sets["test"]
        rows = test if test is None else test * (1 + self._runs())
        return self._read(rows if self.study.scoring.scorer else 0.0, prior_lengths(self.study))

    def _divergence(self, wildcards: Mapping[str, str]) -> Work:
        """Every run reads the same human answers."""
        test = self.rows.sets["test"]
        read = None if test is None else min(self.study.divergence.prompts, test) * self._runs()
        return self._read(read, self.of_source(HUMAN))

    def _runs(self) -> int:
        """Runs of a target, including the untuned one."""
        return sum(len(self.study.seeds_of(mix)) for mix in [VANILLA, *self.study.mixes])

    def _train(self, wildcards: Mapping[str, str]) -> Work:
        training, rows = self.study.training, self.rows
        if rows.fit is None or rows.validation is None:
            return UNKNOWN_WORK
        learned = rows.fit * training.epochs
        # Evaluating a row takes about a third of training on it.
        checked = rows.validation * (training.evaluations + 1) / 3
        sequences = learned + checked
        return Work(sequences, sequences * self._sequence(self.of_mix(wildcards["mix"])))

    def _sequence(self, lengths: Lengths) -> float:
        """Tokens of a conversation with all its turns, each once; the prompt of a turn also holds the
        turns before it."""
        before = (self.rows.turns - 1) / 2  # turns before a turn, on average
        question = max(0.0, (lengths.prompt - before * lengths.answer) / (1 + before))
        return self.rows.turns * (question + lengths.answer)

    def _pretrain(self, wildcards: Mapping[str, str]) -> Work:
        size = self.study.embedded_model_size
        return self._read(size.steps * size.batch_size, prior_lengths(self.study))

    def _embed(self, wildcards: Mapping[str, str]) -> Work:
        test = self.rows.sets["test"]
        if test is None:
            return UNKNOWN_WORK
        rows = self._runs() * len(self.study.targets) * test * self.study.responses.samples
        return Work(rows, rows * min(256.0, prior_lengths(self.study).answer))

    def _measure(self, wildcards: Mapping[str, str]) -> Work:
        mix = wildcards.get("mix", VANILLA)
        rows = self._answered(len(self.study.seeds_of(mix)))
        return UNKNOWN_WORK if rows is None else Work(rows, rows * self.of_mix(mix).answer)

    def _lengths(self, wildcards: Mapping[str, str]) -> Work:
        if self.rows.train is None:
            return UNKNOWN_WORK
        each = [self.of_source(name) for name in self.study.used_sources()]
        tokens = sum(lengths.prompt + lengths.answer for lengths in each)
        return Work(self.rows.train * len(each), self.rows.train * self.rows.turns * tokens)

    def _rows_of_source(self, wildcards: Mapping[str, str]) -> Work:
        rows = self.rows.train
        return Work(None if rows is None else rows * self.rows.turns)

    def _rows_of_mix(self, wildcards: Mapping[str, str]) -> Work:
        return Work(self.rows.train)


def _both(lengths: Lengths) -> tuple[float, float]:
    return lengths.prompt, lengths.answer
