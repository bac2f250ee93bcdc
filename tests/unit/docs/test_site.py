"""The documentation is a site: it builds, needs no other server, and every page can be reached."""

from __future__ import annotations

import re
import subprocess
import sys

import documents
import pytest
import yaml
from repository import ROOT


class Config(yaml.SafeLoader):
    """Reads mkdocs.yml, in which tags may name Python objects."""


Config.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, tag, node: None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; `--strict` fails on a broken link, a missing anchor or a page outside the nav."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site_and_in_its_search(site):
    names = {page.removeprefix("docs/").removesuffix(".md").lower() for page in documents.pages()}
    assert names <= {page.stem for page in site.glob("*.html")}
    index = (site / "search/search_index.json").read_text(encoding="utf-8")
    assert all(f'"location":"{name}.html"' in index.replace(": ", ":") for name in names)


def test_the_site_loads_nothing_from_other_servers(site):
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
    for page in site.glob("*.html"):
        assert not loads.findall(page.read_text(encoding="utf-8")), page.name


def test_every_page_can_be_reached_from_the_index():
    seen, todo = set(), ["docs/index.md"]
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            todo += sorted(documents.links(page) & set(documents.pages()))
    assert seen == set(documents.pages())


def test_the_index_and_the_navigation_name_every_page():
    nav = yaml.dump(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Config)["nav"])
    listed = documents.links("docs/index.md") | {"docs/index.md"}
    for page in documents.pages():
        assert page in listed, f"docs/index.md does not link to {page}"
        assert page.removeprefix("docs/").lower() in nav, f"mkdocs.yml does not list {page}"


@pytest.mark.parametrize("page", ["README.md", *documents.pages()])
def test_links_lead_to_files_of_the_repository(page):
    missing = [name for name in documents.links(page) if not (ROOT / name).exists()]
    assert not missing
