"""The sections of the report: what is registered for one of them must name one that exists."""

from __future__ import annotations

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS
from manybaskets.report.all_tables import tables_of
from manybaskets.report.figures import planned_figures

RUNS, SOURCES, PUBLISHED, MAKING, COUNTS = "runs", "sources", "published", "making", "counts"


def check_sections(study: Study) -> None:
    """Check that the report has a place for every table and figure of a study.

    Raises:
        UserError: one is registered for a section that the report does not have.
    """
    known = [RUNS, SOURCES, *EXPERIMENTS.names(), PUBLISHED, MAKING, COUNTS]
    placed = {f"table '{name}'": each.section for name, each in tables_of(study).items()}
    placed |= {f"figure '{name}'": each.section for name, each in planned_figures(study).items()}
    for what, section in placed.items():
        if section not in known:
            raise UserError(
                what=f"the report has no section '{section}' for the {what}",
                where=f"registration of the {what}",
                expected="one of " + ", ".join(known),
                remedy="set `section` to one of these",
            )
