"""The environments of conda users, the exact versions and the package's ranges are in step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from repository import ROOT

FOLDED = re.compile(r"[-_.]+")


def name(requirement: str) -> str:
    return FOLDED.sub("-", re.split(r"[<>=\[; ]", requirement)[0]).lower()


def pins(file: str) -> dict[str, str]:
    environment = yaml.safe_load((ROOT / "envs" / file).read_text())
    listed = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return {name(pin): pin.split("==")[1] for pin in listed}


def constraints(file: str = "constraints.txt") -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    return {name(line): line.split("==")[1] for line in lines if "==" in line}


@pytest.mark.parametrize("file", ["light.yaml", "main.yaml", "openai.yaml"])
def test_conda_environments_have_the_exact_versions(file):
    exact = constraints()
    for package, version in pins(file).items():
        assert exact[package] == version


def test_every_dependency_of_the_package_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    vllm = {name(each) for each in extras.pop("vllm-cpu") + project["dependencies"]}
    assert vllm <= constraints("constraints-vllm.txt").keys()
    wanted = [*project["dependencies"], *sum(extras.values(), [])]
    assert {name(each) for each in wanted} <= constraints().keys()
    assert {name(each) for each in project["optional-dependencies"]["models"]} <= pins(
        "main.yaml"
    ).keys()
    without_workflow = {name(each) for each in project["dependencies"]} - {"snakemake", "pygments"}
    assert without_workflow == pins("light.yaml").keys()


def test_what_must_be_light_loads_no_heavy_package():
    """Parsing, measures, statistics, tables, figures and report in one fresh Python."""
    modules = ["config", "measures.stage", "statistics", "report.assemble", "report.counts",
               "report.figures", "measures.knowledge", "generation.answering",
               "mixes.training_set", "generation.replay", "generation.pilot.trial",
               "generation.throughput", "cards.mix_card", "generation.source"]  # fmt: skip
    code = f"import sys\nfor name in {modules}: __import__('manybaskets.' + name)\n"
    code += "print({'torch', 'transformers', 'peft', 'datasets', 'tokenizers'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "workflow",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_the_environment_of_vllm_has_all_that_a_job_without_torch_needs():
    """Versions are vLLM's own where it pins them: numpy, torch, transformers."""
    light, vllm = pins("light.yaml"), pins("vllm.yaml")
    assert {package for package in light if vllm.get(package) != light[package]} == {"numpy"}
    assert {"vllm", "torch", "transformers"} <= vllm.keys()


@pytest.mark.parametrize("file", ["light.yaml", "main.yaml", "openai.yaml"])
def test_the_versions_of_an_environment_go_together(file):
    """What is installed here is a solution: each version is the pinned one, and all that the packages
    of the environment ask of each other, and of others, holds. Asks no network."""
    marked = {"extra": ""}
    asked, seen, broken = list(pins(file).items()), set(), []
    for package, version in asked:
        assert Version(distribution(package).version).public == version, package
    todo = [package for package, _ in asked]
    while todo:
        package = todo.pop()
        if package in seen:
            continue
        seen.add(package)
        for line in distribution(package).requires or []:
            needed = Requirement(line)
            if needed.marker and not needed.marker.evaluate(marked):
                continue
            found = distribution(needed.name).version
            if not needed.specifier.contains(found, prereleases=True):
                broken.append(f"{package} asks for {needed}, {found} is there")
            todo.append(canonicalize_name(needed.name))
    assert not broken
    assert len(seen) > len(asked)


@pytest.mark.parametrize("file", ["light.yaml", "main.yaml", "openai.yaml", "vllm.yaml"])
def test_the_package_index_has_what_an_environment_asks_for(file, tmp_path):
    """Lets pip resolve the environment from nothing, which takes minutes; nothing is installed."""
    if not os.environ.get("RESOLVE_ENVIRONMENTS"):
        pytest.skip("RESOLVE_ENVIRONMENTS=1 is not set: it takes minutes and the network")
    listed = tmp_path / "requirements.txt"
    listed.write_text("".join(f"{package}=={version}\n" for package, version in pins(file).items()))
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    done = subprocess.run([*pip, "-r", str(listed)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_cluster_s_page_installs_the_plugins_that_were_tested():
    """vLLM's environment takes them without what they depend on: so they are named with their versions,
    and the rest of what they depend on is named or there."""
    page, exact = (ROOT / "docs/cluster.md").read_text(), constraints()
    for plugin in ("snakemake-executor-plugin-slurm", "snakemake-executor-plugin-slurm-jobstep"):
        assert f"{plugin}=={exact[plugin]}" in page
    line = next(line for line in page.splitlines() if " -e . vllm " in line)
    needed = {name(each) for each in distribution("snakemake-executor-plugin-slurm").requires}
    of_snakemake = {name(each) for each in distribution("snakemake").requires}
    own = {"snakemake-executor-plugin-slurm-jobstep", *of_snakemake, *pins("light.yaml")}
    assert needed - own <= set(line.split()[line.split().index("vllm") :])


def test_hooks_before_a_commit_have_the_exact_versions():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for pin in sum([hook["additional_dependencies"] for hook in hooks], []):
        assert constraints()[name(pin)] == pin.split("==")[1]
    assert {name(pin) for hook in hooks for pin in hook["additional_dependencies"]} == {
        "ruff",
        "snakefmt",
        "codespell",
    }
