"""No rule requests more GPUs than its engine uses: over all jobs of all shipped configs, and from
the request in a rule file to the engine that gets the GPUs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from planned_jobs import PlannedJob
from repository import ROOT
from snakemake.utils import update_config

from manybaskets.config import loading
from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.engines import TransformersSettings, VllmSettings
from manybaskets.config.participants import writer
from manybaskets.config.study import Study
from manybaskets.plan.graph import read_jobs

EGGS = "synthetic-eggs"
STUDIES = {
    "embedded": ["config"],
    "laptop": ["laptop"],
    "eggs": [EGGS, f"{EGGS}.preference", f"{EGGS}.robustness"],
    "source counts": [EGGS, f"{EGGS}.source-counts"],
    "eggs as published": [EGGS, f"{EGGS}.paper"],
    "wildchat": ["wildchat-50m"],
    "published scores": ["wildchat-50m.published"],
}
# Largest request of each study, so that a study without any GPU shows.
MOST = {
    "embedded": 0,
    "laptop": 1,
    "eggs": 4,
    "source counts": 4,
    "eggs as published": 4,
    "wildchat": 4,
    "published scores": 0,
}
RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
SCRIPTS = ROOT / "workflow/scripts"


def test_every_shipped_config_is_tried():
    shipped = {file.stem for file in (ROOT / "config").glob("*.yaml")}
    assert shipped == {name for names in STUDIES.values() for name in names}


def place_resources(files: list[Path], folder: Path) -> None:
    """The shipped resources, and empty files where a study reads files from elsewhere."""
    (folder / "resources").mkdir()
    for path in (ROOT / "resources").iterdir():
        if path.name != "external":
            (folder / "resources" / path.name).symlink_to(path)
    for file in files:
        for name in re.findall(r"resources/external/[\w./-]+\w", file.read_text()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"GGUF" if name.endswith(".gguf") else b"")


def jobs_of(files: list[Path], folder: Path) -> list[PlannedJob]:
    command = [sys.executable, str(ROOT / "workflow/dag.py"), "--snakefile", "Snakefile"]
    command += ["--configfile", *map(str, files), "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return read_jobs(json.loads(done.stdout)["jobs"])


def engine_of(study: Study, job: PlannedJob) -> EngineSettings | None:
    """The engine that runs the model of a job; None for a job without one."""
    named = job.wildcards
    match job.rule:
        case "generate" | "pilot":
            return study.sources[named["source"]].engine
        case "respond" | "robustness_respond" | "preference_own_summaries":
            return study.responses.engine
        case "score_target" | "score_fixed" | "divergence" | "source_likelihood_score":
            return TransformersSettings()
        case "preference_summaries":
            return writer(study, named["author"]).engine
        case "preference_judge" | "preference_judge_gold":
            model = named.get("target") or named["model"]
            return study.preference.judging.engine_of(model)
        case "robustness_canaries" | "robustness_judge":
            judge = study.judges[named["judge"]]
            if judge.kind == "model":
                return judge.engine
            return TransformersSettings() if judge.kind == "classifier" else None
    return None


def gpus_used(study: Study, job: PlannedJob) -> int:
    """GPUs on which a job puts its model, of those that it requested."""
    if job.rule == "train":
        target = job.wildcards["target"]
        return study.training.of_target(target, job.gpus).processes
    engine = engine_of(study, job)
    if isinstance(engine, VllmSettings):
        return engine.tensor_parallel or job.gpus
    # Layers are spread over all GPUs of the job: tests/unit/engines/test_placement.py.
    return job.gpus if isinstance(engine, TransformersSettings) else 0


@pytest.mark.parametrize("name", STUDIES)
def test_no_job_requests_more_gpus_than_its_engine_uses(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [ROOT / f"config/{each}.yaml" for each in STUDIES[name]]
    place_resources(files, tmp_path)
    settings: dict = {}
    for file in files:
        update_config(settings, loading.read_yaml(file))
    study = loading.parse_study(settings, name)
    jobs = jobs_of(files, tmp_path)
    wasted = {
        (job.rule, *job.wildcards.values()): (job.gpus, gpus_used(study, job))
        for job in jobs
        if job.gpus > gpus_used(study, job)
    }
    assert wasted == {}
    assert max(job.gpus for job in jobs) == MOST[name]


def rules_with_gpus() -> dict[str, str]:
    """Script by rule, for rules that request GPUs."""
    found = {}
    for file in RULE_FILES:
        scripts: dict[str, str] = {}
        for block in re.split(r"^(?=rule |use rule |checkpoint )", file.read_text(), flags=re.M):
            head = re.match(r"(?:use rule (\w+) as (\w+)|rule (\w+))", block)
            if head is None:
                continue
            base, renamed, plain = head.groups()
            script = re.search(r'SCRIPTS / "(\w+\.py)"', block)
            scripts[renamed or plain] = script[1] if script else scripts.get(base or "", "")
            if re.search(r"^\s+gpu=", block, flags=re.M):
                found[renamed or plain] = scripts[renamed or plain]
    return found


def test_every_script_gives_its_engine_the_gpus_of_the_job():
    """A job whose script reserves GPUs and opens an engine without them would use one of them."""
    rules = rules_with_gpus()
    assert {"generate", "score_target", "score_fixed", "divergence", "robustness_judge"} < set(
        rules
    )
    for rule, script in rules.items():
        tree = ast.parse((SCRIPTS / script).read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        reserving = [call for call in calls if getattr(call.func, "id", "") == "job"]
        assert any(len(call.args) == 2 for call in reserving), f"{rule}: reserves no GPU"
        if rule == "train":  # a process per GPU, in the recipe
            continue
        given = [key for call in calls for key in call.keywords if key.arg == "gpus"]
        texts = {ast.unparse(key.value) for key in given}
        assert texts in ({"devices"}, {"snakemake.resources.get('devices', 0)"}), f"{rule}: {texts}"


def test_no_function_ignores_the_gpus_that_it_gets():
    for file in sorted((ROOT / "workflow/manybaskets").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            arguments = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
            if "gpus" in arguments:
                read = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                assert "gpus" in read, f"{file.name}: {node.name}"
