"""The list of all measures, generated from the registry.

`python -m manybaskets.measures.documentation` writes docs/measures.md.
"""

from __future__ import annotations

import importlib
import inspect
import math
from functools import cache
from itertools import groupby
from pathlib import Path

from manybaskets import measures
from manybaskets.measures import collapse
from manybaskets.measures.registry import SEPARATOR, Measure
from manybaskets.measures.variants import DESCRIPTIONS, LEN_MATCHED
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

Answers in languages that a measure does not know have no value, and a set with more than a tenth of them
has none ("no value: …").
Measures that need embeddings know the languages of the encoder (`embedding.languages`): English for the
packaged one.
Measures of words know all scripts with spaces between words, and count every Han and kana as a word; Thai,
Lao, Khmer, Burmese and Tibetan are not divided into words, and answers of emoji alone have none.
`words.tokenizer` sets a tokenizer whose tokens are the words instead, such as that of a multilingual model.
An answer in several scripts is known if at most a quarter of its letters is in a script that is not.

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
    pages = [_HEAD, _variants(), collapse_section()]
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
        f"control for length; per-prompt measures in the first variant only:\n\n{lines}\n\n"
        "Measures of the distance between whole answers depend on it too, and have the variant "
        f"`{LEN_MATCHED}`.\n"
    )


_COLLAPSE = """## What measures say to collapsed sets

Every set-level measure, on made-up sets of {prompts} answers (MAUVE: {mauve}) that are compared in
one study:

{conditions}

Sentence vectors come from a made-up encoder, a random vector per word.
A measure with a preferred direction must find the copies least diverse of all, classes and prefix
less diverse than the varied set, and the other order of sentences equal to it (within {same:.0%} of
the way to copies); its variant `{cut}` must not change with the length of answers.
`tests/unit/measures/test_collapse.py` checks all of it.
Values in brackets are free: they follow the length of answers, or are explained below the table.
Under `{cut}`, copies are cut where the shortest answer to their prompt ends, so that they are no longer
quite the same.

{ranking}

{blind}

The set-level measures without a preferred direction do not rank sets by diversity: `semantic_between` and
`semantic_sentences`, published as such, give one answer of unlike sentences a high value however
often it is given, and MTLD, HD-D and MATTR measure a text.

{others}

A per-prompt measure is about an answer: to a set of copies it gives the value of that answer.
Measures of likelihoods rest on a model's probabilities and not on how answers differ.
Measures of the embedded world were tried on its own answers, with three classes:

{world}
"""
_PROMPTS, _MAUVE_PROMPTS = 200, 500


@cache
def collapse_section() -> str:
    """The collapse table of all set-level measures."""
    sets = [each for each in measures.all_measures() if each.level == "set"]
    sets = sorted((each for each in sets if "likelihood" not in each.needs), key=_place)
    ranking = [each for each in sets if each.of_set_diversity]
    of_world = [each for each in ranking if set(collapse.expected(each)) == {"copies", "classes"}]
    names = list(collapse.CONDITIONS)
    return _COLLAPSE.format(
        prompts=_PROMPTS,
        mauve=_MAUVE_PROMPTS,
        conditions="\n".join(f"- *{name}*: {about}" for name, about in collapse.CONDITIONS.items()),
        same=collapse.SAME,
        cut=LEN_MATCHED,
        ranking=_table([each for each in ranking if each not in of_world], names),
        blind="\n".join(
            f"`{name}` does not see *{condition}*: {why}."
            for name, sees in collapse.BLIND.items()
            for condition, why in sees.items()
        ),
        others=_table([each for each in sets if not each.of_set_diversity], names),
        world=_table(of_world, [collapse.BASE, "copies", "classes"]),
    )


def _table(listed: list[Measure], names: list[str]) -> str:
    lines = ["| measure | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for each in listed:
        clustered = "mauve" in each.name
        values = collapse.measured([each], _MAUVE_PROMPTS if clustered else _PROMPTS)[each.name]
        # k-means may differ in the last digits between machines.
        shown = {
            key: f"{value:.1f}" if clustered else _shown(value) for key, value in values.items()
        }
        sayings = {collapse.BASE: "", **collapse.expected(each)}
        free = set(names) - set(sayings) if each.of_set_diversity else set()
        cells = [f"({shown[name]})" if name in free else shown[name] for name in names]
        lines.append(f"| `{each.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(value: float) -> str:
    if math.isnan(value):
        return "null"
    value = round(value, 6)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}"


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
    elif measure.length_controls:
        facts.append(f"variants: {', '.join(measure.length_controls)}")
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
