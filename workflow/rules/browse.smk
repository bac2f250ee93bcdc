"""The browser of answers: static files that open by double click."""

from manybaskets.browse.study_sets import study_sets

BROWSED = study_sets(FILES)


rule write_browser:
    """Every prompt with all answers and scores side by side, without restricted texts."""
    input:
        list(dict.fromkeys(file for each in BROWSED for file in each.files())),
    output:
        directory(FILES.browser),
    log:
        FILES.log("browse"),
    conda:
        ENVS / "light.yaml"
    params:
        sets=[each.plain() for each in BROWSED],
        study=STUDY.study,
        seed=STUDY.seed,
        version=stage_version("write_browser"),
    message:
        "Writing the browser of answers"
    script:
        SCRIPTS / "write_browser.py"
