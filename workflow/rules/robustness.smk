"""Whether fine-tuning wears down refusals: prompts, answers, judgements, outcomes.

Texts lie in `restricted/` alone, which the jobs here take from all but their owner.
"""


rule robustness:
    input:
        robustness_files(),


if ROBUSTNESS:

    rule robustness_prompts:
        """Direct requests, requests in jailbreak templates, harmless look-alikes; and their design."""
        input:
            split=path("data/split.parquet"),
            files=attack_inputs(),
            shipped=SHIPPED_TEMPLATES,
        output:
            sets=attack_prompt_files(),
            design=path("robustness/design/{target}.parquet"),
            templates=path("robustness/templates/{target}.parquet"),
        log:
            log_of("robustness/{target}/prompts"),
        conda:
            ENVS / "light.yaml"
        params:
            prompts=ROBUSTNESS.prompts().model_dump(),
            names=lambda w: attack_names(w.target),
            sets=attack_sets(),
            world=attack_world(),
            seed=STUDY.seed,
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_prompts"),
        message:
            "Writing the adversarial prompts for {wildcards.target}"
        script:
            SCRIPTS / "robustness_prompts.py"

    rule robustness_respond:
        """A run, or with one load of the base model all runs of a target, answers the adversarial prompts."""
        input:
            model=lambda w: model_input(w.target),
            adapters=lambda w: attacked_adapters(w),
            prompts=attack_prompt_files(),
        output:
            attacked_responses(),
        log:
            log_of(f"robustness/{ATTACKED}/respond"),
        benchmark:
            benchmark_of(f"robustness/{ATTACKED}/respond")
        wildcard_constraints:
            mix=one_of(attacked_mixes()),
        conda:
            ENVS / TARGET_ENV
        threads: 1
        resources:
            gpu=lambda w: target_needs(w.target).gpus,
            mem_mb=lambda w: target_needs(w.target).memory_mb,
            runtime=lambda w: target_needs(w.target).minutes(
                120 + 60 * (len(attacked(w)) - 1)
            ),
        params:
            runs=lambda w: attacked(w),
            prompt_sets=attack_sets(),
            responses=ROBUSTNESS.run_responses(STUDY.responses.engine).science(),
            prompting=attack_prompting(),
            precision=STUDY.training.precision,
            seed=STUDY.seed,
            work=path("restricted/work/responses/{target}"),
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_respond"),
        message:
            f"The adversarial prompts are answered by {ATTACKED}".replace(
                "{", "{wildcards."
            )
        script:
            SCRIPTS / "robustness_respond.py"

    rule robustness_canaries:
        """A judge that is a rule or people's labels is tried on exchanges with known scores."""
        input:
            rubrics=rubric_files,
            model=judge_model,
            labels=judge_labels,
        output:
            path("robustness/canaries/{judge}.json"),
        log:
            log_of("robustness/canaries/{judge}"),
        benchmark:
            benchmark_of("robustness/canaries/{judge}")
        wildcard_constraints:
            judge=judges_of("rule", "labels"),
        conda:
            ENVS / "light.yaml"
        threads: 1
        resources:
            gpu=lambda w: judge_needs(w.judge).gpus,
            mem_mb=lambda w: judge_needs(w.judge).memory_mb,
            runtime=lambda w: judge_needs(w.judge).minutes(60),
        params:
            judge=lambda w: STUDY.judges[w.judge].science(),
            opening=judge_opening(),
            share_of_cap=0.05,
            work=path("restricted/work/canaries"),
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_canaries"),
        message:
            "Trying judge {wildcards.judge} on answers that are known"
        script:
            SCRIPTS / "robustness_canaries.py"

    use rule robustness_canaries as robustness_canaries_transformers with:
        wildcard_constraints:
            judge=judges_of("transformers", "classifier"),
        conda:
            ENVS / "main.yaml"

    use rule robustness_canaries as robustness_canaries_vllm with:
        wildcard_constraints:
            judge=judges_of("vllm"),
        conda:
            ENVS / "vllm.yaml"

    use rule robustness_canaries as robustness_canaries_openai with:
        wildcard_constraints:
            judge=judges_of("openai"),
        conda:
            ENVS / "openai.yaml"

    rule robustness_judge:
        """A judge that is a rule or people's labels scores the answers of the runs."""
        input:
            rubrics=rubric_files,
            model=judge_model,
            labels=judge_labels,
            canaries=ancient(path("robustness/canaries/{judge}.json")),
            design=path("robustness/design/{target}.parquet"),
            prompts=attack_prompt_files(),
            responses=attacked_responses(),
            test_prompts=prompt_set_file("test"),
            test_responses=attacked_files(
                "runs/{target}/{mix}/seed{seed}/responses/test.parquet"
            ),
        output:
            attacked_files(
                "restricted/judged/{judge}/{target}/{mix}/seed{seed}.parquet"
            ),
        log:
            log_of(f"robustness/{ATTACKED}/judge-{{judge}}"),
        benchmark:
            benchmark_of(f"robustness/{ATTACKED}/judge-{{judge}}")
        wildcard_constraints:
            judge=judges_of("rule", "labels"),
            mix=one_of(attacked_mixes()),
        conda:
            ENVS / "light.yaml"
        threads: 1
        resources:
            gpu=lambda w: judge_needs(w.judge).gpus,
            mem_mb=lambda w: judge_needs(w.judge).memory_mb,
            runtime=lambda w: scoring_minutes(w, 120),
        params:
            judge=lambda w: STUDY.judges[w.judge].science(),
            rubrics=lambda w: ROBUSTNESS.rubrics_of(w.judge),
            runs=lambda w: attacked(w),
            prompt_sets=attack_sets(),
            judge_input=ROBUSTNESS.judge_input,
            opening=judge_opening(),
            share_of_cap=0.95 / len(attacked_runs()),
            seed=STUDY.seed,
            work=path("restricted/work/judged"),
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_judge"),
        message:
            "Judge {wildcards.judge} scores the answers of {wildcards.target}"
        script:
            SCRIPTS / "robustness_judge.py"

    use rule robustness_judge as robustness_judge_transformers with:
        wildcard_constraints:
            judge=judges_of("transformers", "classifier"),
            mix=one_of(attacked_mixes()),
        conda:
            ENVS / "main.yaml"

    use rule robustness_judge as robustness_judge_vllm with:
        wildcard_constraints:
            judge=judges_of("vllm"),
            mix=one_of(attacked_mixes()),
        conda:
            ENVS / "vllm.yaml"

    use rule robustness_judge as robustness_judge_openai with:
        wildcard_constraints:
            judge=judges_of("openai"),
            mix=one_of(attacked_mixes()),
        conda:
            ENVS / "openai.yaml"

    rule robustness_scores:
        """Scores of all judges for every run of a target, without what the judges said."""
        input:
            lambda w: [
                file
                for target, mix, seed in attacked_runs()
                if target == w.target
                for file in judged_files(target, mix, seed)
            ],
        output:
            [
                path(f"robustness/scores/{{target}}/{mix}/seed{seed}.parquet")
                for mix in attacked_mixes()
                for seed in seeds_of(mix)
            ],
        log:
            log_of("robustness/{target}/scores"),
        conda:
            ENVS / "light.yaml"
        params:
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_scores"),
        message:
            "Gathering the scores of {wildcards.target}"
        script:
            SCRIPTS / "robustness_scores.py"

    rule robustness_outcomes:
        """Harm, refusals, quality and danger zone of all conditions, with intervals and comparisons."""
        input:
            scores=score_files(),
            design=of_targets("robustness/design/{target}.parquet"),
            templates=attack_template_files(),
            canaries=canary_files(),
        output:
            robustness_statistics(),
        log:
            log_of("statistics/robustness"),
        benchmark:
            benchmark_of("statistics/robustness")
        conda:
            ENVS / "light.yaml"
        resources:
            mem_mb=4000,
            runtime=120,
        params:
            analysis=analysis_settings(STUDY),
            runs=attacked_runs(),
            judges=ROBUSTNESS.judge_names(),
            statistics=frame_names(STUDY),
            groups=asdict(groups_of(STUDY)),
            human=[name for name in STUDY.mixes if mix_kind(name) == "human"],
            version=stage_version("robustness_outcomes"),
        message:
            "Computing how refusals last"
        script:
            SCRIPTS / "robustness_outcomes.py"

    rule robustness_tables:
        """The experiment's tables, the published procedure and numbers among them where they are asked for."""
        input:
            statistics=robustness_statistics(),
            templates=attack_template_files(),
            canaries=canary_files(),
            numbers=PUBLISHED_ROBUSTNESS,
        output:
            robustness_tables(),
        log:
            log_of("tables/robustness"),
        conda:
            ENVS / "light.yaml"
        params:
            analysis=analysis_settings(STUDY),
            judges=ROBUSTNESS.judge_names(),
            published=STUDY.published_cells.model_dump() if STUDY.published_cells else None,
            version=stage_version("robustness_tables"),
        message:
            "Writing the tables of the robustness experiment"
        script:
            SCRIPTS / "robustness_tables.py"

    rule robustness_examples:
        """A few answers with their scores, escaped and cut; made only where the config asks for it."""
        input:
            prompts=[
                file
                for target in STUDY.targets
                for file in attack_prompt_files(target)
            ],
            responses=[
                file for run in attacked_runs() for file in attack_response_files(*run)
            ],
            judged=[file for run in attacked_runs() for file in judged_files(*run)],
        output:
            path("restricted/examples.html"),
        log:
            log_of("robustness/examples"),
        conda:
            ENVS / "light.yaml"
        params:
            runs=attacked_runs(),
            targets=STUDY.targets,
            prompt_sets=attack_sets(),
            examples=ROBUSTNESS.show_texts,
            seed=STUDY.seed,
            restricted=lambda w: RESTRICTED,
            version=stage_version("robustness_examples"),
        message:
            "Showing examples in the restricted folder"
        script:
            SCRIPTS / "robustness_examples.py"
