"""Config files that do not exist: one message, before Snakemake opens them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from repository import LIBRARY

from manybaskets.command.config_files import config_files, missing_config
from manybaskets.errors import UserError


@pytest.mark.parametrize(
    ("typed", "files"),
    [
        ("plan --configfile a.yaml", ["a.yaml"]),
        ("--configfile a.yaml plan", ["a.yaml", "plan"]),
        ("--configfiles a.yaml b.yaml --cores 2", ["a.yaml", "b.yaml"]),
        ("--configfile=a.yaml figures", ["a.yaml"]),
        ("figures -n", []),
    ],
)
def test_words_that_snakemake_takes_for_config_files(typed, files):
    assert config_files(typed.split()) == files


def test_a_target_behind_configfile_is_named_with_the_right_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("study: mine\n")
    message = missing_config(["--configfile", "my.yaml", "plan"])
    assert "Snakemake takes `plan` for a config file" in message
    assert "snakemake plan --configfile my.yaml" in message
    assert missing_config(["plan", "--configfile", "my.yaml"]) is None


def test_a_missing_config_file_is_named_with_the_folder_as_the_library_words_it(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    message = missing_config(["-n", "--configfile", "my.yaml"])
    assert "does not exist: my.yaml" in message and str(tmp_path) in message
    labels = [line.split(":")[0] for line in str(UserError("a", "b", "c", "d")).splitlines()[1:]]
    assert [line.split(":")[0] for line in message.splitlines()[1:]] == labels


@pytest.mark.parametrize(
    "module",
    ["manybaskets/command/config_files.py", "snakemake_logger_plugin_manybaskets/__init__.py"],
)
def test_what_snakemake_loads_before_the_workflow_imports_nothing_of_the_library(module):
    """The library of the checkout in which Snakemake runs may be another than the installed one."""
    code = (
        f"import runpy, sys; runpy.run_path({str(LIBRARY / module)!r}); "
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'manybaskets'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
