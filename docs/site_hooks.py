"""MkDocs hooks: pages that live at the top of the repository, and links that only work there.

`CONTRIBUTING.md` and `CHANGELOG.md` stay where GitHub and contributors look for them; the site shows
them as pages. A link to a file outside docs/, such as a config, works on GitHub; the site has no such
file, so it shows the link's text alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Files at the top of the repository, and the pages that show them.
TOP_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live at the top of the repository."""
    top = Path(config.docs_dir).parent
    for name, page in TOP_PAGES.items():
        text = (top / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at pages of the site; keep only the text of links to other files."""
    at_top = page.file.src_uri in TOP_PAGES.values()

    def rewritten(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        if "://" in target:
            return link[0]
        # Where the target is, seen from the top of the repository.
        name = normpath(target if at_top else f"docs/{target}")
        if name in TOP_PAGES:
            return f"[{text}]({TOP_PAGES[name]}{anchor})"
        if name.startswith("docs/"):
            return f"[{text}]({name.removeprefix('docs/')}{anchor})"
        return text

    return _LINK.sub(rewritten, markdown)
