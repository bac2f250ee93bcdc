"""A table and a figure from files of the user's own: planned, made and shown by the ordinary rules."""

from __future__ import annotations

import json
import shutil

import polars as pl
from projects import REPOSITORY, Project

# The smallest study: no model, only the embedded world's human answers.
SETTINGS = {
    "study": "words",
    "extensions": ["words_table.py", "words_figure.py"],
    "dataset": {"kind": "embedded", "rows": 60, "towns": 16},
    "split": {"parts": 1, "test_share": 0, "validation_share": 0.1},
    "source_analysis": {
        "measures": ["response_words"], "similarity": {"metrics": []}, "topics": None,
    },
    "statistics": {"bootstrap_resamples": 1999, "half_samples": 20},
}  # fmt: skip


def test_a_table_and_a_figure_of_ones_own_are_made_and_reported(project: Project):
    for name in SETTINGS["extensions"]:
        shutil.copy2(REPOSITORY / "tests" / "extensions" / name, project.folder)
    (project.folder / "words.json").write_text(json.dumps(SETTINGS))
    project.run("results/words/report.html", "--cores", "2", "--configfile", "words.json")

    def result(relative: str):
        return project.path(relative, "words")

    table = pl.read_csv(result("tables/words.csv"))
    summary = pl.read_parquet(result("statistics/summary.parquet"))
    (mean,) = summary.filter(measure="response_words")["estimate"]
    assert table.row(0)[:4] == ("sources", "human", "train", mean)
    assert result("tables/words.tex").is_file() and result("figures/words.png").is_file()
    page = result("report.html").read_text(encoding="utf-8")
    assert page.count("Words per answer") >= 2
    assert "one bar per prompt set" in page and "with its interval" in page
