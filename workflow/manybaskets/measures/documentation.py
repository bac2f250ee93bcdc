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
from manybaskets.records.writing import write_text

MARKDOWN = Path("docs/measures.md")

_HEAD = """# Measures

Select measures with the config keys `measures`, `prompt_sets.<name>.measures` and
`source_analysis.measures` ([configuration.md](configuration.md)).

A *per-prompt measure* has one value per response; its mean has a bootstrap interval over prompts and
training seeds.
A *set-level measure* has one value per set of responses; its interval comes from leaving out
single prompts or groups of prompts, or from random halves of them.
[statistics.md](statistics.md) describes intervals, tests and corrections.

To add a measure, see [CONTRIBUTING.md](../CONTRIBUTING.md#a-measure).

This page is generated: edit the docstrings in `workflow/manybaskets/measures/` and run `make docs`.
"""
_DIRECTIONS = {
    "higher": "higher is more",
    "lower": "lower is more",
    "none": "no preferred direction",
}


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
        "Measures marked *lexical* depend on the length of answers. Each also exists in variants that "
        f"control for length; per-prompt measures in the first variant only:\n\n{lines}\n"
    )


def _entry(measure: Measure) -> str:
    facts = [
        measure.unit,
        "per prompt" if measure.level == "prompt" else "set level",
        _DIRECTIONS[measure.direction],
    ]
    if measure.transform == "exp":
        facts.append("shown as exponential, differences as ratios")
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
