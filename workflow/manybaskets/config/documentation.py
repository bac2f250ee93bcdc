"""The config's documentation and editor schema, generated from its model.

`python -m manybaskets.config.documentation` writes both files.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Sequence
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


def markdown() -> str:
    """Text of docs/configuration.md: a table of keys per section, kinds of a union one by one."""
    parts = [_HEAD]
    # Kinds may share a section inside them, such as `dataset.fields`; it is told once.
    for path, section in dict.fromkeys(_sections("", study_model())):
        about = " ".join((section.__doc__ or "").split())
        rows = ["| key | type | default | description |", "| --- | --- | --- | --- |"]
        rows += [_row(name, info) for name, info in section.model_fields.items()]
        parts.append(f"## {path or 'The study'}\n\n{about}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def json_schema() -> str:
    """JSON schema of a study's config."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **study_model().model_json_schema(),
        "title": "Many Baskets study",
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _sections(path: str, section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Headings and sections: a section, then those inside it, kinds of a union in turn."""
    suffix = f", kind `{kind_of(section)}`" if "kind" in section.model_fields else ""
    yield f"`{path}`{suffix}" if path else "", section
    for name, info in section.model_fields.items():
        for inner, model in _models(info.annotation, info.metadata):
            yield from _sections(f"{path}.{name}{inner}".lstrip("."), model)


def _models(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[tuple[str, type[BaseModel]]]:
    """Section models in a type, each with what stands between the key and the section."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    kinds = next((part for part in metadata if isinstance(part, Kinds)), None)
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


def _row(name: str, info: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(limit, bound)}"
        for limit in info.metadata
        for bound, sign in _BOUNDS.items()
        if getattr(limit, bound, None) is not None
    ]
    named = any(getattr(part, "pattern", None) for part in info.metadata)
    kind = ", ".join(["name" if named else _type(info.annotation), *bounds])
    cells = [f"`{name}`", kind, _default(info), info.description or ""]
    if name == "kind" and not info.description:
        cells[3] = "Chooses this section's form."
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if origin is Annotated:
        named = any(getattr(part, "pattern", None) for part in _flat(arguments[1:]))
        return "name" if named else _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_plural(_type(arguments[0]))}"
    if origin is dict:
        return f"{_plural(_type(arguments[1]))} by name"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(argument) for argument in arguments))
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _plural(word: str) -> str:
    return word if word.endswith("`") or word == "text" else f"{word}s"


def _flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    """Constraints of an annotation, also those inside a `Field`."""
    for part in metadata:
        yield part
        yield from getattr(part, "metadata", ())


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        plain = type(value)(**{name: own for name, own in value if name == "kind"})
        value = {name: own for name, own in value if own != getattr(plain, name)}
        changed = f", with `{json.dumps(value, ensure_ascii=False)}`" if value else ""
        return f"see its section{changed}"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def main() -> None:
    """Write the documentation and the schema into the checkout that is the working directory."""
    write_text(markdown(), MARKDOWN)
    write_text(json_schema(), SCHEMA)


if __name__ == "__main__":
    main()
