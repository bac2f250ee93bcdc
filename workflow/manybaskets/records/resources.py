"""Files that come with the library: the only place that knows where they are.

`shipped` is a link to `resources/` in a checkout and a folder of the library in an installation.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_RESOURCES = "resources"


def library_folder() -> Path:
    """Folder of the library.

    Returns:
        Its path, whose parent has to be on `sys.path` for the library to be imported.
    """
    return Path(str(files("manybaskets")))


def resource(path: str) -> Path:
    """A file or folder in `resources/`.

    Args:
        path: relative to `resources/`, such as `rubrics/quality.yaml`.

    Returns:
        Its path. In a checkout that is the one in `resources/` itself, which rules name as input.
    """
    return (library_folder() / "shipped").resolve() / path


def checkout() -> Path | None:
    """The checkout from which the library is imported.

    Returns:
        Its top folder; None where the library is installed without the workflow.
    """
    folder = resource(".").parent
    return folder if (folder / "Snakefile").is_file() else None


def project_path(path: str | Path) -> Path:
    """A path that a config gives relative to the project.

    Args:
        path: relative to the project's top folder; absolute ones stay.

    Returns:
        Its path in the checkout. Without one, what begins with `resources/` is looked for in the
        library, and the rest in the working directory.
    """
    path, top = Path(path), checkout()
    if top is not None:
        return top / path
    inside = path.parts[:1] == (_RESOURCES,) and not path.exists()
    return resource(str(Path(*path.parts[1:]))) if inside else path
