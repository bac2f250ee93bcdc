"""Results prove that they are what their job wrote, and the same result made again is not newer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from manybaskets.errors import UserError
from manybaskets.records import made_files
from manybaskets.records.made_files import check_inputs, record_outputs, restore_remade

STAMP = ".snakemake_timestamp"


@pytest.fixture
def results(tmp_path) -> Path:
    """A study with two recorded answers files and an adapter."""
    results = tmp_path / "results/study"
    for name in ("a", "b"):
        file = results / f"runs/{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"prompt_id": [name], "text": ["text"]}).write_parquet(file)
    write_adapter(results / "adapter")
    made(results)
    return results


def write_adapter(folder: Path, weight: bytes = b"\x01" * 64) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(weight)
    (folder / "adapter_config.json").write_text("{}")
    (folder / STAMP).touch()


def outputs(results: Path) -> list[Path]:
    return [results / "runs/a.parquet", results / "runs/b.parquet", results / "adapter"]


def made(results: Path, inputs=()) -> None:
    record_outputs(results, outputs(results), inputs, "train")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def of_another_run(results: Path) -> None:
    shutil.copyfile(results / "runs/b.parquet", results / "runs/a.parquet")


def truncated(results: Path) -> None:
    file = results / "runs/a.parquet"
    file.write_bytes(file.read_bytes()[:-10])


def emptied(results: Path) -> None:
    (results / "runs/a.parquet").write_bytes(b"")


def flipped_in_place(results: Path) -> None:
    """With the time of the file as it was."""
    file = results / "adapter/adapter_model.safetensors"
    status = file.stat()
    flip(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def lost(results: Path) -> None:
    (results / "adapter/adapter_config.json").unlink()


def planted(results: Path) -> None:
    (results / "adapter/config.json").write_text("{}")


FAULTS = [of_another_run, truncated, emptied, flipped_in_place, lost, planted]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_result_that_its_job_did_not_write_stops_the_next_job(results, fault):
    check_inputs(results, outputs(results))
    fault(results)
    with pytest.raises(UserError) as caught:
        check_inputs(results, outputs(results))
    told = str(caught.value)
    place = "runs/a.parquet" if "runs" in told else "adapter"
    assert str(results / place) in told and "rule `train`" in told
    assert f"run `rm -r {results / place}` and rerun the same command" in told


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("answers.parquet", b"", "is empty"),
        ("answers.parquet", b"PAR1 half of a file", "is truncated"),
        ("answers.parquet", b"{} and more", "is not a parquet file"),
        ("vectors.npy", b"rows", "is not a npy file"),
        ("counts.json", b"", "is empty"),
        ("figure.svg", b"", "is empty"),
    ],
)
def test_a_result_of_an_older_version_is_checked_by_its_form(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        check_inputs(tmp_path, [tmp_path / name])


def test_sound_results_without_a_record_and_files_of_the_user_are_taken(results, tmp_path):
    shutil.rmtree(results / made_files.FOLDER)
    (results / "rows.jsonl").touch()  # a list of rejected answers may be empty
    (tmp_path / "rows.parquet").touch()  # the user's own; who reads it checks it
    check_inputs(results, [*outputs(results), results / "rows.jsonl", tmp_path / "rows.parquet"])


def test_a_torn_record_counts_as_none(results):
    record = results / made_files.FOLDER / "runs/a.parquet.json"
    record.write_text(record.read_text()[:20])
    check_inputs(results, outputs(results))


def test_copied_results_are_checked_like_the_original(results, tmp_path):
    copy = tmp_path / "elsewhere/study"
    shutil.copytree(results, copy, copy_function=shutil.copyfile)
    check_inputs(copy, outputs(copy))
    flip(copy / "runs/a.parquet")
    with pytest.raises(UserError, match="changed"):
        check_inputs(copy, outputs(copy))


def test_a_folder_that_is_made_again_and_is_the_same_gets_its_old_time(results):
    stamp = results / "adapter" / STAMP
    before = json.loads((results / made_files.FOLDER / "adapter.json").read_text())["since"]
    write_adapter(results / "adapter")
    made(results)
    assert stamp.stat().st_mtime_ns > before
    assert restore_remade(results) == 1
    assert stamp.stat().st_mtime_ns == before
    assert restore_remade(results) == 0


def test_the_time_that_a_training_took_makes_no_other_adapter(results):
    """An adapter that is trained again has the same weights, and another manifest and card."""

    def trained(seconds: float, loss: float, weight: bytes = b"\x01" * 64) -> int:
        write_adapter(results / "adapter", weight)
        manifest = {"kept_eval_loss": loss, "launch": {"seconds": seconds}, "git_commit": "a"}
        (results / "adapter/manifest.json").write_text(json.dumps(manifest))
        (results / "adapter/README.md").write_text(f"Trained in {seconds} s.")
        made(results)
        check_inputs(results, [results / "adapter"])
        return restore_remade(results)

    assert [trained(9.0, 1.5), trained(8.0, 1.5), trained(8.0, 1.4)] == [0, 1, 0]
    assert trained(8.0, 1.4, weight=b"\x02" * 64) == 0


def test_a_folder_with_another_content_stays_new(results):
    write_adapter(results / "adapter", weight=b"\x02" * 64)
    made(results)
    assert restore_remade(results) == 0


def test_a_folder_does_not_become_older_than_what_it_was_made_from(results):
    """Its own rule would run again and again."""
    model = results / "model.json"
    model.write_text("another model, the same adapter")
    record_outputs(results, [model], [], "fetch")
    since = json.loads((results / made_files.FOLDER / "model.json.json").read_text())["since"]
    write_adapter(results / "adapter")
    made(results, [model])
    restore_remade(results)
    assert (results / "adapter" / STAMP).stat().st_mtime_ns == since


def test_large_files_are_read_again_only_if_their_time_changed(results, monkeypatch):
    monkeypatch.setattr(made_files, "_READ_ALWAYS", 1)
    made(results)
    monkeypatch.setattr(made_files, "_sha256", lambda file: pytest.fail(f"{file} was read"))
    check_inputs(results, [results / "adapter"])


def test_a_fetched_model_is_known_by_the_names_in_the_cache(tmp_path):
    """Hugging Face's cache names large files by their SHA-256; a copy may hold the files themselves."""
    results, cache = tmp_path / "results", tmp_path / "cache"
    cache.mkdir()
    weights = b"weights"
    blob = cache / made_files.hashlib.sha256(weights).hexdigest()
    blob.write_bytes(weights)
    model = results / "model"
    model.mkdir(parents=True)
    (model / "model.safetensors").symlink_to(blob)
    record_outputs(results, [model], [], "fetch_model")
    check_inputs(results, [model])
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").write_bytes(weights)
    check_inputs(results, [model])
    (model / "model.safetensors").write_bytes(b"others!")
    with pytest.raises(UserError, match="changed"):
        check_inputs(results, [model])
