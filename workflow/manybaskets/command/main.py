"""The command `manybaskets`: what people type, turned into the same Snakemake command each time."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from manybaskets.command.arguments import read_words, snakemake_options
from manybaskets.command.snakemake_call import become, printed, snakemake_command
from manybaskets.errors import UserError, did_you_mean

USAGE = """\
usage: manybaskets COMMAND [CONFIG.yaml] [TARGET ...] [--verbose] [OPTION OF SNAKEMAKE ...]

  init DATA      write a commented config for a file of rows (CSV, JSONL or Parquet)
  check          check config, files, columns, models, packages, keys, servers and disk space
  plan           show what would run, how long it takes and what it costs
  run            run what is missing, with one line of progress
  status         show how far a study is, also while it runs
  figures        make the figures only; so do tables, report, browse, data and the other targets

Without a config file, the study is config/config.yaml. `--verbose` prints the Snakemake command;
other options, such as `-n`, `--cores 4` and `--profile slurm`, go to Snakemake, and so does
everything after `--`.
"""
# Answered without running a job.
QUESTIONS = ("plan", "status", "check")
# Targets that are commands, too, as are the experiments: `manybaskets figures` is `manybaskets run figures`.
STAGES = ("data", "models", "pilots", "sources", "mixes", "cards", "adapters", "responses", "measures",
          "tables", "figures", "report", "browse")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the command `manybaskets`.

    Args:
        arguments: the words after `manybaskets`; those of this process unless given.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    try:
        return _started(words[0], words[1:])
    except UserError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1


def _started(name: str, rest: list[str]) -> int:
    if name == "init":
        from manybaskets.command.first_config import init

        return init(rest)
    if name not in (*QUESTIONS, "run", *STAGES) and name not in (experiments := _experiments()):
        commands = ("init", "run", *QUESTIONS)
        others = (*STAGES, *experiments)
        raise UserError(
            what=f"there is no command '{name}'{did_you_mean(name, (*commands, *others))}",
            where=f"manybaskets {name}",
            expected=f"one of {', '.join(commands)}, or a target such as figures",
            remedy="type `manybaskets --help` for all commands; `manybaskets run TARGET` makes any "
            "target or file",
        )
    if "--help" in rest or "-h" in rest:
        print(USAGE, end="")
        return 0
    before = rest[: rest.index("--")] if "--" in rest else rest
    verbose = "--verbose" in before
    if verbose:
        rest.remove("--verbose")
    words = read_words(rest, snakemake_options)
    if name in QUESTIONS:
        command = snakemake_command(words.command(name))
        if verbose:
            print(printed(command), flush=True)
        become(command)
    from manybaskets.command.whole_run import run_study

    return run_study(words if name == "run" else words.with_target(name), verbose=verbose)


def _experiments() -> list[str]:
    """Names of the experiments, whose import takes longer than most commands."""
    from manybaskets.experiments import EXPERIMENTS

    return EXPERIMENTS.names()


if __name__ == "__main__":
    sys.exit(main())
