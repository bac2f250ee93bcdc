"""Every result of every stage, damaged in every way: the next job stops and says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from manybaskets.errors import UserError
from manybaskets.records.made_files import FOLDER, check_inputs


def emptied(file: Path, other: Path) -> bytes:
    return b""


def truncated(file: Path, other: Path) -> bytes:
    return file.read_bytes()[:-1]


def with_a_flipped_bit(file: Path, other: Path) -> bytes:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    return bytes(data)


def of_another_stage(file: Path, other: Path) -> bytes:
    return other.read_bytes()


FAULTS = [emptied, truncated, with_a_flipped_bit, of_another_stage]


def recorded(results: Path) -> dict[Path, str]:
    """The files that jobs wrote and that are not empty, with the names of their rules."""
    found = {}
    for record in sorted((results / FOLDER).rglob("*.json")):
        file = results / record.relative_to(results / FOLDER).with_suffix("")
        if file.is_file() and file.stat().st_size:
            found[file] = json.loads(record.read_text())["rule"]
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_result_is_known_by_its_digest(study, survived, fault):
    results = study.path("", "own")
    files = recorded(results)
    assert len(set(files.values())) >= 12, "the study has fewer stages than this test is about"
    for file, rule in files.items():
        other = next(each for each in files if each.read_bytes() != file.read_bytes())
        whole = file.read_bytes()
        file.write_bytes(fault(file, other))
        with pytest.raises(UserError) as caught:
            check_inputs(results, [file])
        file.write_bytes(whole)
        assert str(file) in str(caught.value) and f"rule `{rule}`" in str(caught.value)
        assert f"rm -r {file}" in caught.value.remedy
        check_inputs(results, [file])
        survived(
            f"a result that is {fault.__name__.replace('_', ' ')} (every output of every stage)"
        )


# The damaged result, the fault, and what its next stage would have written.
CHAINS = [
    ("data/clean.parquet", with_a_flipped_bit, "data/split.parquet"),
    ("sources/other/train.parquet", of_another_stage, "sources/other/measures.parquet"),
    ("statistics/summary.parquet", truncated, "tables/conditions-sources.csv"),
    ("data/raw.parquet", emptied, "data/clean.parquet"),
]


@pytest.mark.parametrize(("result", "fault", "next_one"), CHAINS, ids=[c[0] for c in CHAINS])
def test_the_next_stage_stops_and_what_it_says_heals(study, survived, result, fault, next_one):
    results = study.path("", "own")
    file, target = results / result, results / next_one
    whole, wanted = file.read_bytes(), target.read_bytes()
    file.write_bytes(fault(file, results / "sources/human/train.parquet"))
    target.unlink()
    relative = [str(each.relative_to(study.folder)) for each in (target, file)]
    ask = ["--cores", "1", "--configfile", "own.yaml", "--", relative[0]]
    stopped = study.run(*ask, check=False)
    assert stopped.returncode and not target.exists()
    assert "a result is not the one that its job wrote" in stopped.stdout, stopped.stdout[-3000:]
    assert f"run `rm -r {relative[1]}` and rerun the same command" in stopped.stdout
    assert "Traceback" not in stopped.stdout
    file.unlink()
    study.run(*ask[:-1], *relative)
    assert (file.read_bytes(), target.read_bytes()) == (whole, wanted)
    survived("a stage that reads a damaged result stops; its remedy makes the same bytes again")


def test_the_study_is_as_it_was(study):
    """The tests above have left nothing to do, and nothing behind."""
    assert study.planned("--configfile", "own.yaml") == {}
    assert not list(study.path("", "own").rglob("*.partial"))
