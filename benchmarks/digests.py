"""Seconds to record and to check the digests of a study's results.

`python benchmarks/digests.py FOLDER` copies the results in FOLDER, records all files in one go, and
checks them as their readers do.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.jobs.run_identity import code_of
from manybaskets.records.made_files import check_inputs, record_outputs

ROOT = Path(__file__).resolve().parents[1]


def seconds(function, *arguments) -> float:
    """Wall-clock time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main(results: Path) -> None:
    """Print files, size and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "study"
        shutil.copytree(results, copy, symlinks=True, ignore=shutil.ignore_patterns("work"))
        files = [file for file in copy.rglob("*") if file.is_file() and not file.is_symlink()]
        size = sum(file.stat().st_size for file in files)
        record = seconds(record_outputs, copy, files, [], "benchmark")
        check = seconds(check_inputs, copy, files)
    code = seconds(code_of, [ROOT / "workflow", ROOT / "resources"], [])
    print(f"{len(files)} files, {size / 1e6:.0f} MB")
    print(f"recorded in {record:.2f} s, checked in {check:.2f} s; code read in {code:.2f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
