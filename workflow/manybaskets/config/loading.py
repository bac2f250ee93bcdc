"""Load a config file; every error names the key, the value and a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from manybaskets.config.experiment_sections import check_experiment_sections, study_model
from manybaskets.config.kinds import KIND_ERRORS
from manybaskets.config.sections import VALUE_ERRORS, Section
from manybaskets.config.study import Study
from manybaskets.errors import UserError, did_you_mean
from manybaskets.extensions import KEY, listed_extensions, load_extensions


def parse_study(settings: Mapping[str, Any], where: str) -> Study:
    """Check settings read from a config file; its extensions are imported first.

    Raises:
        UserError: lists every invalid key with the value found.
    """
    load_extensions(listed_extensions(settings.get(KEY, []), where))
    try:
        study = study_model().model_validate(settings)
        check_experiment_sections(study)
        return study
    except ValueError as error:
        wrong = isinstance(error, ValidationError)
        lines = [_line(problem, settings) for problem in error.errors()] if wrong else [str(error)]
        raise UserError(
            what=f"the config has {len(lines)} error{'s' if len(lines) > 1 else ''}:\n    "
            + "\n    ".join(lines),
            where=where,
            expected="the keys of docs/configuration.md; config/config.yaml is a working example",
            remedy="fix the keys named above and rerun the same command",
        ) from None


def _line(problem: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    path = _keys(problem["loc"], settings, missing=problem["type"] == "missing")
    message = problem["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if problem["type"] == "missing":
        return f"{'.'.join(path)}: this key is missing"
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(path)}: unknown key{_meant(path, settings)}"
    if problem["type"] in ("renamed_key", *KIND_ERRORS, *VALUE_ERRORS):
        return f"{'.'.join(path)}: {message}"
    if problem["type"] == "union_tag_not_found":
        return f"{'.'.join(path)}: the key `kind` is missing"
    found = problem.get("input")
    # A whole section may contain a key that was pasted into it.
    shown = "" if isinstance(found, Mapping) else f" (found {found!r:.80})"
    return f"{'.'.join(path)}: {message}{shown}"


def _meant(path: Sequence[str], settings: Any) -> str:
    """A close key of the section in which an unknown key is: of the one that its other keys fit best."""
    section = settings
    for step in path[:-1]:
        inner = section.get(step) if isinstance(section, Mapping) else None
        section = section[int(step)] if isinstance(section, list) else inner
    others = set(section or ()) - {path[-1]}
    known = [set(each.model_fields) | set(each.old_keys().values()) for each in _all_sections()]
    fitting = max(len(keys & others) for keys in known)
    near = {key for keys in known if len(keys & others) == fitting for key in keys}
    return did_you_mean(path[-1], near) or did_you_mean(path[-1], set().union(*known))


def _all_sections(base: type[Section] = Section) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from _all_sections(section)


def _keys(steps: Sequence[int | str], settings: Any, *, missing: bool) -> list[str]:
    """The keys that lead to an error: its path without the kinds of pydantic's unions.

    An experiment's section may have such unions. They add the chosen kind to the path, a level that
    the file does not have. A key may have the name of a kind: it is in the file, or it is the last
    step, which is what is missing.
    """
    keys, value, entered = [], settings, True
    for number, step in enumerate(steps, 1):
        section = value if isinstance(value, Mapping) else {}
        a_key = step in section or (missing and number == len(steps))
        if entered and section.get("kind") == step and not a_key:
            entered = False
            continue
        keys.append(str(step))
        entered = True
        entry = value[step] if isinstance(value, list) and isinstance(step, int) else None
        value = section.get(step, entry)
    return keys


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that a section has twice; YAML's own loader keeps the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key `{key.value}` is already in line {seen[key.value]}",
                        problem_mark=key.start_mark,
                    )
                seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def load_study(path: Path) -> Study:
    """Read and check a config file.

    Raises:
        UserError: the file is missing, is not YAML, or has errors.
    """
    return parse_study(read_yaml(path), str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        UserError: the file is missing or is not a YAML mapping; names the line where parsing
            stopped.
    """
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except FileNotFoundError:
        raise UserError(
            what="the config file does not exist",
            where=str(path),
            expected="a YAML file such as config/config.yaml",
            remedy="check the path given to --configfile",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(
            what=f"the config is not YAML: {getattr(error, 'problem', None) or error}",
            where=f"{path}{line}",
            expected="YAML: `key: value` lines, indented with spaces",
            remedy="fix this line; config/config.yaml is a working example",
        ) from None
    if not isinstance(settings, dict):
        raise UserError(
            what="the config has no keys",
            where=str(path),
            expected="a mapping such as `study: my-study`",
            remedy="start from a copy of config/config.yaml",
        )
    return settings


def settings_of_run(
    settings: Mapping[str, Any], files: list[str] | list[Path], default: Path
) -> tuple[dict[str, Any], str]:
    """The settings of a run, and their config files.

    Args:
        settings: settings from the command line: merged config files and single `--config` values.
        files: config files from the command line; if there is none, `settings` changes the default
            file.

    Raises:
        UserError: a file is not YAML.
    """
    if files:
        for file in files:
            read_yaml(Path(file))
        return dict(settings), ", ".join(map(str, files))
    return merged_settings(read_yaml(default), settings), str(default)


def renamed_keys(settings: Mapping[str, Any], study: Study) -> list[str]:
    """One line for every renamed key in a config.

    Args:
        settings: the config, as it was read.
        study: the same, checked.
    """
    return list(_renamed(settings, study, "", ""))


def _renamed(settings: Any, section: Any, old_path: str, new_path: str) -> Iterator[str]:
    if not isinstance(settings, Mapping):
        return
    names = section.old_keys() if isinstance(section, Section) else {}
    new_names = {old: new for new, old in names.items()}
    for key, value in settings.items():
        name = new_names.get(key, key)
        old, new = f"{old_path}{key}", f"{new_path}{name}"
        if key != name:
            yield f"{old} is now {new}; rename it"
        inner = section.get(key) if isinstance(section, Mapping) else getattr(section, name, None)
        yield from _renamed(value, inner, f"{old}.", f"{new}.")


def merged_settings(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes, as Snakemake merges config files: sections key by key."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = merged_settings(merged[key], value) if both else value
    return merged
