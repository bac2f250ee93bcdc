"""What a report opens with: several sources against one, or the comparisons of a study of sources."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import yaml
from fabricated_results import blended, blends, compared, condition, difference, summary
from repository import ROOT

from manybaskets.config.loading import parse_study
from manybaskets.config.study import Study
from manybaskets.presentation.page import Report, ReportSection, Table
from manybaskets.report.all_tables import tables_of
from manybaskets.report.assemble import assemble
from manybaskets.report.figures import planned_figures

NO_COUNTS = pl.DataFrame(
    schema={**dict.fromkeys(("stage", "item", "what"), pl.String), "count": pl.Int64}
)
OF_SOURCES = {"model": "sources", "prompt_set": "train", "family": "sources-against-human"}


def study(**changes) -> Study:
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return parse_study(settings | {"robustness": None, "preference": None} | changes, "config")


def of_sources_alone(**changes) -> Study:
    families = study().model_dump()["comparisons"]
    comparisons = {"sources-against-human": families["sources-against-human"]}
    return study(targets=[], mixes={}, source_counts={}, measures=[], comparisons=comparisons,
                 **changes)  # fmt: skip


def report(of: Study, *rows: dict, **frames: pl.DataFrame) -> Report:
    """A report of planted comparisons, with empty tables and figures."""
    return assemble(
        of,
        {
            "summary": summary(condition("response_words")),
            "comparisons": compared(*rows),
            "counts": NO_COUNTS,
            **frames,
        },
        kinds={},
        pilots={},
        computed={},
        tables={name: Table(name, pl.DataFrame()) for name in tables_of(of)},
        figures={name: Path(f"{name}.svg") for name in planned_figures(of)},
    )


def section(made: Report, title: str) -> ReportSection:
    return next(each for each in made.sections if each.title == title)


def test_a_study_of_sources_opens_with_its_declared_comparisons():
    row = difference("response_words", "qwen", 3.0, **OF_SOURCES)
    made = report(of_sources_alone(), row)
    assert [line.split(":")[0] for line in made.findings] == [
        "Words per answer on `train` (family `sources-against-human`)"
    ]
    assert "qwen is higher than human" in made.findings[0]
    assert not any("qwen is higher" in line for line in section(made, "Sources").sentences)


def test_with_runs_the_comparisons_of_sources_stand_in_their_section():
    row = difference("response_words", "qwen", 3.0, **OF_SOURCES)
    made = report(study(), row, difference("self_bleu"))
    assert not any("qwen is higher" in line for line in made.findings)
    assert any("qwen is higher" in line for line in section(made, "Sources").sentences)


def test_several_sources_against_one_stand_first_as_sentence_table_and_figure():
    made = report(study(), difference("self_bleu"), blends=blends(blended("self_bleu", -2.0)))
    assert made.findings[0].startswith(
        "Several sources against the mean of their own singles: of 1"
    )
    assert any(line.startswith("Self-BLEU-3 on `test`: multi is lower") for line in made.findings)
    place = next(i for i, line in enumerate(made.findings) if "family `against-human`" in line)
    assert place > 1
    runs = section(made, "Runs")
    assert runs.tables[0].title == "multi-against-singles"
    assert runs.figures[0].title == "Several sources against one"


def test_a_mix_that_is_nearly_one_source_is_a_warning():
    of = study(mixes={**study().model_dump()["mixes"],
                      "uneven": {"kind": "weighted", "weights": {"human": 1, "qwen": 9}}})  # fmt: skip
    made = report(of, difference("response_words", "qwen", 3.0))
    assert any(warning.startswith("Source qwen has 90.0 %") for warning in made.warnings)
