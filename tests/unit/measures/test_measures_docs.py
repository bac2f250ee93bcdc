"""The page of measures is in step with the registry."""

import re

from repository import ROOT

from manybaskets import measures
from manybaskets.measures import documentation

REMEDY = "run `PYTHONPATH=workflow python -m manybaskets.measures.documentation`"


def test_the_page_is_in_step_with_the_registry():
    page = (ROOT / documentation.MARKDOWN).read_text(encoding="utf-8")
    assert page == documentation.markdown(), REMEDY


def test_every_measure_has_its_entry_and_says_what_it_is():
    entries = re.split(r"^### ", documentation.markdown(), flags=re.MULTILINE)[1:]
    told = {re.match(r"`(\w+)`", entry)[1]: entry for entry in entries}
    assert set(told) == {each.name.partition("@")[0] for each in measures.all_measures()}
    assert len(told) == len(entries)
    for name, entry in told.items():
        about = entry.split("\n\n")[2]
        assert len(about) > 20, name
