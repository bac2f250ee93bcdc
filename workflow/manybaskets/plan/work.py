"""What each kind of job has to do, in rows and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from manybaskets.config.sampling import Sampling
from manybaskets.config.study import Study
from manybaskets.experiments.preference.workload import Preferences
from manybaskets.experiments.robustness.workload import Attacks
from manybaskets.names import HUMAN, VANILLA
from manybaskets.plan.rows import Rows, shard_rows


@dataclass(frozen=True)
class Work:
    """What one job reads and writes; None where nothing tells how many rows there are.

    Args:
        rows: rows that it answers, learns, scores or writes.
        tokens_in: tokens that a model reads.
        tokens_out: tokens that a model writes.
    """

    rows: float | None = 0.0
    tokens_in: float | None = 0.0
    tokens_out: float | None = 0.0

    @property
    def known(self) -> bool:
        """Whether the number of rows is known."""
        return self.rows is not None

    @property
    def tokens(self) -> float:
        """All tokens that pass the model; 0 where they are not known."""
        return (self.tokens_in or 0.0) + (self.tokens_out or 0.0)


@dataclass(frozen=True)
class Lengths:
    """Tokens per question and per answer of a source or run."""

    prompt: float
    answer: float


def prior_lengths(study: Study, sampling: Sampling | None = None) -> Lengths:
    """Lengths before any answer is there: Dolly's prompts and the mean answers of four models to
    them; those of the embedded world; for a conversation, what was said before counts as prompt."""
    if study.dataset.kind == "embedded":
        prompt, answer = 43.0, 26.0
    elif study.dataset.fields.messages:
        prompt, answer = 900.0, 400.0
    else:
        prompt, answer = 133.0, 250.0
    limit = sampling.max_new_tokens if sampling else answer
    return Lengths(min(prompt, study.prompting.max_prompt_tokens), min(answer, limit))


class WorkOf:
    """The work of any job of a study.

    Args:
        rows: how many rows the study has.
        lengths: measured lengths by source; others have the prior ones.
    """

    def __init__(self, study: Study, rows: Rows, lengths: Mapping[str, Lengths]) -> None:
        self.study, self.rows, self.lengths = study, rows, lengths
        self._kinds: dict[str, Callable[[Mapping[str, str]], Work]] = {
            "generate": self._generate, "pilot": self._pilot, "train": self._train,
            "respond": self._respond, "score_target": self._score_target, "pretrain": self._pretrain,
            "embed": self._embed, "measure": self._measure, "lengths": self._lengths,
            "score_fixed": self._score_fixed, "divergence": self._divergence,
            "collect": self._rows_of_source, "replay": self._rows_of_source,
            "human_source": self._rows_of_source, "source_card": self._rows_of_source,
            "mix": self._rows_of_mix, "mix_card": self._rows_of_mix,
            "robustness_respond": lambda w: _of(self.attacks.answers(w)),
            "robustness_judge": lambda w: _of(self.attacks.judgements(w, canaries=False)),
            "robustness_canaries": lambda w: _of(self.attacks.judgements(w, canaries=True)),
            "preference_summaries": lambda w: _of(self.preferences.summaries(w)),
            "preference_own_summaries": lambda w: _of(self.preferences.summaries(w)),
            "preference_judge": lambda w: _of(self.preferences.readings(w)),
            "preference_judge_gold": lambda w: _of(self.preferences.readings(w)),
        }  # fmt: skip
        prior = prior_lengths(study)
        self.attacks = Attacks(study, rows.sets["test"], prior.prompt, prior.answer)
        self.preferences = Preferences(study)

    @property
    def kinds(self) -> set[str]:
        """Kinds of jobs whose rows are known."""
        return set(self._kinds)

    def __call__(self, kind: str, wildcards: Mapping[str, str]) -> Work:
        """Work of a job; none to speak of for kinds that read what others made."""
        return self._kinds[kind](wildcards) if kind in self._kinds else Work()

    def of_source(self, source: str) -> Lengths:
        """Tokens per question and answer of a source."""
        sampling = None if source == HUMAN else self.study.sources[source].sampling
        return self.lengths.get(source) or prior_lengths(self.study, sampling)

    def of_mix(self, mix: str) -> Lengths:
        """Tokens per question and answer of a mix, which are those of its sources."""
        sources = [HUMAN] if mix == VANILLA else self.study.mix_sources(mix)
        each = [self.of_source(name) for name in sources]
        return Lengths(*(sum(values) / len(each) for values in zip(*map(_both, each), strict=True)))

    def _asked(self, prompts: int | None, lengths: Lengths) -> Work:
        if prompts is None:
            return Work(None, None, None)
        rows = prompts * self.rows.turns
        return Work(rows, rows * lengths.prompt, rows * lengths.answer)

    def _read(self, prompts: float | None, lengths: Lengths) -> Work:
        if prompts is None:
            return Work(None, None, None)
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
        """Runs by mix that a job loads a target for: one, or all of the target's."""
        if "seed" in wildcards:
            return {wildcards["mix"]: 1}
        return {mix: len(self.study.seeds_of(mix)) for mix in [VANILLA, *self.study.mixes]}

    def _respond(self, wildcards: Mapping[str, str]) -> Work:
        limit, each = self.study.responses.sampling.max_new_tokens, []
        for mix, runs in self._loaded(wildcards).items():
            lengths = self.of_mix(mix)
            shorter = Lengths(lengths.prompt, min(lengths.answer, limit))
            each.append(self._asked(self._answered(runs), shorter))
        return _together(each)

    def _score_target(self, wildcards: Mapping[str, str]) -> Work:
        test = self.rows.sets["test"]
        texts = 1 + self.study.responses.samples  # the human answers, and the run's own
        return _together(
            self._read(None if test is None else test * runs * texts, self.of_mix(mix))
            for mix, runs in self._loaded(wildcards).items()
        )

    def _score_fixed(self, wildcards: Mapping[str, str]) -> Work:
        """The human answers once, and one answer of every run."""
        test = self.rows.sets["test"]
        rows = test if test is None else test * (1 + self._runs())
        return self._read(rows if self.study.scoring.scorer else 0.0, prior_lengths(self.study))

    def _divergence(self, wildcards: Mapping[str, str]) -> Work:
        """Every run reads the same human answers."""
        test = self.rows.sets["test"]
        read = None if test is None else min(self.study.divergence.prompts, test) * self._runs()
        return self._read(read, self.of_source(HUMAN))

    def _runs(self) -> int:
        """Runs of a target, the untuned one among them."""
        return sum(len(self.study.seeds_of(mix)) for mix in [VANILLA, *self.study.mixes])

    def _train(self, wildcards: Mapping[str, str]) -> Work:
        training, rows = self.study.training, self.rows
        if rows.fit is None or rows.validation is None:
            return Work(None, None, None)
        learned = rows.fit * training.epochs
        # Checking a row takes about a third of learning it.
        checked = rows.validation * (training.evaluations + 1) / 3
        return self._read(learned + checked, self.of_mix(wildcards["mix"]))

    def _pretrain(self, wildcards: Mapping[str, str]) -> Work:
        size = self.study.tiny
        return self._read(size.steps * size.batch_size, prior_lengths(self.study))

    def _embed(self, wildcards: Mapping[str, str]) -> Work:
        test = self.rows.sets["test"]
        if test is None:
            return Work(None, None, None)
        rows = self._runs() * len(self.study.targets) * test * self.study.responses.samples
        return Work(rows, rows * min(256.0, prior_lengths(self.study).answer))

    def _measure(self, wildcards: Mapping[str, str]) -> Work:
        mix = wildcards.get("mix", VANILLA)
        rows = self._answered(len(self.study.seeds_of(mix)))
        return (
            Work(None, None, None) if rows is None else Work(rows, rows * self.of_mix(mix).answer)
        )

    def _lengths(self, wildcards: Mapping[str, str]) -> Work:
        if self.rows.train is None:
            return Work(None, None, None)
        each = [self.of_source(name) for name in self.study.used_sources()]
        tokens = sum(lengths.prompt + lengths.answer for lengths in each)
        return Work(self.rows.train * len(each), self.rows.train * self.rows.turns * tokens)

    def _rows_of_source(self, wildcards: Mapping[str, str]) -> Work:
        rows = self.rows.train
        return Work(None if rows is None else rows * self.rows.turns)

    def _rows_of_mix(self, wildcards: Mapping[str, str]) -> Work:
        return Work(self.rows.train)


def _of(numbers: tuple[float, float, float] | None) -> Work:
    return Work(None, None, None) if numbers is None else Work(*numbers)


def _together(works: Iterable[Work]) -> Work:
    each = list(works)
    if not all(work.known for work in each):
        return Work(None, None, None)
    return Work(
        *(sum(getattr(work, name) for work in each) for name in ("rows", "tokens_in", "tokens_out"))
    )


def _both(lengths: Lengths) -> tuple[float, float]:
    return lengths.prompt, lengths.answer
