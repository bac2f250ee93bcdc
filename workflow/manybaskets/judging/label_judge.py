"""Human labels as a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.judges import LabelsJudge
from manybaskets.errors import UserError
from manybaskets.judging.base import Exchange, Judge, ResponseKey, Verdict
from manybaskets.judging.rubrics import Canary, Rubric
from manybaskets.records.ids import digest

_RUN = {"target": pl.String, "mix": pl.String, "seed": pl.Int64}
_ROW = {"prompt_set": pl.String, "prompt_id": pl.String, "sample": pl.Int32, "rubric": pl.String}


class Labels(Judge):
    """Scores from a file, by run, row and rubric. A score is a number on the rubric's scale or the
    name of a choice; responses without a label were not shown to human raters.

    Raises:
        UserError: the file is missing, lacks a column, or labels a response twice.
    """

    def __init__(self, name: str, settings: LabelsJudge) -> None:
        super().__init__(name, settings)
        self.settings: LabelsJudge = settings
        self.path = Path(settings.path)
        columns = [*_RUN, *_ROW, "score"]
        try:
            content = self.path.read_bytes()
            raw = pl.read_csv(content, infer_schema=False).rename(str.strip)
        except FileNotFoundError:
            raise self._fault("the file does not exist", "a CSV file") from None
        except pl.exceptions.PolarsError:
            # The exception's message would quote the line.
            raise self._fault(
                "the file cannot be read as CSV", "a header, then one line per label"
            ) from None
        missing = [column for column in columns if column not in raw.columns]
        if missing:
            raise self._fault(
                f"the file has no column {', '.join(missing)}", f"the columns {', '.join(columns)}"
            )
        cells = raw.select(pl.col(columns).str.strip_chars())
        if cells.null_count().sum_horizontal().item():
            raise self._fault("the file has empty cells", "a value in every column of every line")
        try:
            self.table = cells.cast(_RUN | _ROW)
        except pl.exceptions.PolarsError:
            raise self._fault("a seed or sample is not a whole number", "whole numbers") from None
        doubled = self.table.select(*_RUN, *_ROW).is_duplicated().sum()
        if doubled:
            raise self._fault(
                f"{doubled} labels repeat a response and rubric",
                "one label per response and rubric",
            )
        self.identity = {"judge": name, **settings.science(), "content": digest(content.decode())}

    def _fault(self, what: str, expected: str) -> UserError:
        return UserError(
            what=what,
            where=f"judges.{self.name}.path: {self.path}",
            expected=expected,
            remedy="fix the file, or set the path to another file",
        )

    def verdicts(
        self,
        rubric: Rubric,
        asked: Sequence[Exchange],
        work: Path,
        *,
        run: Mapping[str, Any],
        reversed_scale: bool = False,
    ) -> dict[ResponseKey, Verdict]:
        """The labels of these rows, without reasons.

        Raises:
            UserError: a label of this run is not on the scale.
        """
        of_run = [pl.col(name) == run[name] for name in _RUN]
        own = self.table.filter(pl.col("rubric") == rubric.name, *of_run)
        columns = ("prompt_set", "prompt_id", "sample", "score")
        known = {(*key, ): score for *key, score in own.select(columns).iter_rows()}  # fmt: skip
        return {
            each.key: Verdict(self._score(known[each.key], rubric), attempts=1)
            if each.key in known
            else Verdict(attempts=0)
            for each in asked
        }

    def _score(self, cell: str, rubric: Rubric) -> float:
        if cell.casefold() in rubric.choices:
            return rubric.choices[cell.casefold()]
        try:
            score = float(cell)
        except ValueError:
            score = None
        if score is None or not rubric.has(score):
            allowed = [step.name or f"{step.score:g}" for step in rubric.scale]
            raise self._fault(
                f"a score is not on the scale of rubric '{rubric.name}'", ", ".join(allowed)
            )
        return score

    def canaries(self, rubric: Rubric) -> tuple[Canary, ...]:
        """Empty: human labels have no canaries."""
        return ()
