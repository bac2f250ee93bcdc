"""The pages generated from the config's model are in step with it."""

import json
import re

import pytest
from repository import ROOT
from struck_words import struck_in

from manybaskets.config import documentation
from manybaskets.config.study import Study

REMEDY = "run `PYTHONPATH=workflow python -m manybaskets.config.documentation`"


@pytest.mark.parametrize(
    ("path", "generate"),
    [
        (documentation.MARKDOWN, documentation.configuration_page),
        (documentation.SCHEMA, documentation.json_schema),
    ],
)
def test_generated_files_are_in_step_with_the_model(path, generate):
    assert (ROOT / path).read_text(encoding="utf-8") == generate(), REMEDY


def test_every_key_of_every_section_is_documented():
    schema = json.loads(documentation.json_schema())
    sections = [schema, *schema["$defs"].values()]
    documented = set(
        re.findall(r"^\| `(\w+)` \|", documentation.configuration_page(), re.MULTILINE)
    )
    assert {key for section in sections for key in section.get("properties", {})} == documented
    assert set(Study.model_fields) <= documented


def test_every_key_has_a_description():
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (.*) \|$", documentation.configuration_page(), re.MULTILINE
    )
    assert [key for key, description in rows if not description.strip()] == []


def test_no_section_is_told_twice():
    headings = re.findall(r"^## (.*)$", documentation.configuration_page(), re.MULTILINE)
    assert len(headings) == len(set(headings))


def test_every_link_of_the_page_leads_to_a_heading():
    page = documentation.configuration_page()
    anchors = [documentation._anchor(text) for text in re.findall(r"^## (.*)$", page, re.MULTILINE)]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\((#[^)]*)\)", page)) < set(anchors)


def test_the_index_leads_to_every_section():
    page = documentation.configuration_page()
    index = page.split("## Index")[1].split("\n## ")[0]
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)[2:]
    assert all(f"[{heading}](" in index for heading in headings)


def test_a_section_that_occurs_in_several_places_is_explained_once():
    page = documentation.configuration_page()
    for key in ("tensor_parallel", "prefix_caching", "key_variable"):
        assert len(re.findall(rf"^\| `{key}` \|", page, re.MULTILINE)) == 1
    engine = page.split("## `engine`, kind `vllm`\n")[1].split("\n## ")[0]
    assert "`sources.<name>.engine`, `responses.engine`, `judges.<name>.engine`" in engine


def test_descriptions_are_plain_english():
    assert list(struck_in(documentation.configuration_page())) == []
