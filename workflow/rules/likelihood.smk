"""Likelihoods of human answers and of every run's own, and how far apart runs' distributions are."""


rule score_target:
    """Human answers under a run; its own under the untuned target and under itself."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(w.target, FILES.load.handled(w)),
        responses=FILES.load.files(partial(FILES.runs.responses, prompt_set=TEST)),
        prompts=FILES.data.prompts(TEST),
        split=FILES.data.split(),
    output:
        FILES.load.files(FILES.runs.target_likelihood),
    log:
        FILES.log(f"runs/{FILES.load.name}/likelihood"),
    benchmark:
        FILES.benchmark(f"runs/{FILES.load.name}/likelihood")
    wildcard_constraints:
        mix=one_of(FILES.runs.mixes()),
    conda:
        ENVS / "main.yaml"
    threads: lambda w: cores(NEEDS.of_scoring(w.target))
    resources:
        gpu=lambda w: NEEDS.of_scoring(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_scoring(w.target)),
        runtime=lambda w: NEEDS.of_scoring(w.target).minutes(
            FILES.load.minutes(w, 120, 40)
        ),
    params:
        runs=lambda w: FILES.load.handled(w),
        scoring=STUDY.scoring.model_dump(include={"batch_tokens", "first_tokens"}),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        precision=STUDY.training.precision,
        work=str(FILES.runs.likelihood_work()),
        version=stage_version("score_target"),
    message:
        f"Human and own answers are scored by {named(FILES.load)}"
    script:
        SCRIPTS / "score_target.py"


rule score_fixed:
    """The same answers under the fixed scorer, of all runs of a target with one load of it."""
    input:
        model=FILES.models.scorer(),
        scored=[
            FILES.runs.target_likelihood("{target}", *run)
            for run in FILES.runs.of_target()
        ],
        responses=[
            FILES.runs.responses("{target}", *run, TEST)
            for run in FILES.runs.of_target()
        ],
        prompts=FILES.data.prompts(TEST),
        split=FILES.data.split(),
    output:
        [FILES.runs.likelihood("{target}", *run) for run in FILES.runs.of_target()],
    log:
        FILES.log("runs/{target}/scorer"),
    benchmark:
        FILES.benchmark("runs/{target}/scorer")
    conda:
        ENVS / "main.yaml"
    threads: lambda w: cores(NEEDS.of_scoring(STUDY.scoring.scorer))
    resources:
        gpu=NEEDS.of_scoring(STUDY.scoring.scorer).gpus,
        mem_mb=lambda w: memory(NEEDS.of_scoring(STUDY.scoring.scorer)),
        runtime=NEEDS.of_scoring(STUDY.scoring.scorer).minutes(120),
    params:
        runs=FILES.runs.of_target(),
        name=STUDY.scoring.scorer,
        scoring=STUDY.scoring.model_dump(include={"batch_tokens", "first_tokens"}),
        prompting=STUDY.prompting_of(STUDY.scoring.scorer).model_dump(),
        precision=STUDY.training.precision,
        work=str(FILES.runs.scorer_work()),
        version=stage_version("score_fixed"),
    message:
        "Scoring the answers of {wildcards.target} with the fixed scorer"
    script:
        SCRIPTS / "score_fixed.py"


rule divergence:
    """Divergence of the next-token distributions of a target's runs along human answers."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        adapters=FILES.runs.adapters("{target}", FILES.runs.of_target()),
        prompts=FILES.data.prompts(TEST),
        split=FILES.data.split(),
    output:
        FILES.measures.divergence(),
    log:
        FILES.log("divergence/{target}"),
    benchmark:
        FILES.benchmark("divergence/{target}")
    conda:
        ENVS / "main.yaml"
    threads: lambda w: cores(NEEDS.of_scoring(w.target))
    resources:
        gpu=lambda w: NEEDS.of_scoring(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_scoring(w.target)),
        runtime=lambda w: NEEDS.of_scoring(w.target).minutes(240),
    params:
        prompts=STUDY.divergence.prompts,
        mixes={name: mix.composition for name, mix in STUDY.mixes.items()},
        seeds={name: STUDY.seeds_of(name) for name in STUDY.mixes},
        batch_tokens=STUDY.scoring.batch_tokens,
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        version=stage_version("divergence"),
    message:
        "Comparing the distributions of all runs of {wildcards.target}"
    script:
        SCRIPTS / "divergence.py"


rule summarise_divergence:
    """Mean divergence of every two mixes, with intervals."""
    input:
        [FILES.measures.divergence(target) for target in STUDY.targets],
    output:
        FILES.statistics.table("divergence"),
    log:
        FILES.log("statistics/divergence"),
    benchmark:
        FILES.benchmark("statistics/divergence")
    conda:
        ENVS / "light.yaml"
    params:
        statistics=STUDY.statistics.model_dump(
            include={"confidence", "bootstrap_resamples"}
        ),
        seed=STUDY.seed,
        version=stage_version("divergence"),
    message:
        "Computing intervals of the divergences"
    script:
        SCRIPTS / "summarise_divergence.py"
