"""Scores on benchmarks: by an evaluation harness or ready, and compared, also with published numbers."""

from manybaskets.experiments.benchmarks.files import BenchmarkFiles
from manybaskets.experiments.benchmarks.own_runs import harness_tasks, with_runs

BENCHMARKS = FILES.stage(BenchmarkFiles)
BENCHMARK_LOAD = BENCHMARKS.load()
EVALUATED = BENCHMARKS.evaluated()

if STUDY.benchmarks.harness and STUDY.benchmarks.harness.world_facts:

    rule benchmarks_facts:
        """Questions about the embedded world as a task of the harness."""
        output:
            task=BENCHMARKS.facts(),
            data=BENCHMARKS.fact_items(),
        log:
            FILES.log("benchmarks/world_facts"),
        localrule: True
        conda:
            ENVS / "light.yaml"
        params:
            towns=STUDY.dataset.towns,
            seed=STUDY.seed,
            version=stage_version("benchmarks_facts"),
        message:
            "Writing questions about the embedded world"
        script:
            SCRIPTS / "benchmarks_facts.py"


if STUDY.benchmarks.harness:

    rule benchmarks_run:
        """A run, or with one load all runs of a target, on all benchmarks."""
        input:
            model=lambda w: FILES.models.folder(w.target),
            adapters=lambda w: FILES.runs.adapters(w.target, BENCHMARK_LOAD.handled(w)),
            tasks=BENCHMARKS.task_files(),
        output:
            BENCHMARK_LOAD.files(BENCHMARKS.run_results, BENCHMARKS.run_items),
        log:
            FILES.log(f"benchmarks/{BENCHMARK_LOAD.name}"),
        benchmark:
            FILES.benchmark(f"benchmarks/{BENCHMARK_LOAD.name}")
        wildcard_constraints:
            target=one_of(STUDY.targets),
            mix=one_of(FILES.runs.mixes()),
        conda:
            ENVS / "harness.yaml"
        threads: lambda w: cores(NEEDS.of_scoring(w.target))
        resources:
            gpu=lambda w: NEEDS.of_scoring(w.target).gpus,
            mem_mb=lambda w: NEEDS.of_scoring(w.target).memory_mb,
            runtime=lambda w: NEEDS.of_scoring(w.target).minutes(
                BENCHMARK_LOAD.minutes(w, 240, 120)
            ),
        params:
            model=lambda w: w.target,
            runs=lambda w: BENCHMARK_LOAD.handled(w),
            tasks={
                name: harness_tasks(STUDY.benchmarks)[name].model_dump()
                for name in STUDY.benchmarks.harness.tasks
            },
            own_tasks=(
                str(BENCHMARKS.facts().parent)
                if STUDY.benchmarks.harness.world_facts
                else None
            ),
            harness=STUDY.benchmarks.harness.science(),
            precision=STUDY.training.precision,
            seed=STUDY.seed,
            work=str(BENCHMARKS.harness_work()),
            version=stage_version("benchmarks_run"),
        message:
            f"Benchmarks are answered by {named(BENCHMARK_LOAD)}"
        script:
            SCRIPTS / "benchmarks_run.py"

    use rule benchmarks_run as benchmarks_model with:
        input:
            model=lambda w: FILES.models.folder(w.model),
            adapters=[],
            tasks=BENCHMARKS.task_files(),
        output:
            BENCHMARKS.run_results("{model}", VANILLA, 0),
            BENCHMARKS.run_items("{model}", VANILLA, 0),
        log:
            FILES.log("benchmarks/{model}"),
        benchmark:
            FILES.benchmark("benchmarks/{model}")
        wildcard_constraints:
            model=one_of(set(STUDY.benchmarks.harness.models) - set(STUDY.targets)),
        threads: lambda w: cores(NEEDS.of_scoring(w.model))
        resources:
            gpu=lambda w: NEEDS.of_scoring(w.model).gpus,
            mem_mb=lambda w: NEEDS.of_scoring(w.model).memory_mb,
            runtime=lambda w: NEEDS.of_scoring(w.model).minutes(240),
        params:
            model=lambda w: w.model,
            runs=[(VANILLA, 0)],
            tasks={
                name: harness_tasks(STUDY.benchmarks)[name].model_dump()
                for name in STUDY.benchmarks.harness.tasks
            },
            own_tasks=(
                str(BENCHMARKS.facts().parent)
                if STUDY.benchmarks.harness.world_facts
                else None
            ),
            harness=STUDY.benchmarks.harness.science(),
            precision=STUDY.training.precision,
            seed=STUDY.seed,
            work=str(BENCHMARKS.harness_work("{model}")),
            version=stage_version("benchmarks_run"),
        message:
            "Benchmarks are answered by {wildcards.model}"


rule benchmarks_statistics:
    """Scores and averages with intervals, differences, agreement, grids and curves."""
    input:
        scores=BENCHMARKS.result_files(),
        results=[BENCHMARKS.run_results(*run) for run in EVALUATED],
        samples=[BENCHMARKS.run_items(*run) for run in EVALUATED],
        published=only_if(
            STUDY.benchmarks.published,
            STUDY.benchmarks.published
            and shipped(f"resources/{STUDY.benchmarks.published.path}"),
        ),
    output:
        FILES.statistics.tables(EXPERIMENTS.get("benchmarks").statistics(STUDY)),
    log:
        FILES.log("statistics/benchmarks"),
    benchmark:
        FILES.benchmark("statistics/benchmarks")
    conda:
        ENVS / "light.yaml"
    params:
        section=with_runs(STUDY).model_dump(),
        evaluated=BENCHMARKS.evaluated_models(),
        statistics=STUDY.statistics.model_dump(
            include={"confidence", "bootstrap_resamples", "sign_flips"}
        ),
        seed=STUDY.seed,
        version=stage_version("benchmarks_statistics"),
    message:
        "Comparing the scores on benchmarks"
    script:
        SCRIPTS / "benchmarks_statistics.py"
