"""Sources of ready answers: no model runs."""

try:
    GIVEN_ANSWERS = given_answers(STUDY, ABSENT)
except UserError as error:
    raise WorkflowError(f"\n{error}") from None


rule fetch_answers:
    """Fetch ready answers from a dataset of the hub at its revision; needs the network."""
    output:
        FILES.sources.given_answers(),
    log:
        FILES.log("sources/{source}/answers"),
    wildcard_constraints:
        source=sources_that(generate=False),
    localrule: True
    conda:
        ENVS / "main.yaml"
    params:
        engine=lambda w: STUDY.sources[w.source].engine.science(),
        version=stage_version("fetch_answers"),
    message:
        "Fetching the answers of source {wildcards.source}"
    script:
        SCRIPTS / "fetch_answers.py"


rule replay:
    """Ready answers, matched to the training prompts by content."""
    input:
        prompts=FILES.data.prompts(TRAIN),
        answers=lambda w: GIVEN_ANSWERS.get(w.source)
        or FILES.sources.given_answers(w.source),
    output:
        responses=FILES.sources.answers(),
        quarantine=FILES.sources.quarantine(),
    log:
        FILES.log("sources/{source}/replay"),
    wildcard_constraints:
        source=sources_that(generate=False),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=lambda w: max(
            DATASET_MB,
            rows_mb(
                getattr(STUDY.dataset, "path", None),
                GIVEN_ANSWERS.get(w.source) or FILES.sources.given_answers(w.source),
            ),
        ),
    params:
        source=lambda w: STUDY.sources[w.source].science(),
        version=stage_version("replay"),
    message:
        "Source {wildcards.source} answers the training prompts from {input.answers}"
    script:
        SCRIPTS / "replay.py"
