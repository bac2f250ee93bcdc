"""All texts that users read, wherever they are written: none has a struck word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import LIBRARY, ROOT
from struck_words import struck_in

from manybaskets.config import documentation
from manybaskets.config.experiment_sections import study_model

# The embedded world's language is data: it has to say what its towns say.
DATA = [LIBRARY / "manybaskets/world"]
PYTHON = [
    file
    for folder in ("workflow/manybaskets", "workflow/scripts", "benchmarks")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if not any(file.is_relative_to(folder) for folder in DATA)
]
_TEXTS = [*LIBRARY.rglob("*.rst"), *LIBRARY.rglob("*.j2"), *(ROOT / "workflow/rules").glob("*.smk")]


def texts(module: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module, apart from docstrings; f-strings in one piece."""
    tree = ast.parse(module)
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            skipped.add(node.body[0].value)
        if isinstance(node, ast.JoinedStr) and node not in skipped:
            skipped.update(ast.walk(node))
            pieces = (each.value if isinstance(each, ast.Constant) else "…" for each in node.values)
            yield node.lineno, "".join(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.lineno, node.value


@pytest.mark.parametrize("folder", sorted({file.parent for file in PYTHON}), ids=lambda each: str(each.relative_to(ROOT)))  # fmt: skip
def test_no_text_of_a_module_has_a_struck_word(folder: Path):
    """Errors, terminal, log, table heads, captions, sentences of the report."""
    found = [
        f"{file.relative_to(ROOT)}:{line}: {struck}"
        for file in PYTHON
        if file.parent == folder
        for line, text in texts(file.read_text(encoding="utf-8"))
        if " " in text
        for struck in struck_in(text)
    ]
    assert not found, "\n".join(found)


def test_no_template_caption_or_message_of_a_rule_has_a_struck_word():
    found = [
        f"{file.relative_to(ROOT)}: {struck}"
        for file in _TEXTS
        for struck in struck_in(file.read_text(encoding="utf-8"))
    ]
    assert len(_TEXTS) > 20 and not found, "\n".join(found)


def test_no_description_of_a_key_has_a_struck_word():
    sections = dict(documentation._sections("", study_model()))
    assert len(sections) > 40
    found = [
        f"{path}.{key}: {struck}"
        for path, section in sections.items()
        for key, text in [("", section.__doc__ or "")]
        + [(key, field.description or "") for key, field in section.model_fields.items()]
        for struck in struck_in(text)
    ]
    assert not found, "\n".join(found)


def test_texts_of_a_module_are_all_found():
    module = '''"""It hangs on it."""
def f(x):
    """Mend it."""
    raise UserError(what=f"told {x} apart", where="a" "b", expected=x, remedy="Mend" + " it")
'''
    assert [text for _, text in texts(module)] == ["told … apart", "ab", "Mend", " it"]
    assert not re.search("hangs", "".join(text for _, text in texts(module)))
