"""What an installation weighs.

    python benchmarks/installation.py [--extras analysis,models] [--largest 12]

Installs the project with the versions of constraints.txt into a new virtual environment (needs the
package index) and prints megabytes on disk: of the whole environment, pip included, and of the
largest packages.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "constraints.txt", "resources", "workflow")


def copy_sources(folder: Path) -> Path:
    """Copy what the package is built from: a build in the checkout would leave files behind."""
    for part in BUILT_FROM:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, symlinks=True)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder)
    return folder


def megabytes(path: Path) -> float:
    """Space that a file or folder takes on disk."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(each.lstat().st_blocks for each in files) * 512 / 1e6


def main() -> None:
    """Install, weigh and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="", help="separated by commas")
    parser.add_argument("--largest", type=int, default=12, help="packages to list")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        sources = copy_sources(Path(folder) / "sources")
        wanted = f".[{options.extras}]" if options.extras else "."
        pip = [environment / "bin/python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "-c", "constraints.txt", wanted], cwd=sources, check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        sizes = {each.name: megabytes(each) for each in packages.iterdir()}
        print(f"{megabytes(environment):8.0f} MB  the environment, `pip install {wanted}`")
        for name, size in sorted(sizes.items(), key=lambda each: -each[1])[: options.largest]:
            print(f"{size:8.0f} MB  {name}")


if __name__ == "__main__":
    main()
