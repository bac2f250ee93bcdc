"""The robustness experiment for config, rules, plan, status and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.checks import check_robustness
from manybaskets.config.model_families import family_of
from manybaskets.config.models import ModelPrompting
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import Robustness
from manybaskets.config.study import Study
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.experiments.robustness.analysis import FRAMES
from manybaskets.experiments.robustness.browsed_answers import (
    restricted_text_sets,
    scored_sets,
)
from manybaskets.experiments.robustness.comparisons import check_family
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.experiments.robustness.judge_panel import check_panel
from manybaskets.experiments.robustness.report_section import headlines_of, section_of
from manybaskets.experiments.robustness.stage_versions import STAGES
from manybaskets.experiments.robustness.statistics import read_analysis
from manybaskets.experiments.robustness.tables import PAPER, RULE, RobustnessContext
from manybaskets.experiments.robustness.target_names import check_target_names, target_names
from manybaskets.experiments.robustness.workload import job_profiles
from manybaskets.layout import Files
from manybaskets.layout.answer_sets import AnswerSet
from manybaskets.presentation.page import ReportSection, Table
from manybaskets.presentation.verdict_table import HeadlineOutcome
from manybaskets.records.resources import resource


class RobustnessExperiment(Experiment):
    """Robustness of refusals under fine-tuning."""

    name = "robustness"
    section = Robustness
    description = "Robustness experiment: whether refusals survive fine-tuning; null to skip."
    presentation = (
        "manybaskets.experiments.robustness.tables",
        "manybaskets.experiments.robustness.figures",
    )
    files = RobustnessFiles
    stages = STAGES

    def check(self, study: Study) -> None:
        """Check targets, mixes and judges against the study."""
        check_robustness(study)

    def warnings(self, study: Study) -> list[str]:
        """Warnings for judges of a subject's family that the config allows."""
        check_target_names(study)
        check_family(study, chosen_mixes(study))
        return check_panel(study)

    def operations(self, study: Study) -> dict[str, Any]:
        """Operational settings of the runs' answers."""
        return study.robustness.run_responses(study.responses.engine).operations()

    def measuring(self, study: Study) -> dict[str, Any]:
        """Settings of the prompts, and of the judges that have a tokenizer."""
        settings, files = study.robustness, _files(study)
        judges = {name: study.judges[name] for name in files.judges()}
        world = {"towns": study.dataset.towns, "seed": study.seed} if study.embedded_world else None
        return {
            "prompts": settings.prompts().model_dump(),
            "names": {
                target: target_names(settings.names, target, family_of(study, target))
                for target in study.targets
            },
            "world": world,
            "shipped": str(resource("robustness/templates.jsonl")),
            "seed": study.seed,
            "max_prompt_tokens": settings.prompting(study.prompting).max_prompt_tokens,
            "answer_tokens": settings.responses.sampling.max_new_tokens,
            "sequence": study.responses.engine.longest_sequence(),
            "judge_input": settings.judge_input,
            "judges": {
                name: {
                    "science": judge.science(),
                    "operations": judge.operations(),
                    "rubrics": dict(
                        zip(settings.rubrics_of(name), map(str, files.rubrics(name)), strict=True)
                    ),
                }
                for name, judge in judges.items()
                if getattr(judge, "model", None)
            },
            "restricted": str(files.restricted()),
        }

    def long_prompts(
        self,
        settings: Mapping[str, Any],
        model: str,
        folder: Path,
        prompting: ModelPrompting,
        log: Path,
    ) -> pl.DataFrame:
        """Adversarial prompts of a target, and questions to a judge, without their texts."""
        # Tokenizers and judges are imported by the jobs that measure alone.
        from manybaskets.experiments.robustness.measured_prompts import long_prompts

        return long_prompts(settings, model, folder, prompting, log)

    def statistics(self, study: Study) -> list[str]:
        """Outcomes, and the results of the published procedure if the study has it."""
        return [*FRAMES, *([PAPER] if study.robustness.published_procedure else [])]

    def results(self, study: Study) -> list[Path]:
        """The page with examples, if enabled."""
        return [_files(study).examples()] if study.robustness.show_texts else []

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Answers, canary checks of judges, judgements, statistics."""
        return job_profiles(study)

    def answer_sets(self, study: Study) -> list[AnswerSet]:
        """Scores of the answers, whose texts are withheld, and of those to the control prompts."""
        return scored_sets(_files(study))

    def restricted_answer_sets(self, study: Study) -> list[AnswerSet]:
        """The same answers with their texts."""
        return restricted_text_sets(_files(study))

    def report_inputs(self, study: Study) -> dict[str, list[Path]]:
        """Templates, verdicts on judges, published numbers."""
        files = _files(study)
        return {
            "templates": files.all_templates(),
            "canaries": files.all_canaries(),
            "numbers": [resource("published/robustness.csv")],
        }

    def table_contexts(
        self, study: Study, inputs: Mapping[str, Sequence[Path]]
    ) -> Mapping[str, Any]:
        """The study's settings and the published numbers."""
        analysis = read_analysis(study, inputs["templates"], inputs["canaries"])
        (numbers,) = inputs["numbers"]
        return {RULE: RobustnessContext(analysis, study.published_cells, numbers)}

    def report_section(
        self,
        study: Study,
        frames: Mapping[str, pl.DataFrame],
        tables: Mapping[str, Table],
        inputs: Mapping[str, Sequence[Path]],
    ) -> ReportSection:
        """Sentences on the outcomes and their limitations."""
        analysis = read_analysis(study, inputs["templates"], inputs["canaries"])
        return section_of(frames, analysis, tables)

    def headlines(self, study: Study, frames: Mapping[str, pl.DataFrame]) -> list[HeadlineOutcome]:
        """Harm, over-refusal and quality against the first baseline."""
        return headlines_of(frames["robustness-comparisons"])


def _files(study: Study) -> RobustnessFiles:
    return Files(study).stage(RobustnessFiles)
