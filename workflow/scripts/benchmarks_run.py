"""Rule `benchmarks_run`: runs of a model on benchmarks, by lm-evaluation-harness."""

from pathlib import Path

from manybaskets.generation.runs import adapters_of, check_made_for
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.experiments.benchmarks.harness import evaluate
    from manybaskets.experiments.benchmarks.settings import Benchmark, HarnessRun

    inputs, params = snakemake.input, snakemake.params
    runs = [(mix, seed) for mix, seed in params.runs]
    adapters = adapters_of(runs, [Path(folder) for folder in inputs.adapters])
    for (mix, seed), adapter in zip(runs, adapters, strict=True):
        if adapter is not None:
            check_made_for(adapter, params.model, mix, seed)
    outputs = [Path(file) for file in snakemake.output]
    evaluate(
        model=Path(inputs.model),
        runs=[(f"{mix}/seed{seed}", a) for (mix, seed), a in zip(runs, adapters, strict=True)],
        tasks={name: Benchmark(**task) for name, task in params.tasks.items()},
        settings=HarnessRun.assembled(params.harness, snakemake.config["operations"]["benchmarks"]),
        precision=params.precision,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
        seed=params.seed,
        work=Path(params.work),
        own_tasks=Path(params.own_tasks) if params.own_tasks else None,
        outputs=list(zip(outputs[::2], outputs[1::2], strict=True)),
    )
