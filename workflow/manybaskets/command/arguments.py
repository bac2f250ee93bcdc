"""Words as people type them, and the Snakemake command that they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from manybaskets.command.config_files import CONFIG_OPTIONS, is_config

# How many words follow an option, by its name, as argparse gives it in `nargs`.
Following = Mapping[str, int | str | None]


@dataclass(frozen=True)
class TypedWords:
    """The words of a command line, by meaning.

    Args:
        targets: rules or files.
        options: of Snakemake, each before its values.
        configs: config files.
    """

    targets: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()

    def with_target(self, target: str) -> TypedWords:
        """The same words with one more target, in front."""
        return TypedWords((target, *self.targets), self.options, self.configs)

    def command(self, *targets: str) -> list[str]:
        """Arguments of `snakemake`: targets first, because `--configfile` takes every word that
        follows.

        Args:
            targets: in front of those that were typed.
        """
        configs = ("--configfile", *self.configs) if self.configs else ()
        return [*targets, *self.targets, *self.options, *configs]


def read_words(words: Sequence[str], options: Callable[[], Following]) -> TypedWords:
    """Sort the words of a command line; what follows `--` is passed on as it is.

    Args:
        words: without the name of the command.
        options: called if config files or targets may follow an option.
    """
    words, verbatim = _up_to_dashes(words)
    first = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    targets = [word for word in words[:first] if not is_config(word)]
    configs = [word for word in words[:first] if is_config(word)]
    passed: list[str] = []
    rest = list(words[first:])
    known = options() if any(not word.startswith("-") for word in rest) else {}
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in CONFIG_OPTIONS:
            # Targets end its list here, unlike in Snakemake.
            given = [value] if equals else [rest.pop(0)] if rest else []
            configs += given
        elif word.startswith("-"):
            passed.append(word)
            if not equals:
                passed += _values(rest, known.get(word, 0))
        elif is_config(word):
            configs.append(word)
        else:
            targets.append(word)
    return TypedWords(tuple(targets), (*passed, *verbatim), tuple(configs))


def _up_to_dashes(words: Sequence[str]) -> tuple[list[str], list[str]]:
    end = words.index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end + 1 :])


def _values(rest: list[str], following: int | str | None) -> list[str]:
    """Take the values of an option from the remaining words; a config file ends a list of values."""
    most = {None: 1, "?": 1, "*": len(rest), "+": len(rest)}.get(following, following)
    values: list[str] = []
    while rest and len(values) < most and not rest[0].startswith("-"):
        if is_config(rest[0]) and following in ("?", "*", "+"):
            break
        values.append(rest.pop(0))
    return values


def snakemake_options() -> dict[str, int | str | None]:
    """How many words follow each of Snakemake's options, by the option's name."""
    from snakemake.cli import get_argument_parser

    return {
        name: action.nargs
        for action in get_argument_parser()._actions
        for name in action.option_strings
    }
