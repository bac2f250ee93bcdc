"""Prior durations of jobs, in one table.

Where they come from:

- GPUs are H100s. Speeds are tokens per second, times billions of parameters, per GPU: twice the
  parameters take twice as long. vLLM: a 72B model wrote and read 3,163 tokens per second on four
  GPUs (WILDCHAT-50M's slowest). Transformers: Llama 8B, batches of 32 rows of 383 tokens in 44 s;
  smaller batches as measured at 16 and 8. Training: 13 million tokens in 50 minutes on two GPUs for
  the 8B, in 11 hours on four for the 70B, whose layers are distributed over them ("Synthetic Eggs
  in Many Baskets", rows of at most 1,024 tokens). WILDCHAT-50M tuned all weights of an 8B on packed
  sequences of 8,192 tokens with fused kernels in 5.5 hours on four, about 2.5 times as fast. Scoring
  is a third of training; comparing distributions is scoring, and a fifth for the distributions
  themselves.
- Embedded models: measured on two cores of a cloud machine, at the size of config/config.yaml.
- Loading: 1 GB of weights per second, and a minute for vLLM to compile.
- A server: two seconds and 60 tokens per second for every answer, with the concurrency of the
config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.study import Study
from manybaskets.experiments import JobProfile, Work, job_profiles
from manybaskets.plan.graph import PlannedJob

CPU, GPU, NETWORK = "cpu", "gpu", "network"
BYTES_PER_WEIGHT = {"float32": 4.0, "bfloat16": 2.0, "fp8": 1.0}


@dataclass(frozen=True)
class Speed:
    """A prior: seconds before the first token, then tokens per second."""

    setup: float
    rate: float


# A model's task in the jobs of a rule. A new rule with a model needs a line here, and one in
# `plan/work.py` with its rows and tokens; a rule of an experiment needs a `JobProfile` instead.
# Without them the plan shows its time as unknown.
TASKS = {
    "pilot": "answer", "generate": "answer", "respond": "answer", "pretrain": "pretrain",
    "train": "train",
    "score_target": "likelihood", "score_fixed": "likelihood", "divergence": "divergence",
}  # fmt: skip

# Jobs that fetch files: limited by the network.
FETCHES = {"fetch_model", "fetch_gguf", "fetch_dataset", "fetch_answers"}

# Embedded models at the size of config/config.yaml, on a core: tokens per second.
EMBEDDED = {
    "pretrain": Speed(4.0, 15_500.0),
    "answer": Speed(4.7, 12_000.0),
    "train": Speed(6.0, 12_500.0),
    "likelihood": Speed(4.8, 46_000.0),
    "divergence": Speed(6.0, 25_000.0),
}
# Tokens per second, times billions of parameters, per GPU; seconds in addition to loading the
# weights. Answering engines define their own (`EngineSettings.speed`).
ON_GPU = {
    "train": Speed(40.0, 17_300.0),
    "train over several GPUs": Speed(90.0, 6_000.0),
    "likelihood": Speed(20.0, 50_000.0),
    "divergence": Speed(20.0, 40_000.0),
}
# The same for a model without a GPU, per core.
ON_CORES = {
    "answer": Speed(10.0, 15.0), "train": Speed(15.0, 5.0),
    "likelihood": Speed(10.0, 15.0), "divergence": Speed(10.0, 12.0),
}  # fmt: skip
# Seconds of a job without a model, plus seconds per row and per token.
LIGHT = {
    "embed": (6.0, 0.0, 1 / 6_000),
    "measure": (0.6, 0.0, 1 / 50_000),
    "lengths": (3.0, 0.0, 1 / 300_000),
    "collect": (1.5, 1e-4, 0.0),
    "replay": (1.5, 3e-4, 0.0),
    "summarise": (3.4, 0.0, 0.0),
    "swap": (12.0, 0.0, 0.0),
    "similarity": (4.5, 0.0, 0.0),
    "topics": (15.0, 0.0, 0.0),
    "published_procedures": (43.0, 0.0, 0.0),
    "source_map": (3.4, 0.0, 0.0),
    "figure": (2.0, 0.0, 0.0),
    "write_report": (2.0, 0.0, 0.0),
}
OTHER = (1.2, 5e-5, 0.0)
BYTES_PER_SECOND_LOADED, BYTES_PER_SECOND_FETCHED = 1e9, 1e8
SECONDS_TO_FETCH_ROWS = 60.0
SECONDS_PER_ANSWER, TOKENS_PER_SECOND_SERVED = 2.0, 60.0
# A partially filled batch is slower by less than its missing share.
_UNFILLED, _SMALL_BATCH, _BATCH = 2 / 3, 0.8, 32
_NO_PROFILE = JobProfile()
_EMBEDDED_WEIGHTS = 12 * 2 * 128**2 + 1024 * 128


@dataclass(frozen=True)
class Seconds:
    """Seconds of a job: before its first token (`setup`), and proportional to its work."""

    setup: float
    work: float

    @property
    def total(self) -> float:
        """The sum of both."""
        return self.setup + self.work


def _measured(task: str, engine: EngineSettings | None) -> bool:
    """Whether a prior is known: an answering engine may never have been measured."""
    return task != "answer" or engine is None or engine.remote or engine.speed is not None


class Priors:
    """Seconds of any job of a study from the table above.

    Args:
        sizes: number of parameters of every model; None for embedded models.
    """

    def __init__(self, study: Study, sizes: Mapping[str, float | None]) -> None:
        self.study, self.sizes = study, sizes
        self.profiles = job_profiles(study)
        tiny = study.embedded_model_size
        weights = 12 * tiny.layers * tiny.hidden**2 + tiny.vocabulary * tiny.hidden
        self._tiny = weights / _EMBEDDED_WEIGHTS

    def __call__(self, job: PlannedJob, work: Work) -> Seconds:
        """Prior seconds of a job."""
        task, rate = self.task_of(job), 1.0
        if job.rule in ("fetch_model", "fetch_gguf"):
            return Seconds(
                10.0, self.weight_bytes(job.wildcards["model"]) / BYTES_PER_SECOND_FETCHED
            )
        if self._fetches(job):
            return Seconds(5.0, SECONDS_TO_FETCH_ROWS)
        engine = self.engine_of(job)
        if task is None or not _measured(task, engine):
            own = self._profile(job).seconds
            setup, per_row, per_token = own or LIGHT.get(job.rule, OTHER)
            return Seconds(setup, (work.rows or 0) * per_row + work.tokens * per_token)
        if engine is not None and engine.remote:
            each = SECONDS_PER_ANSWER * (work.rows or 0)
            each += (work.tokens_out or 0) / TOKENS_PER_SECOND_SERVED
            return Seconds(2.0, each / (engine.concurrent_rows() or self._batch(job)))
        model = self.model_of(job)
        size = self.sizes.get(model) if model else None
        if size is None:
            speed, rate = EMBEDDED[task], 1 / self._tiny
            setup = speed.setup
        elif job.gpus:
            speed = self._on_gpu(task, job, engine)
            rate, setup = job.gpus * 1e9 / size, speed.setup + self.loading(model)
        else:
            speed = ON_CORES[task]
            rate, setup = job.cores * 1e9 / size, speed.setup + self.loading(model)
        slower = self._slower(job, work, engine) if task == "answer" else 1.0
        return Seconds(setup, work.tokens * slower / (speed.rate * rate))

    def knows(self, job: PlannedJob) -> bool:
        """Whether the table has a prior for a job; jobs with GPUs are not treated as other jobs."""
        task = self.task_of(job)
        if task is None:
            return bool(not job.gpus or job.rule in LIGHT or self._profile(job).seconds)
        return _measured(task, self.engine_of(job))

    @property
    def tasks(self) -> dict[str, str]:
        """A model's task by kind of job."""
        own = {kind: each.task for kind, each in self.profiles.items() if each.task}
        return TASKS | own

    def task_of(self, job: PlannedJob) -> str | None:
        """A model's task in a job; None for jobs without a model."""
        if job.rule == "score_fixed" and not self.study.scoring.scorer:
            return None
        task = self.tasks.get(job.rule)
        if "judge" in job.wildcards and task == "answer":
            return self.study.judges[job.wildcards["judge"]].task()
        return task

    def model_of(self, job: PlannedJob) -> str | None:
        """The model that a job runs."""
        if job.rule == "score_fixed":
            return self.study.scoring.scorer
        named = self._profile(job).model
        if named:
            return named(job.wildcards)
        if "source" in job.wildcards:
            return self.study.sources[job.wildcards["source"]].model
        if "judge" in job.wildcards:
            return getattr(self.study.judges[job.wildcards["judge"]], "model", None)
        return job.wildcards.get("target") or job.wildcards.get("model")

    def engine_of(self, job: PlannedJob):
        """The answering engine of a job, or None."""
        if job.rule in ("generate", "pilot"):
            return self.study.sources[job.wildcards["source"]].engine
        named = self._profile(job).engine
        if named:
            return named(job.wildcards)
        if "judge" in job.wildcards:
            return getattr(self.study.judges[job.wildcards["judge"]], "engine", None)
        return self.study.responses.engine if job.rule == "respond" else None

    def device_of(self, job: PlannedJob) -> str:
        """The resource that determines a job's speed: cores, GPUs or the network."""
        engine = self.engine_of(job)
        if self._fetches(job) or (engine is not None and engine.remote):
            return NETWORK
        return GPU if job.gpus else CPU

    def loading(self, model: str) -> float:
        """Seconds until the weights are in memory."""
        return self.weight_bytes(model) / BYTES_PER_SECOND_LOADED

    def weight_bytes(self, model: str) -> float:
        """Bytes of a model's weights on disk."""
        size = self.sizes[model]
        if size is None:
            return 4 * _EMBEDDED_WEIGHTS * self._tiny
        return size * BYTES_PER_WEIGHT["bfloat16"]

    def _on_gpu(self, task: str, job: PlannedJob, engine: EngineSettings | None) -> Speed:
        if task == "answer":
            return Speed(*engine.speed)
        # A model whose weights fill more than half a GPU is distributed over several.
        spread = self.weight_bytes(self.model_of(job)) > 50e9
        several = task == "train" and job.gpus > 1 and spread
        return ON_GPU["train over several GPUs" if several else task]

    def _slower(self, job: PlannedJob, work: Work, engine: EngineSettings) -> float:
        """Slowdown compared with full batches of 32, or with all rows of an engine's batch."""
        full, batch = engine.concurrent_rows(), 1.0
        if full is None:
            full = self._batch(job)
            batch = (_BATCH / full) ** _SMALL_BATCH if job.gpus else 1.0
        rows = work.rows or full
        return batch * max(1.0, full / max(rows, 1.0)) ** _UNFILLED

    def _batch(self, job: PlannedJob) -> int:
        if "source" in job.wildcards:
            return self.study.sources[job.wildcards["source"]].batch_size
        if "judge" in job.wildcards:
            return self.study.judges[job.wildcards["judge"]].batch_size
        if job.rule in self.profiles:
            return self.profiles[job.rule].batch_size
        return self.study.responses.batch_size

    def asked_in(self, job: PlannedJob) -> tuple[str, str] | None:
        """The recipient of a job's requests as wildcard and value, such as `source` and its name."""
        keys = ("source", "judge", self._profile(job).asks)
        return next(((key, job.wildcards[key]) for key in keys if key in job.wildcards), None)

    def leaves_answers(self, job: PlannedJob) -> bool:
        """Whether a job writes answers and their journal."""
        return job.rule in ("generate", "respond") or self._profile(job).counts_rows

    def _profile(self, job: PlannedJob) -> JobProfile:
        return self.profiles.get(job.rule, _NO_PROFILE)

    def _fetches(self, job: PlannedJob) -> bool:
        return job.rule in FETCHES or self._profile(job).fetches
