"""The changelog lists the renamed config keys and rules, and the released version."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from documents import hand_written, text_of
from repository import ROOT

from manybaskets.config.documentation import _models
from manybaskets.config.experiment_sections import study_model
from manybaskets.config.sections import Section

_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
_RULE = re.compile(r"^\s*(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)


def renamed_keys(
    section: type[Section] | None = None, old: str = "", new: str = ""
) -> Iterator[tuple[str, str]]:
    """Old and new path of every key whose last step has a new name."""
    section = section or study_model()
    for name, info in section.model_fields.items():
        before = section.old_keys().get(name, name)
        if before != name:
            yield f"{old}{before}", f"{new}{name}"
        for inner, model in _models(info.annotation):
            yield from renamed_keys(model, f"{old}{before}{inner}.", f"{new}{name}{inner}.")


def table(heading: str) -> list[tuple[str, str]]:
    """Rows of the table below a heading, without its head."""
    rows = _ROW.findall(text_of("CHANGELOG.md").split(f"{heading}\n\n")[1].split("\n\n")[0])
    return [(old, new) for old, new in rows if old.startswith("`")]


def test_every_renamed_key_is_listed():
    listed = [(old.strip("`"), new.strip("`")) for old, new in table("Renamed config keys:")]
    assert listed == list(dict.fromkeys(renamed_keys()))


def test_renamed_rules_exist_under_their_new_names_alone():
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    rules = {rule for file in files for rule in _RULE.findall(file.read_text(encoding="utf-8"))}
    listed = table("Renamed rules:")
    assert listed
    for old, new in listed:
        assert not rules & set(re.findall(r"`(\w+)`", old))
        assert rules >= set(re.findall(r"`(\w+)`", new))
    engines = "vllm|openai|transformers"
    assert not [rule for rule in rules if re.search(rf"^attack_|_(?:{engines})$", rule)]


def test_pages_use_the_new_keys():
    """Full paths of old keys, such as `training.keep`; those of one step are words of their own."""
    old = [old for old, _ in renamed_keys() if "." in old and "<name>" not in old]
    for page in set(hand_written()) - {"CHANGELOG.md"}:
        used = [key for key in old if re.search(rf"`{re.escape(key)}\b", text_of(page))]
        assert not used, page


def test_the_released_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == project["version"]
    assert f"version: {project['version']}\n" in text_of("CITATION.cff")
