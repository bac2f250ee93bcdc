"""LoRA runs: one adapter per target, mix and training seed."""


rule train:
    """Train one adapter, on one device or several; the job itself picks its checkpoint."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        train=FILES.mixes.train(),
        validation=FILES.mixes.validation(),
    output:
        directory(FILES.runs.adapter()),
    log:
        FILES.log("runs/{target}/{mix}/seed{seed}/train"),
    benchmark:
        FILES.benchmark("runs/{target}/{mix}/seed{seed}/train")
    conda:
        ENVS / "main.yaml"
    threads: lambda w: cores(NEEDS.of_training(w.target))
    resources:
        gpu=lambda w: NEEDS.of_training(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_training(w.target)),
        runtime=lambda w: NEEDS.of_training(w.target).minutes(720),
    params:
        training=lambda w: NEEDS.training_recipe(w.target),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        work=str(FILES.runs.training_work()),
        version=stage_version("train"),
    message:
        "Training {wildcards.target} on mix {wildcards.mix}, seed {wildcards.seed}"
    script:
        SCRIPTS / "train.py"
