"""Config files of a `snakemake` command, checked before Snakemake opens them.

`profiles/default` runs this file, because Snakemake itself answers a missing config file with a traceback.
It imports nothing of the library: the workflow names the folder of the library later.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

CONFIG_OPTIONS = ("--configfile", "--configfiles")
CONFIG_SUFFIXES = (".yaml", ".yml")


def is_config(word: str) -> bool:
    """Whether a word of a command line is a config file rather than a target."""
    return word.endswith(CONFIG_SUFFIXES)


def config_files(words: Sequence[str]) -> list[str]:
    """The words that Snakemake takes for config files: all that follow the option, up to the next one."""
    files: list[str] = []
    listing = False
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            named = name in CONFIG_OPTIONS
            files += [value] if named and equals else []
            listing = named and not equals
        elif listing:
            files.append(word)
    return files


def missing_config(words: Sequence[str]) -> str | None:
    """What is wrong with the config files of a `snakemake` command: one of them does not exist.

    It may be a target that was typed after `--configfile`.
    """
    files = config_files(words)
    missing = next((file for file in files if not Path(file).is_file()), None)
    if missing is None:
        return None
    if len(files) > 1 and not is_config(missing):
        configs = " ".join(file for file in files if is_config(file))
        return _message(
            what=f"Snakemake takes `{missing}` for a config file",
            where="the command line: every word after `--configfile` is a config file",
            expected=f"targets first: snakemake {missing} --configfile {configs}",
            remedy=f"put `{missing}` before `--configfile`, or type "
            f"`manybaskets {missing} {configs}`",
        )
    return _message(
        what=f"the config file does not exist: {missing}",
        where=f"--configfile {missing}, from {Path.cwd()}",
        expected="a YAML file such as config/config.yaml",
        remedy="check the path; `manybaskets init DATA` writes a config for a data file",
    )


def _message(what: str, where: str, expected: str, remedy: str) -> str:
    """In the form of the library's errors."""
    return f"{what}\n  where:    {where}\n  expected: {expected}\n  to do:    {remedy}"


def stop_on_missing() -> None:
    """End the process with a message if a config file of its command line does not exist."""
    if Path(sys.argv[0]).stem in ("snakemake", "__main__") and (
        wrong := missing_config(sys.argv[1:])
    ):
        sys.exit(f"\n{wrong}")
