"""Style measures: the Markdown structure of an answer, from a CommonMark parser.

Only the answer itself is read: neither prompt nor template. Elements count as they would appear in
HTML, raw HTML in an answer does not, and maths ($…$, \\(…\\), \\[…\\], environments) is taken for a
word, so that its asterisks and signs make no emphasis and no lists. Source of the set of elements:
Feuer & Hegde 2025, who counted them on whole pages.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure

# No pattern runs over code (`), and between dollars none over strong emphasis (**), so that prices
# are not maths.
_MATHS = re.compile(
    r"\$\$(?:(?!\*\*)[^$`])+\$\$"
    r"|\\\[(?:(?!\\\[)[^`])*?\\\]"
    r"|\\\((?:(?!\\\()[^`\n])*?\\\)"
    r"|\\begin\{([a-z]+\*?)\}[^`]{0,3000}?\\end\{\1\}"
    r"|(?<![\\$\w])\$(?![\s$])(?:(?!\*\*)[^$`\n\\]|\\.)*?(?<![\s\\])\$(?![\d$])"
)
_MATHS_WORD = "x"
_ELEMENTS = {
    "strong_open": "strong",
    "em_open": "em",
    "bullet_list_open": "ul",
    "ordered_list_open": "ol",
    "list_item_open": "li",
    "table_open": "table",
    "fence": "code",
    "code_block": "code",
    "code_inline": "code",
}


def count_elements(text: str) -> Counter[str]:
    """Counts of each element: strong, em, ul, ol, li, h1 to h6, p, code, table.

    A paragraph is one that HTML shows as such; items of a tight list are none. `code` counts blocks
    and inline code. Lists within lists count, too.
    """
    found: Counter[str] = Counter()
    for block in _parser().parse(_MATHS.sub(_MATHS_WORD, text)):
        if block.type == "heading_open":
            found[block.tag] += 1
        elif block.type == "paragraph_open":
            found["p"] += not block.hidden
        elif block.type in _ELEMENTS:
            found[_ELEMENTS[block.type]] += 1
        for token in block.children or ():
            if token.type in _ELEMENTS:
                found[_ELEMENTS[token.type]] += 1
    return found


@cache
def _parser():
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")


def _counts(inputs: Inputs, *elements: str) -> list[float | None]:
    """Occurrences of some elements in every answer; each answer is parsed once."""
    counted = inputs.shared("style", lambda: [count_elements(text) for text in inputs.texts])
    return [float(sum(found[element] for element in elements)) for found in counted]


def _any(inputs: Inputs, *elements: str) -> list[float | None]:
    return [float(count > 0) for count in _counts(inputs, *elements)]


@measure(label="Bold passages", unit="per answer", direction="none", level="prompt")
def style_strong(inputs: Inputs) -> list[float | None]:
    """Passages in strong emphasis (bold) in each answer."""
    return _counts(inputs, "strong")


@measure(label="Italic passages", unit="per answer", direction="none", level="prompt")
def style_em(inputs: Inputs) -> list[float | None]:
    """Passages in emphasis (italic) in each answer; asterisks in maths do not count."""
    return _counts(inputs, "em")


@measure(label="Lists", unit="per answer", direction="none", level="prompt")
def style_lists(inputs: Inputs) -> list[float | None]:
    """Lists in each answer, with bullets and numbered, those within lists included."""
    return _counts(inputs, "ul", "ol")


@measure(label="Bullet lists", unit="per answer", direction="none", level="prompt")
def style_ul(inputs: Inputs) -> list[float | None]:
    """Lists with bullets in each answer, those within lists included."""
    return _counts(inputs, "ul")


@measure(label="Numbered lists", unit="per answer", direction="none", level="prompt")
def style_ol(inputs: Inputs) -> list[float | None]:
    """Numbered lists in each answer, those within lists included."""
    return _counts(inputs, "ol")


@measure(label="List items", unit="per answer", direction="none", level="prompt")
def style_list_items(inputs: Inputs) -> list[float | None]:
    """Items of all lists of each answer."""
    return _counts(inputs, "li")


@measure(label="Headings", unit="per answer", direction="none", level="prompt")
def style_headings(inputs: Inputs) -> list[float | None]:
    """Headings of any of the six levels in each answer; a bold line does not count."""
    return _counts(inputs, "h1", "h2", "h3", "h4", "h5", "h6")


@measure(label="Headings of level 1", unit="per answer", direction="none", level="prompt")
def style_h1(inputs: Inputs) -> list[float | None]:
    """Headings of level 1 in each answer."""
    return _counts(inputs, "h1")


@measure(label="Headings of level 2", unit="per answer", direction="none", level="prompt")
def style_h2(inputs: Inputs) -> list[float | None]:
    """Headings of level 2 in each answer."""
    return _counts(inputs, "h2")


@measure(label="Headings of level 3", unit="per answer", direction="none", level="prompt")
def style_h3(inputs: Inputs) -> list[float | None]:
    """Headings of level 3 in each answer."""
    return _counts(inputs, "h3")


@measure(label="Headings of level 4", unit="per answer", direction="none", level="prompt")
def style_h4(inputs: Inputs) -> list[float | None]:
    """Headings of level 4 in each answer."""
    return _counts(inputs, "h4")


@measure(label="Paragraphs", unit="per answer", direction="none", level="prompt")
def style_paragraphs(inputs: Inputs) -> list[float | None]:
    """Paragraphs of each answer; items of a tight list and headings do not count."""
    return _counts(inputs, "p")


@measure(label="Code", unit="per answer", direction="none", level="prompt")
def style_code(inputs: Inputs) -> list[float | None]:
    """Code in each answer: fenced and indented blocks, and passages within a line."""
    return _counts(inputs, "code")


@measure(label="Tables", unit="per answer", direction="none", level="prompt")
def style_tables(inputs: Inputs) -> list[float | None]:
    """Tables with pipes in each answer."""
    return _counts(inputs, "table")


@measure(label="Answers with a list", unit="share", direction="none", level="prompt")
def style_any_list(inputs: Inputs) -> list[float | None]:
    """1 where the answer has a list, else 0."""
    return _any(inputs, "ul", "ol")


@measure(label="Answers with bold", unit="share", direction="none", level="prompt")
def style_any_strong(inputs: Inputs) -> list[float | None]:
    """1 where the answer has a passage in strong emphasis (bold), else 0."""
    return _any(inputs, "strong")


@measure(label="Answers with a heading", unit="share", direction="none", level="prompt")
def style_any_heading(inputs: Inputs) -> list[float | None]:
    """1 where the answer has a heading of any level, else 0."""
    return _any(inputs, "h1", "h2", "h3", "h4", "h5", "h6")
