"""The jobs with a model that a study consists of, without asking which of them is up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from manybaskets.config.study import HUMAN, VANILLA, Study
from manybaskets.machine import Needs
from manybaskets.plan.graph import PlannedJob

# Stages in the order of the data, by the kind of their jobs.
STAGES = {
    "pretrain": "models", "fetch_model": "models", "pilot": "pilots", "generate": "sources",
    "replay": "sources", "train": "training", "respond": "responses", "likelihood": "likelihood",
    "measure": "measures", "write_report": "report",
}  # fmt: skip


def expected_jobs(study: Study, needs: Needs, results: Path) -> list[PlannedJob]:
    """One entry for every job of the stages that take long, and for the report."""
    return list(_Jobs(study, needs, results).all())


class _Jobs:
    def __init__(self, study: Study, needs: Needs, results: Path) -> None:
        self.study, self.needs, self.results = study, needs, results
        self.sources = [name for name in study.used_sources() if name != HUMAN]

    def all(self) -> Iterator[PlannedJob]:
        yield from self._models()
        yield from self._of_sources()
        for target in self.study.targets:
            for mix in [VANILLA, *self.study.mixes]:
                yield from self._of_mix(target, mix)
        yield self._job("write_report", {}, ["report.html"])

    def _models(self) -> Iterator[PlannedJob]:
        used = [self.study.sources[name].model for name in self.sources]
        kinds = {"embedded": "pretrain", "hub": "fetch_model"}
        for name in dict.fromkeys([*filter(None, used), *self.study.targets]):
            kind = kinds.get(self.study.models[name].kind)
            if kind:
                yield self._job(kind, {"model": name}, [f"models/{name}"], f"models/{name}")

    def _of_sources(self) -> Iterator[PlannedJob]:
        for name in self.sources:
            source, folder, who = self.study.sources[name], f"sources/{name}", {"source": name}
            if source.engine.kind == "replay":
                yield self._job("replay", who, [f"{folder}/train.parquet"])
                continue
            if source.pilot.prompts:
                output, benchmark = f"{folder}/pilot.json", f"{folder}/pilot"
                yield self._job("pilot", who, [output], benchmark, source.model)
            for shard in range(source.shards):
                part = f"{shard}-of-{source.shards}"
                outputs = [f"{folder}/shards/{part}.{end}" for end in ("parquet", "usage.json")]
                each = who | {"shard": str(shard), "shards": str(source.shards)}
                yield self._job("generate", each, outputs, f"{folder}/{part}", source.model)

    def _of_mix(self, target: str, mix: str) -> Iterator[PlannedJob]:
        study, runs = self.study, f"runs/{target}/{mix}"
        who = {"target": target, "mix": mix}
        seeds = [f"{runs}/seed{seed}" for seed in study.seeds_of(mix)]
        for seed in seeds if mix != VANILLA else []:
            each = who | {"seed": seed.rsplit("seed", 1)[1]}
            yield self._job("train", each, [f"{seed}/adapter"], f"{seed}/train", target)
        answers = [f"{s}/responses/{p}.parquet" for s in seeds for p in study.all_prompt_sets()]
        yield self._job("respond", who, answers, f"{runs}/respond", target)
        scores = [f"{seed}/target-likelihood.parquet" for seed in seeds]
        yield self._job("likelihood", who, scores, f"{runs}/likelihood", target)
        measured = f"measures/{target}/{mix}"
        yield self._job("measure", who, [f"{measured}.parquet"], measured)

    def _job(
        self,
        kind: str,
        wildcards: dict[str, str],
        outputs: list[str],
        benchmark: str | None = None,
        model: str | None = None,
    ) -> PlannedJob:
        paths = [str(self.results / output) for output in outputs]
        training, precision = kind == "train", self.study.training.precision
        gpus = self.needs.gpus(model, precision, training=training) if model else 0
        missing = not all(Path(path).exists() for path in paths)
        return PlannedJob(
            kind, STAGES[kind], wildcards, paths,
            benchmark and str(self.results / f"benchmarks/{benchmark}.tsv"),
            missing, [], False, 1, gpus, [],
        )  # fmt: skip
