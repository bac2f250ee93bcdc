"""Copied results keep the order of their files' times, and touched inputs stay as old as they were."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from manybaskets.errors import UserError
from manybaskets.records.file_times import absent_inputs, record_times, restore_times

SECOND = 10**9


@pytest.fixture
def original(tmp_path, monkeypatch):
    """A working directory with a shipped file, older results, and their record."""
    place = tmp_path / "original"
    monkeypatch.chdir(_working_directory(place))
    results = Path("results/study")
    for number, name in enumerate(["data/raw.parquet", "statistics/table.parquet", "report.html"]):
        _write(results / name, name, 2000 + number)
    _write(Path("shipped.csv"), "published", 1000)
    record_times(results, [Path("shipped.csv")])
    return place


def test_a_copy_gets_the_times_of_the_original(original, tmp_path, monkeypatch):
    _copy(original, tmp_path / "copy", monkeypatch)
    newest = max(_times())
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 4
    assert _times() == [1000, 2000, 2001, 2002] and newest > 2002
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 0


def test_changed_files_of_a_copy_keep_their_times(original, tmp_path, monkeypatch):
    _copy(original, tmp_path / "copy", monkeypatch)
    Path("shipped.csv").write_text("corrected")
    Path("results/study/report.html").write_text("longer than it was")
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 2
    shipped, raw, table, report = _times()
    assert (raw, table) == (2000, 2001) and min(shipped, report) > 2002


def test_a_touched_input_is_as_old_as_it_was_where_results_were_made(original):
    os.utime("shipped.csv")
    os.utime("results/study/report.html")
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 1
    shipped, *_, report = _times()
    assert shipped == 1000 and report > 2002


def test_a_later_run_does_not_make_a_touched_input_newer(original):
    os.utime("shipped.csv")
    record_times(Path("results/study"), [Path("shipped.csv")])
    restore_times(Path("results/study"), [Path("shipped.csv")])
    assert _times()[0] == 1000


def test_all_results_of_a_finished_study_are_equally_old_in_a_copy(original, tmp_path, monkeypatch):
    """Raw rows that were made again and are the same are newer than all that was made from them."""
    os.utime("results/study/data/raw.parquet", ns=(3000 * SECOND, 3000 * SECOND))
    record_times(Path("results/study"), [Path("shipped.csv")], up_to_date=True)
    _copy(original, tmp_path / "copy", monkeypatch)
    restore_times(Path("results/study"), [Path("shipped.csv")])
    assert _times() == [1000, 3000, 3000, 3000]


def test_an_input_of_the_recorded_time_is_not_read_again(original, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(hashlib, "file_digest", None)  # reading it would be an error
        record_times(Path("results/study"), [Path("shipped.csv")])
    os.utime("shipped.csv")
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 1


def test_inputs_of_the_original_may_be_missing_in_a_copy(original, tmp_path, monkeypatch):
    _write(Path("answers.jsonl"), "{}", 1500)
    inputs = [Path("shipped.csv"), Path("answers.jsonl"), Path("never-there.csv")]
    record_times(Path("results/study"), inputs)
    assert absent_inputs(Path("results/study")) == frozenset()
    _copy(original, tmp_path / "copy", monkeypatch)
    Path("answers.jsonl").unlink()
    restore_times(Path("results/study"), inputs)
    assert absent_inputs(Path("results/study")) == {"answers.jsonl"}
    record_times(Path("results/study"), inputs)
    assert absent_inputs(Path("results/study")) == {"answers.jsonl"}
    _copy(tmp_path / "copy", tmp_path / "copy of the copy", monkeypatch)
    restore_times(Path("results/study"), inputs)
    assert absent_inputs(Path("results/study")) == {"answers.jsonl"}


def test_results_without_a_record_stay_as_they_are(original, tmp_path, monkeypatch):
    _copy(original, tmp_path / "copy", monkeypatch)
    Path("results/study/file-times.json").unlink()
    before = _times()
    assert restore_times(Path("results/study"), [Path("shipped.csv")]) == 0
    assert _times() == before and absent_inputs(Path("results/study")) == frozenset()


def test_times_that_cannot_be_set_are_an_error(original, tmp_path, monkeypatch):
    _copy(original, tmp_path / "copy", monkeypatch)

    def refuse(file, ns=None):
        raise PermissionError(1, "Operation not permitted", str(file))

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(UserError, match="cannot be set: Operation not permitted"):
        restore_times(Path("results/study"), [Path("shipped.csv")])


def _working_directory(place: Path) -> Path:
    place.mkdir()
    return place


def _write(file: Path, text: str, second: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, ns=(second * SECOND, second * SECOND))


def _copy(original: Path, copy: Path, monkeypatch) -> None:
    """A clone with copied results: without times, and without what Snakemake knows."""
    shutil.copytree(original, copy, copy_function=shutil.copyfile)
    shutil.rmtree(copy / ".snakemake")
    monkeypatch.chdir(copy)


def _times() -> list[int]:
    files = ["shipped.csv"]
    files += [
        f"results/study/{name}"
        for name in ("data/raw.parquet", "statistics/table.parquet", "report.html")
    ]
    return [os.stat(file).st_mtime_ns // SECOND for file in files]
