"""All tables of a study. Importing this module registers them, in the order of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments import load_presentation
from manybaskets.presentation.page import Table
from manybaskets.presentation.tables import (
    REPORT,
    WRITE_TABLES,
    computed_tables,
    make_tables,
    needed_frames,
    table_names,
    tables_of,
)

# isort: off
from manybaskets.report import study_tables
from manybaskets.report import source_findings
from manybaskets.report import throughput  # noqa: F401
from manybaskets.report import published_tables  # noqa: F401

load_presentation()

__all__ = ["needed_frames", "table_names", "tables_of", "tables_to_show"]
_OF_STUDY = (WRITE_TABLES, source_findings.RULE, REPORT)


def tables_to_show(
    study: Study,
    frames: Mapping[str, pl.DataFrame],
    computed: Mapping[str, pl.DataFrame],
    contexts: Mapping[str, Any],
) -> dict[str, Table]:
    """All tables of the report by name, in the order of registration.

    Args:
        frames: statistics by name.
        computed: tables whose rules compute them, as their CSV files hold them.
        contexts: by rule what the experiments' tables are given besides the statistics.
    """
    context = study_tables.TableContext.of(study)
    contexts = {**contexts, **dict.fromkeys(_OF_STUDY, context)}
    frames = context.sorted(frames)
    made = computed_tables(computed)
    for rule, given in contexts.items():
        made |= make_tables(table_names(study, rule), frames, given)
    return {name: made[name] for name in tables_of(study)}
