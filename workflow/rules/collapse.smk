"""Collapse: sentence vectors, all measures of every run, swap tests, growth of the vocabulary."""


rule embed:
    """Sentence vectors of all answers to a prompt set, each distinct sentence once."""
    input:
        responses=lambda w: FILES.answers_to(w.prompt_set),
        split=lambda w: only_if(w.prompt_set == TEST, FILES.data.split()),
    output:
        vectors=FILES.measures.vectors(),
        index=FILES.measures.vector_keys(),
    log:
        FILES.log("embeddings/{prompt_set}"),
    benchmark:
        FILES.benchmark("embeddings/{prompt_set}")
    wildcard_constraints:
        prompt_set="test|train",
    conda:
        ENVS / "main.yaml"
    # Those of the embedded study leave a small machine's other core to other jobs.
    threads: 1 if EMBEDDED else 2
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        embedding=STUDY.embedding.model_dump(),
        work=str(FILES.measures.vectors_work()),
        version=stage_version("embed"),
    message:
        "Encoding the sentences of answers to {wildcards.prompt_set}"
    script:
        SCRIPTS / "embed.py"


rule match_runs:
    """Prompts that every run answered, the words of their shortest answers and of the shortest run."""
    input:
        FILES.runs.all_responses(),
    output:
        FILES.measures.matched(),
    log:
        FILES.log("measures/matched"),
    conda:
        WORDS_ENV
    params:
        **WORDS,
        prompt_sets=[name for _ in FILES.runs.all() for name in PROMPT_SETS],
        version=stage_version("match_runs"),
    message:
        "Matching the prompts of all runs"
    script:
        SCRIPTS / "match_runs.py"


rule measure:
    """All measures of all seeds of a mix, as long-form rows."""
    input:
        responses=lambda w: [
            FILES.runs.responses(w.target, w.mix, seed, name)
            for seed in STUDY.seeds_of(w.mix)
            for name in PROMPT_SETS
        ],
        likelihoods=lambda w: [
            FILES.runs.likelihood(w.target, w.mix, seed)
            for seed in STUDY.seeds_of(w.mix)
        ],
        embeddings=only_if(reads_vectors(STUDY, TEST), FILES.measures.vectors(TEST)),
        matched=FILES.measures.matched(),
        split=FILES.data.split(),
        truth=FILES.data.truths(),
    output:
        FILES.measures.rows(),
    log:
        FILES.log("measures/{target}/{mix}"),
    benchmark:
        FILES.benchmark("measures/{target}/{mix}")
    conda:
        WORDS_ENV
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        seeds=lambda w: STUDY.seeds_of(w.mix),
        prompt_sets=PROMPT_SETS,
        measures={name: measured_names(STUDY, name) for name in PROMPT_SETS},
        draws=STUDY.statistics.half_samples,
        seed=STUDY.seed,
        version=stage_version("measure"),
    message:
        "Measuring {wildcards.target} tuned on {wildcards.mix}"
    script:
        SCRIPTS / "measure.py"


rule swap:
    """Swap tests of all comparisons of a target, on the prompts that every run answered."""
    input:
        responses=lambda w: [
            FILES.runs.responses(w.target, *run) for run in swapped_runs(STUDY)
        ],
        embeddings=only_if(reads_vectors(STUDY, TEST), FILES.measures.vectors(TEST)),
        matched=FILES.measures.matched(),
        split=FILES.data.split(),
        truth=FILES.data.truths(),
    output:
        FILES.statistics.swaps("{target}"),
    log:
        FILES.log("statistics/swaps/{target}"),
    benchmark:
        FILES.benchmark("statistics/swaps/{target}")
    wildcard_constraints:
        target=one_of(STUDY.targets),
    conda:
        WORDS_ENV
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        model=lambda w: w.target,
        families={
            name: family.model_dump()
            for name, family in swapped_families(STUDY).items()
        },
        runs=swapped_runs(STUDY),
        seeds={mix: STUDY.seeds_of(mix) for mix in FILES.runs.mixes()},
        swaps=STUDY.statistics.answer_swaps,
        seed=STUDY.seed,
        version=stage_version("swap"),
    message:
        "Running swap tests for {wildcards.target}"
    script:
        SCRIPTS / "swap.py"


rule growth:
    """Distinct words against words, of every run and of every described source."""
    input:
        responses=FILES.answers_to(TEST),
        matched=only_if(STUDY.targets, FILES.measures.matched()),
        sources=FILES.answers_to(TRAIN),
        matched_sources=only_if(STUDY.source_analysis, FILES.sources.matched()),
    output:
        FILES.statistics.table("growth"),
    log:
        FILES.log("statistics/growth"),
    benchmark:
        FILES.benchmark("statistics/growth")
    conda:
        WORDS_ENV
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        conditions=[[*run, TEST] for run in FILES.runs.all()]
        + [["sources", name, 0, TRAIN] for name in STUDY.analysed_sources()],
        version=stage_version("growth"),
    message:
        "Computing vocabulary growth"
    script:
        SCRIPTS / "growth.py"
