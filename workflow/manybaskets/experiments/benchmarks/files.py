"""Files of the experiment on benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from manybaskets.layout import StageFiles, TargetLoad
from manybaskets.names import VANILLA


class BenchmarkFiles(StageFiles):
    """Ready scores of others, and results of the harness."""

    def run_results(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """The harness's results of a run, by benchmark."""
        return self.results / f"harness/{target}/{mix}/seed{seed}.json"

    def run_items(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Item scores of a run."""
        return self.results / f"harness/{target}/{mix}/seed{seed}.items.parquet"

    def harness_work(self, target: str = "{target}") -> Path:
        """Work folder of a model's evaluation, with its finished tasks."""
        return self.results / f"work/harness/{target}"

    def facts(self) -> Path:
        """Definition of the task about the embedded world."""
        return self.results / "harness/tasks/world_facts.yaml"

    def fact_items(self) -> Path:
        """Its items."""
        return self.results / "harness/tasks/world_facts.jsonl"

    def load(self) -> TargetLoad:
        """What one load of a target serves."""
        whole = self.study.responses.share_model_load == "target"
        mixes = [VANILLA, *self.study.mixes]
        runs = [(mix, seed) for mix in mixes for seed in self.study.seeds_of(mix)]
        return TargetLoad(runs, whole)

    def evaluated(self) -> list[tuple[str, str, int]]:
        """What the harness evaluates as (model, mix, seed): runs, untuned targets, other models."""
        section = self.study.benchmarks
        if not section or not section.harness:
            return []
        runs = [(target, *run) for target in self.study.targets for run in self.load().runs]
        others = [name for name in section.harness.models if name not in self.study.targets]
        return runs + [(name, VANILLA, 0) for name in others]

    def evaluated_models(self) -> list[str]:
        """Names of these among the models of the section; the seeds of a mix have one."""
        targets = self.study.targets
        return [
            f"{model}.{mix}" if model in targets else model for model, mix, _ in self.evaluated()
        ]

    def task_files(self) -> list[Path]:
        """Task files and their data, the user's own and those about the embedded world."""
        local = [Path(path) for key, path in self.given().items() if ".harness." in key]
        facts = self.study.benchmarks.harness.world_facts
        return [*local, *([self.facts(), self.fact_items()] if facts else [])]

    def given(self) -> dict[str, str]:
        """Result files of the user's, with their items."""
        section = self.study.benchmarks
        files: dict[str, str] = {}
        for name, results in section.results.items() if section else ():
            for number, each in enumerate(results):
                key = f"benchmarks.results.{name}.{number}"
                files[f"{key}.path"] = each.path
                for benchmark, path in getattr(each, "samples", {}).items():
                    files[f"{key}.samples.{benchmark}"] = path
        harness = section.harness if section else None
        for task, local in harness.local_files().items() if harness else ():
            if task in {section.tasks[name].task or name for name in harness.tasks}:
                for number, path in enumerate(local):
                    files[f"benchmarks.harness.include ({task}, file {number})"] = str(path)
        return files

    def given_columns(self) -> dict[str, tuple[str, Mapping[str, str | None]]]:
        """Columns of CSV files."""
        section = self.study.benchmarks
        columns: dict[str, tuple[str, Mapping[str, str | None]]] = {}
        for name, results in section.results.items() if section else ():
            for number, each in enumerate(results):
                if each.kind == "item_csv":
                    named = {"item_column": each.item_column}
                    named |= {f"columns.{model}": column for model, column in each.columns.items()}
                    columns[f"benchmarks.results.{name}.{number}"] = (each.path, named)
                if each.kind != "csv":
                    continue
                named = {"model_column": each.model_column}
                for component in ("columns", "se_columns"):
                    given = getattr(each, component).items()
                    named |= {f"{component}.{benchmark}": column for benchmark, column in given}
                columns[f"benchmarks.results.{name}.{number}"] = (each.path, named)
        return columns

    def result_files(self) -> list[Path]:
        """All files that scores are read from, each once."""
        named = {path: None for key, path in self.given().items() if ".results." in key}
        return [Path(path) for path in named]
