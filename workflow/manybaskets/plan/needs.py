"""Resources requested by each kind of job: GPUs, memory, time, cores."""

from __future__ import annotations

from typing import Any

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.sources import Source
from manybaskets.config.study import Study
from manybaskets.config.training import Training
from manybaskets.plan.machine import BASE_MB, ModelNeeds, ResourceRequest
from manybaskets.plan.training_memory import training_mb

# A job without a model, or with a remote model.
NO_MODEL = ResourceRequest(0, BASE_MB, 1.0)
_MINUTES_WITHOUT_MODEL = 60


class JobNeeds:
    """Resources of a study's jobs with a model.

    Args:
        models: resources of its models.
    """

    def __init__(self, study: Study, models: ModelNeeds) -> None:
        self.study, self.models = study, models

    def of_engine(self, model: str | None, engine: EngineSettings) -> ResourceRequest:
        """A job in which an engine runs a model.

        Args:
            model: an entry of `models`; None for a remote model.
        """
        if model is None:
            return NO_MODEL._replace(network=int(engine.remote))
        precision = engine.weights_format(self._precision)
        asked = self.models.request(
            model, precision, given=engine.gpus_given(), on_gpu=engine.needs_gpu
        )
        return asked._replace(network=int(engine.remote))

    def of_source(self, source: str) -> ResourceRequest:
        """A job in which a source answers."""
        return self.of_answerer(self.study.sources[source])

    def of_answerer(self, settings: Source) -> ResourceRequest:
        """A job in which something configured like a source answers."""
        return self.of_engine(settings.model, settings.engine)

    def of_target(self, target: str) -> ResourceRequest:
        """A job in which a target and its runs answer."""
        return self.of_engine(target, self.study.responses.engine)

    def of_judge(self, judge: str) -> ResourceRequest:
        """A job in which a judge scores answers; little for rules and human labels."""
        settings = self.study.judges[judge]
        if settings.kind == "model":
            return self.of_engine(settings.model, settings.engine)
        if settings.kind == "classifier":
            return self.models.request(settings.model, "float32")
        return NO_MODEL

    def judging_minutes(self, judge: str, minutes: int) -> int:
        """Time limit of a job in which a judge scores answers.

        Args:
            minutes: limit for a model of the usual size; rules and human labels take almost no
                time.
        """
        runs_model = self.study.judges[judge].task() is not None
        return self.of_judge(judge).minutes(minutes if runs_model else _MINUTES_WITHOUT_MODEL)

    def of_scoring(self, model: str | None) -> ResourceRequest:
        """A job in which the transformers library scores texts; little without a model."""
        return self.models.request(model, self._precision) if model else NO_MODEL

    def of_training(self, target: str) -> ResourceRequest:
        """A training run: one GPU per process, if there are GPUs; otherwise at least one core."""
        processes = self.study.training.batch_of(target).processes or 0
        asked = self.models.request(target, self._precision, training=True, given=processes)
        weights = self.models.parameters[target]
        own = self._launched_training().of_target(target, asked.gpus)
        memory_mb = training_mb(own, target, weights)
        return asked._replace(
            cores=max(asked.cores, processes),
            memory_on_cores_mb=max(asked.memory_on_cores_mb, memory_mb),
        )

    def training_recipe(self, target: str) -> dict[str, Any]:
        """Settings that determine a target's adapters: the recipe, with the rows per step."""
        own = self.study.training.of_target(target, self.of_training(target).gpus)
        left_out = ("seeds", "per_target")
        return {key: value for key, value in own.science().items() if key not in left_out}

    def training_operations(self) -> dict[str, Any]:
        """Launch settings of trainings: sharded if one GPU cannot hold the weights."""
        return self._launched_training().operations()

    def _launched_training(self) -> Training:
        held = {name: self.models.holds(name, self._precision) for name in self.study.targets}
        large = [name for name in self.study.targets if not held[name]]
        return self.study.training.sharded(large)

    @property
    def _precision(self) -> str:
        return self.study.training.precision
