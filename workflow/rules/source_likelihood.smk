"""Likelihood of the sources' answers to validation prompts, under every run."""

from manybaskets.experiments.source_likelihood.files import SourceLikelihoodFiles

SOURCE_LIKELIHOOD = FILES.stage(SourceLikelihoodFiles)
SOURCE_LIKELIHOOD_LOAD = SOURCE_LIKELIHOOD.load()


rule source_likelihood_score:
    """The sources' held-out answers under a run, or with one load under all runs of a target."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(
            w.target, SOURCE_LIKELIHOOD_LOAD.handled(w)
        ),
        prompts=FILES.data.prompts(TRAIN),
        split=FILES.data.split(),
        eligible=FILES.mixes.eligible(),
        answers=[FILES.sources.answers(name) for name in SOURCE_LIKELIHOOD.sources()],
    output:
        SOURCE_LIKELIHOOD_LOAD.files(SOURCE_LIKELIHOOD.scores),
    log:
        FILES.log(f"source-likelihood/{SOURCE_LIKELIHOOD_LOAD.name}"),
    benchmark:
        FILES.benchmark(f"source-likelihood/{SOURCE_LIKELIHOOD_LOAD.name}")
    wildcard_constraints:
        mix=one_of(FILES.runs.mixes()),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: NEEDS.of_scoring(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_scoring(w.target)),
        runtime=lambda w: NEEDS.of_scoring(w.target).minutes(
            SOURCE_LIKELIHOOD_LOAD.minutes(w, 120, 40)
        ),
    params:
        runs=lambda w: SOURCE_LIKELIHOOD_LOAD.handled(w),
        sources=SOURCE_LIKELIHOOD.sources(),
        chosen=STUDY.source_likelihood.prompts,
        scoring=STUDY.scoring.model_dump(include={"batch_tokens", "first_tokens"}),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        version=stage_version("source_likelihood_score"),
    message:
        f"The sources' held-out answers are scored by {named(SOURCE_LIKELIHOOD_LOAD)}"
    script:
        SCRIPTS / "source_likelihood_score.py"


rule source_likelihood_changes:
    """How training changes these likelihoods, with intervals."""
    input:
        [SOURCE_LIKELIHOOD.scores(*run) for run in SOURCE_LIKELIHOOD.all_runs()],
    output:
        FILES.statistics.tables(EXPERIMENTS.get("source_likelihood").statistics(STUDY)),
    log:
        FILES.log("statistics/source-likelihood"),
    benchmark:
        FILES.benchmark("statistics/source-likelihood")
    conda:
        ENVS / "light.yaml"
    params:
        runs=SOURCE_LIKELIHOOD.all_runs(),
        shares=source_shares(STUDY),
        statistics=STUDY.statistics.model_dump(
            include={"confidence", "bootstrap_resamples"}
        ),
        seed=STUDY.seed,
        version=stage_version("source_likelihood_changes"),
    message:
        "Comparing the likelihoods of the sources' answers"
    script:
        SCRIPTS / "source_likelihood_changes.py"
