"""Swap tests: would a measure of sets differ as much if two conditions changed answers?"""


rule swap:
    """Swap tests of all comparisons of a target, on the prompts that every run answered."""
    input:
        responses=lambda w: [
            f"{run_folder(w.target, mix, seed)}/responses/{name}.parquet"
            for mix, seed, name in swapped_runs()
        ],
        embeddings=vector_files("test"),
        matched=path("measures/matched.json"),
        split=path("data/split.parquet"),
        truth=truth_files(),
    output:
        path("statistics/swaps/{target}.parquet"),
    log:
        log_of("statistics/swaps/{target}"),
    benchmark:
        benchmark_of("statistics/swaps/{target}")
    wildcard_constraints:
        target=one_of(STUDY.targets),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        model=lambda w: w.target,
        families={
            name: family.model_dump() for name, family in swapped_families().items()
        },
        runs=swapped_runs(),
        seeds={mix: seeds_of(mix) for mix in [VANILLA, *STUDY.mixes]},
        swaps=STUDY.statistics.swaps,
        seed=STUDY.seed,
        version=stage_version("swap"),
    message:
        "Swapping the answers of {wildcards.target}"
    script:
        SCRIPTS / "swap.py"


use rule swap as swap_sources with:
    input:
        responses=[source_file(source) for source, _, _ in swapped_sources()],
        embeddings=vector_files(TRAIN),
        matched=path("sources/matched.json"),
        split=path("data/split.parquet"),
        truth=truth_files(),
    output:
        path("statistics/swaps/sources.parquet"),
    log:
        log_of("statistics/swaps/sources"),
    benchmark:
        benchmark_of("statistics/swaps/sources")
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        model="sources",
        families={
            name: family.model_dump()
            for name, family in swapped_families(sources=True).items()
        },
        runs=swapped_sources(),
        seeds={name: [0] for name in STUDY.described_sources()},
        swaps=STUDY.statistics.swaps,
        seed=STUDY.seed,
        version=stage_version("swap"),
    message:
        "Swapping the answers of the sources"
