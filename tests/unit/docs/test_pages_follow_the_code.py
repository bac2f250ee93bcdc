"""What pages list is what the code has: targets, rules, verdicts, failures, rooms."""

from __future__ import annotations

import re

from documents import hand_written, pages, text_of
from repository import LIBRARY, ROOT

from manybaskets.experiments import EXPERIMENTS
from manybaskets.experiments.preference import equal_quality, quality_model, verdicts
from manybaskets.status import failures

RULES = re.compile(r"^\s*(?:use rule \w+(?: from \w+)? as|rule|checkpoint) (\w+)", re.MULTILINE)


def test_paths_on_the_pages_exist():
    """Files and folders of the repository, and modules of the library."""
    folders = "workflow|tests|benchmarks|config|docs|resources|envs|slurm|workstation|profiles"
    path = re.compile(rf"`((?:{folders}|manybaskets)/[\w./-]+|manybaskets\.[\w.]+)`")
    for page in [*pages(), "README.md", "resources/README.md", "resources/published/README.md"]:
        for name in set(path.findall(text_of(page))):
            if name.startswith("resources/external/"):  # users put prompts and answers there
                continue
            place = name.replace(".", "/") if name.startswith("manybaskets.") else name
            under = LIBRARY if place.startswith("manybaskets/") else ROOT
            found = (under / place).exists() or (under / f"{place}.py").is_file()
            assert found, f"{page}: {name}"


def test_the_readme_lists_the_targets_of_the_snakefile():
    """Those that the Snakefile keeps on the driver: they gather files and run nothing."""
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    local = snakefile.split("localrules:")[1].split("\n\n")[0]
    targets = {*re.findall(r"\w+", local), *EXPERIMENTS.names()} - {"all"}
    listed = text_of("README.md").split("Targets, in the order of the data:")[1].split(".\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == targets


def test_commands_name_rules_and_targets_that_exist():
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    rules = {rule for file in files for rule in RULES.findall(file.read_text(encoding="utf-8"))}
    named = re.compile(r"--forcerun (\w+)|(?:--set-resources |\d )(\w+):\w+=")
    for page in hand_written():
        for forced, resourced in named.findall(text_of(page)):
            assert (forced or resourced) in rules, page


def test_the_page_on_self_preference_explains_every_verdict():
    source = (LIBRARY / "manybaskets/experiments/preference/verdicts.py").read_text(
        encoding="utf-8"
    )
    named = {value for name, value in vars(verdicts).items() if name.isupper() and name[0] != "_"}
    finer = {f"{verdicts.UNDECIDED}: {why}" for why in re.findall(r'UNDECIDED}: ([^"]+)"', source)}
    limits = {
        f"{verdicts.NOT_SEPARABLE}: {why}"
        for why in (
            equal_quality.SHARPNESS_UNKNOWN,
            equal_quality.TOO_DIFFERENT,
            equal_quality.ONE_GOLD,
            equal_quality.FEW_TEXTS,
            quality_model.NO_AGREEMENT,
            quality_model.NO_LENGTHS,
        )
    }
    page = text_of("docs/self-preference.md").split("### Verdicts")[1].split("\n### ")[0]
    explained = set(re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)) - {"verdict", "---"}
    assert len(finer) == 3
    groups = {verdicts.NOT_INTERPRETABLE, verdicts.NOT_SEPARABLE}
    assert explained == (named - groups) | finer | limits


def test_the_page_on_the_status_explains_every_kind_of_failure():
    kinds = {failures.FAILED, failures.SILENT, failures.ROWS, failures.REFUSED, failures.UNREADABLE}
    page = text_of("docs/plan-and-status.md").split("## Status")[1].split("\n## ")[0]
    explained = set(re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)) - {"kind", "---"}
    assert explained == kinds


def test_the_page_on_the_code_lists_every_room():
    library = LIBRARY / "manybaskets"
    rooms = {folder.parent.name for folder in library.glob("*/__init__.py")}
    modules = {file.name for file in library.glob("*.py")} - {"__init__.py"}
    listed = text_of("docs/development.md").split("## Rooms of the library")[1].split("\n## ")[0]
    cells = "".join(re.findall(r"^\| ([^|]+) \|", listed, re.MULTILINE))
    assert set(re.findall(r"`([\w.]+)`", cells)) == rooms | modules
