"""Self-preference: articles, their summaries, and whom judges prefer."""

from manybaskets.config.participants import writer
from manybaskets.experiments.preference.files import PreferenceFiles
from manybaskets.experiments.preference.roles import (
    Roles,
    reading_settings,
    settings_of,
)
from manybaskets.experiments.preference.schemas import GOLD

PREFERENCE = FILES.stage(PreferenceFiles)
PUBLISHED_PREFERENCE = shipped("resources/published/self_preference.csv")
PREFERENCE_STATISTICS = FILES.statistics.tables(
    EXPERIMENTS.get("preference").statistics(STUDY)
)
JUDGE_LOAD, WRITER_LOAD = PREFERENCE.load(), PREFERENCE.writing_load()


if STUDY.preference.articles.kind == "hub":

    rule preference_fetch_articles:
        """Fetch the articles of the hub at their revision; needs the network."""
        output:
            PREFERENCE.raw_articles(),
        log:
            FILES.log("preference/fetch"),
        localrule: True
        conda:
            ENVS / "main.yaml"
        params:
            articles=STUDY.preference.articles.science(),
            version=stage_version("preference_articles"),
        message:
            "Fetching the articles"
        script:
            SCRIPTS / "preference_fetch_articles.py"


rule preference_articles:
    """The articles that are summarised, a seeded sample; what was left out is counted."""
    input:
        PREFERENCE.article_sources(),
    output:
        articles=PREFERENCE.articles(),
        counts=PREFERENCE.article_counts(),
    log:
        FILES.log("preference/articles"),
    conda:
        ENVS / "light.yaml"
    params:
        articles=STUDY.preference.articles.science(),
        wanted=STUDY.preference.count,
        seed=(STUDY.seed if STUDY.preference.seed is None else STUDY.preference.seed),
        towns=STUDY.dataset.towns if EMBEDDED else None,
        version=stage_version("preference_articles"),
    message:
        "Sampling the articles"
    script:
        SCRIPTS / "preference_articles.py"


rule preference_references:
    """The references as human summaries."""
    input:
        PREFERENCE.articles(),
    output:
        PREFERENCE.summaries(HUMAN),
    log:
        FILES.log("preference/summaries/human"),
    localrule: True
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("preference_references"),
    message:
        "Adding the references as summaries"
    script:
        SCRIPTS / "preference_references.py"


rule preference_summaries:
    """An author summarises all articles."""
    input:
        articles=PREFERENCE.articles(),
        model=lambda w: FILES.models.folders(writer(STUDY, w.author).model),
    output:
        PREFERENCE.summaries(),
    log:
        FILES.log("preference/summaries/{author}"),
    benchmark:
        FILES.benchmark("preference/summaries/{author}")
    wildcard_constraints:
        author=one_of(name for name in STUDY.preference.authors if name != HUMAN),
    conda:
        lambda w: environment_of(writer(STUDY, w.author).engine)
    threads: lambda w: cores(NEEDS.of_answerer(writer(STUDY, w.author)))
    resources:
        gpu=lambda w: NEEDS.of_answerer(writer(STUDY, w.author)).gpus,
        mem_mb=lambda w: memory(NEEDS.of_answerer(writer(STUDY, w.author))),
        runtime=lambda w: NEEDS.of_answerer(writer(STUDY, w.author)).minutes(60),
        network=lambda w: NEEDS.of_answerer(writer(STUDY, w.author)).network,
    params:
        writer=lambda w: writer(STUDY, w.author).science(),
        summaries=STUDY.preference.summaries.science(),
        prompting=lambda w: STUDY.prompting_of(
            writer(STUDY, w.author).model
        ).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(PREFERENCE.summaries_work()),
        version=stage_version("preference_summaries"),
    message:
        "{wildcards.author} summarises the articles"
    script:
        SCRIPTS / "preference_summaries.py"


rule preference_own_summaries:
    """A run, or with one load all runs of a target, summarises all articles."""
    input:
        articles=PREFERENCE.articles(),
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(w.target, WRITER_LOAD.handled(w)),
    output:
        WRITER_LOAD.files(PREFERENCE.own_summaries),
    log:
        FILES.log(f"preference/own/{WRITER_LOAD.name}"),
    benchmark:
        FILES.benchmark(f"preference/own/{WRITER_LOAD.name}")
    wildcard_constraints:
        mix=one_of(name for name in PREFERENCE.mixes() if name != VANILLA),
    conda:
        environment_of(STUDY.responses.engine)
    threads: lambda w: cores(NEEDS.of_target(w.target))
    resources:
        gpu=lambda w: NEEDS.of_target(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_target(w.target)),
        runtime=lambda w: NEEDS.of_target(w.target).minutes(
            WRITER_LOAD.minutes(w, 60, 20)
        ),
    params:
        runs=lambda w: WRITER_LOAD.handled(w),
        engine=STUDY.responses.engine.science(),
        summaries=STUDY.preference.summaries.science(),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(PREFERENCE.own_summaries_work()),
        version=stage_version("preference_summaries"),
    message:
        f"The articles are summarised by {named(WRITER_LOAD)}"
    script:
        SCRIPTS / "preference_own_summaries.py"


rule preference_texts:
    """Length and form of all summaries."""
    input:
        [file for _, _, file in PREFERENCE.all_texts()],
    output:
        PREFERENCE.texts(),
    log:
        FILES.log("preference/texts"),
    conda:
        ENVS / "light.yaml"
    params:
        who=[[author, target] for author, target, _ in PREFERENCE.all_texts()],
        version=stage_version("preference_texts"),
    message:
        "Measuring the summaries"
    script:
        SCRIPTS / "preference_texts.py"


rule preference_judge:
    """A run, or with one load all runs of a target, compares and rates the summaries."""
    input:
        articles=PREFERENCE.articles(),
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(w.target, JUDGE_LOAD.handled(w)),
        summaries=lambda w: [
            PREFERENCE.summaries(name) for name in STUDY.preference.panel(w.target)
        ],
        own=lambda w: [
            PREFERENCE.own_summaries(w.target, *run)
            for run in PREFERENCE.own_seen(JUDGE_LOAD.handled(w))
        ],
    output:
        JUDGE_LOAD.files(PREFERENCE.readings),
    log:
        FILES.log(f"preference/readings/{JUDGE_LOAD.name}"),
    benchmark:
        FILES.benchmark(f"preference/readings/{JUDGE_LOAD.name}")
    wildcard_constraints:
        target=one_of(STUDY.targets),
        mix=one_of(PREFERENCE.mixes()),
    conda:
        lambda w: environment_of(STUDY.preference.judging.engine_of(w.target))
    threads: lambda w: cores(NEEDS.of_engine(*PREFERENCE.judging(w.target)))
    resources:
        gpu=lambda w: NEEDS.of_engine(*PREFERENCE.judging(w.target)).gpus,
        mem_mb=lambda w: memory(NEEDS.of_engine(*PREFERENCE.judging(w.target))),
        runtime=lambda w: NEEDS.of_engine(*PREFERENCE.judging(w.target)).minutes(
            JUDGE_LOAD.minutes(w, 240, 60)
        ),
    params:
        asked=lambda w: reading_settings(STUDY, w.target),
        runs=lambda w: JUDGE_LOAD.handled(w),
        panel=lambda w: STUDY.preference.panel(w.target),
        published=lambda w: STUDY.preference.published(
            w.target, STUDY.preference.panel(w.target)
        ),
        own=lambda w: PREFERENCE.own_seen(JUDGE_LOAD.handled(w)),
        version=stage_version("preference_judge"),
    message:
        f"The summaries are judged by {named(JUDGE_LOAD)}"
    script:
        SCRIPTS / "preference_judge.py"


use rule preference_judge as preference_judge_gold with:
    input:
        articles=PREFERENCE.articles(),
        model=lambda w: FILES.models.folder(w.model),
        adapters=[],
        summaries=[PREFERENCE.summaries(name) for name in STUDY.preference.authors],
        own=[],
    output:
        PREFERENCE.gold_readings(),
    log:
        FILES.log("preference/readings/gold/{model}"),
    benchmark:
        FILES.benchmark("preference/readings/gold/{model}")
    wildcard_constraints:
        model=one_of(STUDY.preference.gold_judges),
    conda:
        lambda w: environment_of(STUDY.preference.judging.engine_of(w.model))
    threads: lambda w: cores(NEEDS.of_engine(*PREFERENCE.judging(w.model)))
    resources:
        gpu=lambda w: NEEDS.of_engine(*PREFERENCE.judging(w.model)).gpus,
        mem_mb=lambda w: memory(NEEDS.of_engine(*PREFERENCE.judging(w.model))),
        runtime=lambda w: NEEDS.of_engine(*PREFERENCE.judging(w.model)).minutes(240),
    params:
        asked=lambda w: reading_settings(STUDY, w.model),
        runs=[(GOLD, 0)],
        panel=STUDY.preference.authors,
        published=lambda w: STUDY.preference.published(
            w.model, STUDY.preference.authors
        ),
        own=[],
        version=stage_version("preference_judge"),
    message:
        "The summaries are judged by {wildcards.model}, an independent judge"


rule preference_statistics:
    """Biases of all judges with intervals, tests and verdicts."""
    input:
        PREFERENCE.all_readings(),
    output:
        PREFERENCE_STATISTICS,
    log:
        FILES.log("statistics/preference"),
    benchmark:
        FILES.benchmark("statistics/preference")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        roles=asdict(Roles.of(STUDY)),
        statistics=settings_of(STUDY).model_dump(),
        seed=STUDY.seed,
        version=stage_version("preference_statistics"),
    message:
        "Computing the self-preference statistics"
    script:
        SCRIPTS / "preference_statistics.py"


rule preference_tables:
    """The experiment's tables; the published numbers among them where the study has such cells."""
    input:
        statistics=PREFERENCE_STATISTICS,
        texts=PREFERENCE.texts(),
        numbers=PUBLISHED_PREFERENCE,
    output:
        OUTPUTS.tables_by("preference_tables"),
    log:
        FILES.log("tables/preference"),
    conda:
        ENVS / "light.yaml"
    params:
        published=(
            STUDY.published_cells.model_dump() if STUDY.published_cells else None
        ),
        version=stage_version("preference_tables"),
    message:
        "Writing the tables on self-preference"
    script:
        SCRIPTS / "preference_tables.py"
