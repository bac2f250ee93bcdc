"""The config's documentation and editor schema, generated from its model.

`python -m manybaskets.config.documentation` writes both files.
"""

from __future__ import annotations

import html
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from manybaskets.config.experiment_sections import study_model
from manybaskets.config.kinds import Kinds, kind_of
from manybaskets.records.writing import write_text

MARKDOWN = Path("docs/configuration.md")
SCHEMA = Path("config/study.schema.json")

_HEAD = """# Configuration

A study is one YAML file.
To complete keys and mark mistakes in an editor that supports YAML schemas, add this line at the top of a
config in `config/`:

```yaml
# yaml-language-server: $schema=study.schema.json
```

Unknown keys, undefined names and impossible combinations stop the run before any job starts.
`<name>` is a name of your choice, of lower-case letters, digits, `.`, `_` and `-`.
[CHANGELOG.md](../CHANGELOG.md) lists keys with a new name.

This page and `config/study.schema.json` are generated: edit the descriptions in
`workflow/manybaskets/config/` and run `make docs`.
"""
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def configuration_page() -> str:
    """Text of docs/configuration.md: an index, then every section once with a table of its keys."""
    study = study_model()
    paths: dict[type[BaseModel], list[str]] = {}
    for path, section in _sections("", study):
        if path not in paths.setdefault(section, []):
            paths[section].append(path)
    headings = {section: _heading(section, places) for section, places in paths.items()}
    blocks = [_HEAD, _index(study, paths, headings)]
    for section, places in paths.items():
        about = " ".join((section.__doc__ or "").split())
        if len(places) > 1:
            about += f" Used in {', '.join(f'`{path}`' for path in places)}."
        rows = ["| key | type | default | description |", "| --- | --- | --- | --- |"]
        rows += [_row(name, info, headings) for name, info in section.model_fields.items()]
        blocks.append(f"## {headings[section]}\n\n{about}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(blocks)


def json_schema() -> str:
    """JSON schema of a study's config."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **study_model().model_json_schema(),
        "title": "Many Baskets study",
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _sections(path: str, section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Paths and sections in order: a section, then its subsections, then kinds of a union."""
    yield path, section
    for name, info in section.model_fields.items():
        for inner, model in _models(info.annotation, info.metadata):
            yield from _sections(f"{path}.{name}{inner}".lstrip("."), model)


def _heading(section: type[BaseModel], paths: Sequence[str]) -> str:
    """Path of a section with one place, key of one with several places; then its kind."""
    path = paths[0]
    if len(paths) > 1:
        path = next(step for step in reversed(path.split(".")) if step != "<name>")
    return f"`{path}`{_kind(section)}" if path else "The study"


def _kind(section: type[BaseModel]) -> str:
    return f", kind `{kind_of(section)}`" if "kind" in section.model_fields else ""


def _anchor(heading: str) -> str:
    """The heading's anchor, as GitHub and the site's generator make it."""
    words = re.sub(r"[^\w\s-]", "", html.unescape(heading)).strip().lower()
    return "#" + re.sub(r"[-\s]+", "-", words)


def _index(
    study: type[BaseModel],
    paths: Mapping[type[BaseModel], Sequence[str]],
    headings: Mapping[type[BaseModel], str],
) -> str:
    """A line for every top-level key with sections, with links to all of them."""
    lines = [f"- [All top-level keys]({_anchor(headings[study])})"]
    for key in study.model_fields:
        links = {
            f"[{headings[section]}]({_anchor(headings[section])})": None
            for section, places in paths.items()
            if any(re.match(rf"{key}(\.|$)", place) for place in places)
        }
        if links:
            lines.append(f"- `{key}`: {'; '.join(links)}")
    return "## Index\n\n" + "\n".join(lines) + "\n"


def _models(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[tuple[str, type[BaseModel]]]:
    """Section models in a type, each with the path from the key to the section."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    kinds = next((each for each in metadata if isinstance(each, Kinds)), None)
    if kinds:
        yield from (("", model) for model in kinds.sections().values())
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif origin is Annotated:
        yield from _models(arguments[0], arguments[1:])
    elif origin is dict:
        yield from ((f".<name>{inner}", model) for inner, model in _models(arguments[1]))
    elif origin is list:
        yield from ((f"[]{inner}", model) for inner, model in _models(arguments[0]))
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _models(argument)


def _row(name: str, info: FieldInfo, headings: Mapping[type[BaseModel], str]) -> str:
    bounds = [
        f"{sign} {getattr(limit, bound)}"
        for limit in info.metadata
        for bound, sign in _BOUNDS.items()
        if getattr(limit, bound, None) is not None
    ]
    named = any(getattr(limit, "pattern", None) for limit in info.metadata)
    kind = "name" if named else _type(info.annotation, headings, info.metadata)
    cells = [f"`{name}`", ", ".join([kind, *bounds]), _default(info), info.description or ""]
    if name == "kind" and not info.description:
        cells[3] = "Selects this kind of section."
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(
    annotation: Any, headings: Mapping[type[BaseModel], str], metadata: Sequence[Any] = ()
) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    models = [model for _, model in _models(annotation, metadata)]
    if models and origin not in (dict, list):
        links = ", ".join(_link(model, headings) for model in models)
        optional = types.NoneType in arguments
        return f"section: {links}{' or null' if optional else ''}"
    if annotation is type(None):
        return "null"
    if origin is Annotated:
        named = any(getattr(limit, "pattern", None) for limit in _flat(arguments[1:]))
        return "name" if named else _type(arguments[0], headings, arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_plural(_type(arguments[0], headings))}"
    if origin is dict:
        value = _plural(_type(arguments[1], headings))
        linked = value.startswith("sections:")
        return value.replace("sections:", "sections by name:", 1) if linked else f"{value} by name"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(argument, headings) for argument in arguments))
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _link(model: type[BaseModel], headings: Mapping[type[BaseModel], str]) -> str:
    heading = headings[model]
    return f"[{heading.rpartition(', kind ')[2]}]({_anchor(heading)})"


def _plural(word: str) -> str:
    if word.startswith("section:"):
        return word.replace("section:", "sections:", 1)
    if word.startswith("list of"):
        return word.replace("list", "lists", 1)
    return word if word.endswith("`") or word == "text" else f"{word}s"


def _flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    """Constraints of an annotation, also those inside a `Field`."""
    for constraint in metadata:
        yield constraint
        yield from getattr(constraint, "metadata", ())


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        kind = getattr(value, "kind", None)
        plain = type(value)(**({"kind": kind} if kind else {}))
        changed = {name: own for name, own in value if own != getattr(plain, name)}
        shown = ({"kind": kind} if kind else {}) | changed
        return f"`{json.dumps(shown, ensure_ascii=False)}`" if shown else "the defaults of its keys"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def main() -> None:
    """Write the documentation and the schema into the checkout that is the working directory."""
    write_text(configuration_page(), MARKDOWN)
    write_text(json_schema(), SCHEMA)


if __name__ == "__main__":
    main()
