"""LoRA runs: one adapter per target, mix and training seed."""


rule train:
    """Train one adapter; the checkpoint with the lowest validation loss is kept."""
    input:
        model=lambda w: model_input(w.target),
        train=path("mixes/{mix}/train.jsonl"),
        validation=path("mixes/{mix}/validation.jsonl"),
    output:
        directory(path("runs/{target}/{mix}/seed{seed}/adapter")),
    log:
        log_of("runs/{target}/{mix}/seed{seed}/train"),
    benchmark:
        benchmark_of("runs/{target}/{mix}/seed{seed}/train")
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=720,
    params:
        training=STUDY.training.model_dump(exclude={"seeds"}),
        prompting=STUDY.prompting.model_dump(),
        work=path("work/runs/{target}/{mix}/seed{seed}"),
        version=stage_version("train"),
    message:
        "Training {wildcards.target} on mix {wildcards.mix}, seed {wildcards.seed}"
    script:
        SCRIPTS / "train.py"
