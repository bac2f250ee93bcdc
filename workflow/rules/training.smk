"""LoRA runs: one adapter per target, mix and training seed."""


rule train:
    """Train one adapter, on one device or several; the job itself picks its checkpoint."""
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
    threads: lambda w: training_threads(w.target)
    resources:
        gpu=lambda w: training_needs(w.target).gpus,
        mem_mb=lambda w: training_needs(w.target).memory_mb,
        runtime=lambda w: training_needs(w.target).minutes(720),
    params:
        training=lambda w: training_recipe(w.target),
        prompting=STUDY.prompting.model_dump(),
        work=path("work/runs/{target}/{mix}/seed{seed}"),
        version=stage_version("train"),
    message:
        "Training {wildcards.target} on mix {wildcards.mix}, seed {wildcards.seed}"
    script:
        SCRIPTS / "train.py"
