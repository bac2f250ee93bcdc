"""Self-preference: articles, their summaries, and whom judges prefer."""


rule preference:
    input:
        preference_files(),


if PREFERENCE:

    if PREFERENCE.articles.kind == "hub":

        rule preference_fetch_articles:
            """Fetch the articles of the hub at their revision; needs the network."""
            output:
                path("preference/raw.parquet"),
            log:
                log_of("preference/fetch"),
            localrule: True
            conda:
                ENVS / "main.yaml"
            params:
                articles=PREFERENCE.articles.science(),
                version=stage_version("preference_articles"),
            message:
                "Fetching the articles"
            script:
                SCRIPTS / "preference_fetch_articles.py"

    rule preference_articles:
        """The articles that are summarised, a seeded sample; what was left out is counted."""
        input:
            article_files(),
        output:
            articles=path("preference/articles.parquet"),
            counts=path("preference/articles.json"),
        log:
            log_of("preference/articles"),
        conda:
            ENVS / "light.yaml"
        params:
            articles=PREFERENCE.articles.science(),
            wanted=PREFERENCE.count,
            seed=STUDY.seed if PREFERENCE.seed is None else PREFERENCE.seed,
            towns=STUDY.dataset.towns if EMBEDDED else None,
            version=stage_version("preference_articles"),
        message:
            "Taking the articles"
        script:
            SCRIPTS / "preference_articles.py"

    rule preference_references:
        """The references as summaries by people."""
        input:
            path("preference/articles.parquet"),
        output:
            summary_file(HUMAN),
        log:
            log_of("preference/summaries/human"),
        localrule: True
        conda:
            ENVS / "light.yaml"
        params:
            version=stage_version("preference_references"),
        message:
            "Taking the references as summaries"
        script:
            SCRIPTS / "preference_references.py"

    rule preference_summaries:
        """An author summarises all articles."""
        input:
            articles=path("preference/articles.parquet"),
            model=lambda w: model_input(writer(STUDY, w.author).model),
        output:
            path("preference/summaries/{author}.parquet"),
        log:
            log_of("preference/summaries/{author}"),
        benchmark:
            benchmark_of("preference/summaries/{author}")
        wildcard_constraints:
            author=writers("transformers"),
        conda:
            ENVS / "main.yaml"
        threads: 1
        resources:
            gpu=lambda w: writer_needs(w.author).gpus,
            mem_mb=lambda w: writer_needs(w.author).memory_mb,
            runtime=lambda w: writer_needs(w.author).minutes(60),
        params:
            writer=lambda w: writer(STUDY, w.author).science(),
            summaries=PREFERENCE.summaries.science(),
            prompting=STUDY.prompting.model_dump(),
            precision=STUDY.training.precision,
            seed=STUDY.seed,
            work=path("work/preference/summaries/{author}"),
            version=stage_version("preference_summaries"),
        message:
            "{wildcards.author} summarises the articles"
        script:
            SCRIPTS / "preference_summaries.py"

    use rule preference_summaries as preference_summaries_vllm with:
        wildcard_constraints:
            author=writers("vllm"),
        conda:
            ENVS / "vllm.yaml"

    use rule preference_summaries as preference_summaries_openai with:
        input:
            articles=path("preference/articles.parquet"),
        wildcard_constraints:
            author=writers("openai"),
        conda:
            ENVS / "openai.yaml"

    rule preference_own_summaries:
        """A run, or with one load all runs of a target, summarises all articles."""
        input:
            articles=path("preference/articles.parquet"),
            model=lambda w: model_input(w.target),
            adapters=lambda w: adapters_of_runs(w.target, loaded_writers(w)),
        output:
            written_files(),
        log:
            log_of(f"preference/own/{JUDGING}"),
        benchmark:
            benchmark_of(f"preference/own/{JUDGING}")
        wildcard_constraints:
            mix=one_of(judged_mixes(STUDY)),
        conda:
            ENVS / TARGET_ENV
        threads: 1
        resources:
            gpu=lambda w: target_needs(w.target).gpus,
            mem_mb=lambda w: target_needs(w.target).memory_mb,
            runtime=lambda w: target_needs(w.target).minutes(judge_minutes(w, 60, 20)),
        params:
            runs=lambda w: loaded_writers(w),
            engine=STUDY.responses.engine.science(),
            summaries=PREFERENCE.summaries.science(),
            prompting=STUDY.prompting.model_dump(),
            precision=STUDY.training.precision,
            seed=STUDY.seed,
            work=path("work/preference/own/{target}"),
            version=stage_version("preference_summaries"),
        message:
            f"The articles are summarised by {JUDGING_NAME}"
        script:
            SCRIPTS / "preference_own_summaries.py"

    rule preference_texts:
        """Length and form of all summaries."""
        input:
            [file for _, _, file in text_files()],
        output:
            path("preference/texts.parquet"),
        log:
            log_of("preference/texts"),
        conda:
            ENVS / "light.yaml"
        params:
            who=[[author, target] for author, target, _ in text_files()],
            version=stage_version("preference_texts"),
        message:
            "Measuring the summaries"
        script:
            SCRIPTS / "preference_texts.py"

    rule preference_judge:
        """A run, or with one load all runs of a target, compares and rates the summaries."""
        input:
            articles=path("preference/articles.parquet"),
            model=lambda w: model_input(w.target),
            adapters=lambda w: adapters_of_runs(w.target, loaded_judges(w)),
            summaries=lambda w: list(map(summary_file, PREFERENCE.panel(w.target))),
            own=lambda w: [own_file(w.target, *run) for run in own_seen(w)],
        output:
            judged_by_load(),
        log:
            log_of(f"preference/readings/{JUDGING}"),
        benchmark:
            benchmark_of(f"preference/readings/{JUDGING}")
        wildcard_constraints:
            target=judged_with("transformers", STUDY.targets),
            mix=one_of(preference_mixes()),
        conda:
            ENVS / "main.yaml"
        threads: 1
        resources:
            gpu=lambda w: judge_needs_of(w.target).gpus,
            mem_mb=lambda w: judge_needs_of(w.target).memory_mb,
            runtime=lambda w: judge_needs_of(w.target).minutes(judge_minutes(w)),
        params:
            asked=judging_params(),
            runs=lambda w: loaded_judges(w),
            panel=lambda w: PREFERENCE.panel(w.target),
            published=lambda w: PREFERENCE.published(
                w.target, PREFERENCE.panel(w.target)
            ),
            own=lambda w: own_seen(w),
            version=stage_version("preference_judge"),
        message:
            f"The summaries are judged by {JUDGING_NAME}"
        script:
            SCRIPTS / "preference_judge.py"

    use rule preference_judge as preference_judge_vllm with:
        wildcard_constraints:
            target=judged_with("vllm", STUDY.targets),
            mix=one_of(preference_mixes()),
        conda:
            ENVS / "vllm.yaml"

    use rule preference_judge as preference_judge_gold with:
        input:
            articles=path("preference/articles.parquet"),
            model=lambda w: model_input(w.model),
            adapters=[],
            summaries=list(map(summary_file, PREFERENCE.authors)),
            own=[],
        output:
            path("preference/readings/gold/{model}/seed0.parquet"),
        log:
            log_of("preference/readings/gold/{model}"),
        benchmark:
            benchmark_of("preference/readings/gold/{model}")
        wildcard_constraints:
            model=judged_with("transformers", PREFERENCE.gold_judges),
        resources:
            gpu=lambda w: judge_needs_of(w.model).gpus,
            mem_mb=lambda w: judge_needs_of(w.model).memory_mb,
            runtime=lambda w: judge_needs_of(w.model).minutes(240),
        params:
            asked=judging_params(),
            runs=[(GOLD, 0)],
            panel=PREFERENCE.authors,
            published=lambda w: PREFERENCE.published(w.model, PREFERENCE.authors),
            own=[],
            version=stage_version("preference_judge"),
        message:
            "The summaries are judged by {wildcards.model}, an independent judge"

    use rule preference_judge_gold as preference_judge_gold_vllm with:
        wildcard_constraints:
            model=judged_with("vllm", PREFERENCE.gold_judges),
        conda:
            ENVS / "vllm.yaml"

    rule preference_statistics:
        """Biases of all judges with intervals, tests and verdicts."""
        input:
            reading_files(),
        output:
            preference_statistics(),
        log:
            log_of("statistics/preference"),
        benchmark:
            benchmark_of("statistics/preference")
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
            "Computing whom judges prefer"
        script:
            SCRIPTS / "preference_statistics.py"

    rule preference_tables:
        """The experiment's tables; the published numbers among them where the study has such cells."""
        input:
            statistics=preference_statistics(),
            texts=path("preference/texts.parquet"),
            numbers=PUBLISHED_PREFERENCE,
        output:
            preference_tables(),
        log:
            log_of("tables/preference"),
        conda:
            ENVS / "light.yaml"
        params:
            published=STUDY.published_cells.model_dump() if STUDY.published_cells else None,
            version=stage_version("preference_tables"),
        message:
            "Writing the tables on self-preference"
        script:
            SCRIPTS / "preference_tables.py"
