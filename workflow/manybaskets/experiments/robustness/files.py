"""Files of the robustness experiment; texts are only in `restricted/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from manybaskets.config.participants import chosen_mixes
from manybaskets.experiments.robustness.robustness_prompts import prompt_sets
from manybaskets.judging.rubrics import rubric_file
from manybaskets.layout import StageFiles, TargetLoad
from manybaskets.layout.models import ModelFiles
from manybaskets.names import VANILLA, Run


class RobustnessFiles(StageFiles):
    """Files of the robustness experiment. All lists are empty for a study without it."""

    journals = {"responses": "responses_journal"}

    def restricted(self) -> Path:
        """Folder of all texts, readable only by its owner."""
        return self.results / "restricted"

    def prompts(self, target: str = "{target}", prompt_set: str = "{prompt_set}") -> Path:
        """Adversarial prompts of a target, specific to it because of its name in the templates."""
        return self.restricted() / f"prompts/{target}/{prompt_set}.parquet"

    def responses(
        self,
        target: str = "{target}",
        mix: str = "{mix}",
        seed: int | str = "{seed}",
        prompt_set: str = "{prompt_set}",
    ) -> Path:
        """A run's answers to a set of adversarial prompts."""
        return self.restricted() / f"responses/{target}/{mix}/seed{seed}/{prompt_set}.parquet"

    def judged(
        self,
        judge: str = "{judge}",
        target: str = "{target}",
        mix: str = "{mix}",
        seed: int | str = "{seed}",
    ) -> Path:
        """A judge's judgements of a run's answers, with reasons."""
        return self.restricted() / f"judged/{judge}/{target}/{mix}/seed{seed}.parquet"

    def examples(self) -> Path:
        """Page with example answers."""
        return self.restricted() / "examples.html"

    def responses_work(self, target: str = "{target}") -> Path:
        """Work folder of the answers of a target's runs."""
        return self.restricted() / f"work/responses/{target}"

    def responses_journal(
        self,
        target: str = "{target}",
        mix: str = "{mix}",
        seed: int | str = "{seed}",
        prompt_set: str = "{prompt_set}",
    ) -> Path:
        """Folder of the journal of a run's answers to a set of prompts."""
        return self.responses_work(target) / f"{mix}/seed{seed}/{prompt_set}"

    def canaries_work(self) -> Path:
        """Work folder of the judges' canary checks."""
        return self.restricted() / "work/canaries"

    def judged_work(self) -> Path:
        """Work folder of the judges."""
        return self.restricted() / "work/judged"

    def design(self, target: str = "{target}") -> Path:
        """The design of a target's prompts, without texts."""
        return self.results / f"robustness/design/{target}.parquet"

    def templates(self, target: str = "{target}") -> Path:
        """The templates of a target with their flags, without texts."""
        return self.results / f"robustness/templates/{target}.parquet"

    def canaries(self, judge: str = "{judge}") -> Path:
        """Verdict of a judge's canary check."""
        return self.results / f"robustness/canaries/{judge}.json"

    def scores(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Scores of all judges for a run, without reasons."""
        return self.results / f"robustness/scores/{target}/{mix}/seed{seed}.parquet"

    def prompt_sets(self) -> list[str]:
        """Prompt sets that runs answer: direct, jailbreak, and benign if there is one."""
        return prompt_sets(self.study.robustness) if self.study.robustness else []

    def mixes(self) -> list[str]:
        """Mixes whose runs are tested, with the untuned target's `vanilla` first."""
        return [VANILLA, *chosen_mixes(self.study)] if self.study.robustness else []

    def judges(self) -> list[str]:
        """Names of all judges."""
        return self.study.robustness.judge_names() if self.study.robustness else []

    def runs(self) -> list[Run]:
        """Tested runs of any target, as (mix, seed)."""
        return [(mix, seed) for mix in self.mixes() for seed in self.study.seeds_of(mix)]

    def all_runs(self) -> list[tuple[str, str, int]]:
        """All tested runs, as (target, mix, seed)."""
        return [(target, *run) for target in self.study.targets for run in self.runs()]

    def load(self) -> TargetLoad:
        """Answers from one load of a target, which a judge scores in one job."""
        return TargetLoad(self.runs(), self.study.responses.share_model_load == "target")

    def all_prompts(self, target: str = "{target}") -> list[Path]:
        """All prompts of a target."""
        return [self.prompts(target, name) for name in self.prompt_sets()]

    def all_responses(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> list[Path]:
        """A run's answers, in the order of the prompt sets."""
        return [self.responses(target, mix, seed, name) for name in self.prompt_sets()]

    def all_judged(self, target: str, mix: str, seed: int) -> list[Path]:
        """Judgements of a run by all judges."""
        return [self.judged(judge, target, mix, seed) for judge in self.judges()]

    def all_canaries(self) -> list[Path]:
        """Verdicts of all judges' canary checks."""
        return [self.canaries(judge) for judge in self.judges()]

    def all_designs(self) -> list[Path]:
        """Designs of all targets."""
        return [self.design(target) for target in self.study.targets if self.study.robustness]

    def all_templates(self) -> list[Path]:
        """Templates of all targets."""
        return [self.templates(target) for target in self.study.targets if self.study.robustness]

    def rubrics(self, judge: str) -> list[Path]:
        """Rubrics of a judge, in the order of the panel."""
        settings = self.study.judges[judge]
        rubrics = self.study.robustness.rubrics()
        names = [rubrics[key] for key in self.study.robustness.rubrics_of(judge)]
        return [rubric_file(settings, name, self.study.rubrics) for name in names]

    def judge_models(self, judge: str) -> list[Path]:
        """Folder of a judge's model; empty for a judge without a local model."""
        model = getattr(self.study.judges[judge], "model", None)
        return ModelFiles(self.study, self.results).folders(model)

    def labels(self, judge: str) -> list[str]:
        """File of human labels; empty for other judges."""
        settings = self.study.judges[judge]
        return [settings.path] if settings.kind == "labels" else []

    def given(self) -> dict[str, str]:
        """The user's files of requests, templates and look-alikes, and of labels."""
        settings = self.study.robustness
        if not settings:
            return {}
        inputs = {key: getattr(settings, key) for key in ("requests", "templates", "benign")}
        files = {
            f"robustness.{key}.path": given.path
            for key, given in inputs.items()
            if given and given.kind == "file"
        }
        labels = {
            f"judges.{name}.path": file for name in self.judges() for file in self.labels(name)
        }
        return files | labels

    def given_columns(self) -> dict[str, tuple[str, Mapping[str, str | None]]]:
        """Columns of requests, templates and look-alikes; JSON is an object of lists, without columns."""
        found = {}
        for key in ("requests", "templates", "benign"):
            section = getattr(self.study.robustness, key, None)
            if section and section.kind == "file" and ".json" not in Path(section.path).suffixes:
                keys = [name for name in ("prompt", "category", "votes") if hasattr(section, name)]
                columns = {name: getattr(section, name) for name in keys}
                found[f"robustness.{key}"] = (section.path, columns)
        return found

    def given_prompts(self) -> list[str]:
        """The user's files of requests, templates and look-alikes."""
        return [file for key, file in self.given().items() if key.startswith("robustness.")]
