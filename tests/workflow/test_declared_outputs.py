"""Snakemake makes a deleted file again only if something asks for it, so something must."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "unit/support/unread_outputs.py"
STUDIES = {
    "the embedded study": ["config.yaml"],
    "synthetic eggs": ["synthetic-eggs.yaml"],
    "synthetic eggs and preferences": [
        "synthetic-eggs.yaml",
        "synthetic-eggs.preference.yaml",
    ],
    "wildchat": ["wildchat-50m.yaml"],
}


@pytest.mark.parametrize("configs", STUDIES.values(), ids=STUDIES)
def test_every_output_is_read_or_asked_for(project, configs):
    files = [f"config/{config}" for config in configs]
    ended = subprocess.run(
        [sys.executable, SCRIPT, *files],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    count, *unread = ended.stdout.split("\n", 1)
    assert int(count.split()[0]) > 100
    assert "".join(unread).split() == []


@pytest.mark.parametrize(
    "file, rule",
    [
        ("figures/growth.png", "figure"),
        ("mixes/human/validation.jsonl", "mix"),
        ("mixes/multi/train.parquet", "mix_card"),
        ("sources/llama/quarantine.jsonl", "collect"),
        ("sources/llama/dataset.parquet", "source_card"),
        ("tables/throughput.tex", "throughput"),
        ("embeddings/test.keys.parquet", "embed"),
        ("preference/articles.json", "preference_articles"),
    ],
)
def test_a_deleted_file_is_made_again(copy_of_finished, file, rule):
    copy_of_finished.path(file).unlink()
    assert copy_of_finished.planned()[rule] == 1
