"""Copy the files of tests/extensions into the examples of CONTRIBUTING.md: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE, EXTENSIONS = ROOT / "CONTRIBUTING.md", ROOT / "tests" / "extensions"
# A code block with a file name; the tests write it to a folder under this name.
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def with_examples(page: str) -> str:
    """The text of a page, in which every block named after an extension has its content."""

    def block(found: re.Match[str]) -> str:
        file = EXTENSIONS / found[2]
        text = file.read_text(encoding="utf-8") if file.is_file() else found[3]
        return f'```{found[1]} title="{found[2]}"\n{text}```'

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(with_examples(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
