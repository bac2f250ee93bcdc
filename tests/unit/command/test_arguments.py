"""Words of the command line: what is a config file, a target or an option, in any order."""

from __future__ import annotations

import shlex

import pytest

from manybaskets.command.arguments import read_words, snakemake_options


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ""),
        ("my.yaml", "--configfile my.yaml"),
        ("my.yaml figures", "figures --configfile my.yaml"),
        ("figures my.yaml tables", "figures tables --configfile my.yaml"),
        ("--cores 2 my.yaml", "--cores 2 --configfile my.yaml"),
        ("-n my.yml", "-n --configfile my.yml"),
        ("--configfile my.yaml figures", "figures --configfile my.yaml"),
        ("--configfile=my.yaml figures", "figures --configfile my.yaml"),
        ("a.yaml b.yaml --keep-going", "--keep-going --configfile a.yaml b.yaml"),
        ("--profile slurm my.yaml report", "report --profile slurm --configfile my.yaml"),
        ("my.yaml --config seed=3 study=x", "--config seed=3 study=x --configfile my.yaml"),
        ("--forcerun train measure", "--forcerun train measure"),
        ("--set-resources train:mem_mb=9 my.yaml", "--set-resources train:mem_mb=9 --configfile my.yaml"),
        ("my.yaml -- --verbose --rerun-triggers mtime", "--verbose --rerun-triggers mtime --configfile my.yaml"),
        ("results/a/report.html my.yaml", "results/a/report.html --configfile my.yaml"),
    ],
)  # fmt: skip
def test_targets_come_first_and_config_files_last(typed, expected):
    words = read_words(shlex.split(typed), snakemake_options)
    assert shlex.join(words.command()) == expected


def test_a_question_comes_before_all_targets():
    words = read_words(["my.yaml", "--profile", "slurm"], snakemake_options)
    asked = ["plan", "--profile", "slurm", "--configfile", "my.yaml"]
    assert words.command("plan") == asked


def test_the_options_of_snakemake_are_asked_for_only_where_they_matter():
    def never():
        raise AssertionError("importing Snakemake takes most of a second")

    assert read_words(["my.yaml", "figures", "-n"], never).command()[0] == "figures"
