"""The pages generated from the config's model are in step with it."""

import json
import re

import pytest
from repository import ROOT

from manybaskets.config import documentation
from manybaskets.config.study import Study

REMEDY = "run `PYTHONPATH=workflow python -m manybaskets.config.documentation`"


@pytest.mark.parametrize(
    ("path", "generate"),
    [
        (documentation.MARKDOWN, documentation.markdown),
        (documentation.SCHEMA, documentation.json_schema),
    ],
)
def test_generated_files_are_in_step_with_the_model(path, generate):
    assert (ROOT / path).read_text(encoding="utf-8") == generate(), REMEDY


def test_every_key_of_every_section_is_documented():
    schema = json.loads(documentation.json_schema())
    sections = [schema, *schema["$defs"].values()]
    documented = set(re.findall(r"^\| `(\w+)` \|", documentation.markdown(), re.MULTILINE))
    assert {key for section in sections for key in section.get("properties", {})} == documented
    assert set(Study.model_fields) <= documented


def test_every_key_has_a_description():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", documentation.markdown(), re.MULTILINE)
    assert [key for key, description in rows if not description.strip()] == []


def test_no_section_is_told_twice():
    headings = re.findall(r"^## (.*)$", documentation.markdown(), re.MULTILINE)
    assert len(headings) == len(set(headings))
