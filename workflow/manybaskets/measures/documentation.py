"""The list of all measures, generated from the registry.

`python -m manybaskets.measures.documentation` writes docs/measures.md.
"""

from __future__ import annotations

import importlib
import inspect
from itertools import groupby
from pathlib import Path

from manybaskets import measures
from manybaskets.measures.registry import SEPARATOR, Measure
from manybaskets.measures.variants import DESCRIPTIONS
from manybaskets.records.files import write_text

MARKDOWN = Path("docs/measures.md")

_HEAD = """# Measures

This page is generated from the registry by `python -m manybaskets.measures.documentation`. A study
names its measures in `measures`, `prompt_sets.<name>.measures` and `source_analysis.measures`
([configuration.md](configuration.md)).

A measure *per prompt* has one value per answer; its mean gets a bootstrap over prompts and training
seeds. A measure *of sets* has one value per set of answers; its spread comes from random halves of
the prompts, or from leaving out one prompt after the other. How intervals, tests and corrections are
made: [statistics.md](statistics.md).
"""
_DIRECTIONS = {"higher": "higher is more", "lower": "lower is more", "none": "no better side"}


def markdown() -> str:
    """Text of docs/measures.md: measures by module, each with its facts and its docstring."""
    plain = [each for each in measures.all_measures() if SEPARATOR not in each.name]
    pages = [_HEAD, _variants()]
    for module, group in groupby(sorted(plain, key=_place), key=lambda each: _place(each)[0]):
        about = (importlib.import_module(module).__doc__ or "").strip().split("\n\n")[0]
        pages.append(f"## {' '.join(about.split()).rstrip('.')}\n")
        pages += [_entry(each) for each in group]
    return "\n".join(pages)


def _place(measure: Measure) -> tuple[str, int]:
    function = inspect.unwrap(measure.function)
    return function.__module__, function.__code__.co_firstlineno


def _variants() -> str:
    lines = "\n".join(
        f"- `<measure>{SEPARATOR}{name}`: {text.partition(': ')[2]}"
        for name, text in DESCRIPTIONS.items()
    )
    return (
        "Measures marked *lexical* react to the length of answers. Each exists under control of "
        f"length, too; those per prompt as the first of these only:\n\n{lines}\n"
    )


def _entry(measure: Measure) -> str:
    facts = [
        measure.unit,
        "per prompt" if measure.level == "prompt" else "of sets",
        _DIRECTIONS[measure.direction],
    ]
    if measure.transform == "exp":
        facts.append("shown as its exponential, differences as ratios")
    if measure.lexical:
        facts.append("lexical")
    if measure.prompt_sets:
        facts.append(f"for {', '.join(measure.prompt_sets)} only")
    needs = sorted(measure.needs - {"responses"})
    if needs:
        facts.append(f"needs {', '.join(needs).replace('_', ' ')}")
    text = inspect.cleandoc(measure.description)
    return f"### `{measure.name}`: {measure.label}\n\n*{'; '.join(facts)}*\n\n{text}\n"


def main() -> None:
    """Write the page into the repository."""
    write_text(markdown(), MARKDOWN)


if __name__ == "__main__":
    main()
