"""What the installation of this project has, by extra."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

from manybaskets.errors import UserError

DISTRIBUTION = "many-baskets"
_EXTRA = re.compile(r"""extra\s*==\s*["'](\w[\w-]*)["']""")
# Packages that are imported by another name than they are installed by.
_INSTALLED_AS = {
    "sklearn": "scikit-learn",
    "markdown_it": "markdown-it-py",
    "yaml": "PyYAML",
}


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
