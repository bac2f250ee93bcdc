"""What the installation of this project has, by extra."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from manybaskets.errors import UserError

DISTRIBUTION = "many-baskets"
_EXTRA = re.compile(r"""extra\s*==\s*["'](\w[\w-]*)["']""")
# What the rule files import, directly or not.
_IMPORTED = ("numpy", "polars", "pydantic", "yaml", "jinja2", "markupsafe", "matplotlib", "pygments",
             "rapidfuzz")  # fmt: skip
# Packages that are imported by another name than they are installed by.
_INSTALLED_AS = {
    "sklearn": "scikit-learn",
    "markdown_it": "markdown-it-py",
    "yaml": "PyYAML",
    "jinja2": "Jinja2",
    "markupsafe": "MarkupSafe",
}


def check_packages() -> None:
    """Check that the packages are there that plan a study and show its results.

    Raises:
        UserError: names the missing ones.
    """
    missing = [module for module in _IMPORTED if find_spec(module) is None]
    if missing:
        raise UserError(
            what=f"packages are not installed: {', '.join(map(installed_as, missing))}",
            where=f"the Python environment of Snakemake: {sys.prefix}",
            expected="the packages of this project in the environment that runs Snakemake",
            remedy="activate the environment (`source .venv/bin/activate` after `make setup`), or run "
            "`pip install -c constraints.txt -e .` in the checkout",
        )


def missing_package(error: ModuleNotFoundError) -> UserError | None:
    """What to do about a package that an extra would have installed.

    Args:
        error: of the import.

    Returns:
        A message that names the extra; None for what no extra has, which is a bug.
    """
    module = (error.name or "").partition(".")[0]
    extra = _extra_with(installed_as(module))
    if extra is None:
        return None
    return UserError(
        what=f"the package `{module}` is not installed",
        where="the Python environment of this job",
        expected=f"an installation with the extra `{extra}`",
        remedy=f"run `pip install -c constraints.txt -e '.[{extra}]'`, then rerun the same command",
    )


def installed_as(module: str) -> str:
    """Name of the package that has a module."""
    return _INSTALLED_AS.get(module, module)


def _extra_with(package: str) -> str | None:
    try:
        listed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return None
    for line in listed:
        name, extra = re.match(r"[\w.-]+", line), _EXTRA.search(line)
        if extra and name and _folded(name[0]) == _folded(package):
            return extra[1]
    return None


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
