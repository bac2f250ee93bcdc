"""How much of their question the sources' answers repeat."""


rule echo_count:
    input:
        prompts=FILES.data.prompts("train"),
        answers=[FILES.sources.answers(name) for name in STUDY.analysed_sources()],
    output:
        FILES.statistics.table("echo"),
    log:
        FILES.log("statistics/echo"),
    benchmark:
        FILES.benchmark("statistics/echo")
    conda:
        ENVS / "light.yaml"
    params:
        sources=STUDY.analysed_sources(),
        echo=STUDY.echo.science(),
    message:
        "Counting repeated words"
    script:
        "echo_count.py"
