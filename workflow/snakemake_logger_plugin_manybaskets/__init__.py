"""`snakemake --logger manybaskets`: one line of progress with the time left; errors and warnings in full.

Snakemake's own log file keeps everything. Snakemake imports this package whenever it starts, before the
workflow names the folder of its library: so nothing here imports the library.
"""

from __future__ import annotations

import logging
import math
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from snakemake_logger_plugin_manybaskets.run_progress import Estimates, RunProgress, status_page

_PAUSE = 30.0  # seconds between lines where the output is not a terminal
_PAGE_PAUSE = 2.0  # seconds between versions of the page
_CLEAR = "\r\033[K"


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the logger."""

    plan: Path | None = field(
        default=None,
        metadata={"help": "plan.json of the study, for the time left", "type": Path},
    )


class LogHandler(LogHandlerBase):
    """Writes to the terminal in place of Snakemake's own handler."""

    def __post_init__(self) -> None:
        plan = self.settings.plan if self.settings else None
        self.page = plan and plan.with_name("status.html")
        self.trouble: list[str] = []
        estimates = Estimates.read(plan) if plan else Estimates()
        self.progress = RunProgress(estimates, time.monotonic())
        self.stream = sys.stderr
        self.in_place = self.stream.isatty()
        self._shown = -math.inf  # of the first line, which comes at once
        self._written = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now, event = time.monotonic(), getattr(record, "event", None)
        progress = self.progress
        if event is LogEvent.RUN_INFO:
            stats = getattr(record, "stats", {})
            progress.expect({rule: n for rule, n in stats.items() if rule != "total"})
        elif event is LogEvent.JOB_INFO:
            # Rules without a message only gather files.
            progress.start(record.jobid, record.rule_name, record.rule_msg or "", now)
        elif event is LogEvent.JOB_FINISHED:
            progress.finish(record.job_id)
        elif record.levelno >= logging.WARNING:
            self._write(f"{self.format(record)}\n")
            if record.levelno >= logging.ERROR:
                self.trouble.append(self.format(record))
        if event in (LogEvent.RUN_INFO, LogEvent.JOB_INFO, LogEvent.JOB_FINISHED):
            self._show(now)
        self._write_page(now)

    def _show(self, now: float) -> None:
        done = self.progress.done == self.progress.total
        if not self.progress.total or not (self.in_place or done or now - self._shown >= _PAUSE):
            return
        self._shown = now
        if self.in_place:
            width = shutil.get_terminal_size().columns
            self._write(self.progress.line(now, width - 1), end="\n" if done else "")
        else:
            self._write(self.progress.line(now, 110), end="\n")

    def _write_page(self, now: float) -> None:
        """The page in the folder of the plan, for a browser; whole files only."""
        ended = self.progress.done == self.progress.total or self.trouble
        if self.page and (ended or now - self._written >= _PAGE_PAUSE):
            self._written = now
            partial = self.page.with_suffix(".partial")
            partial.write_text(status_page(self.progress, now, self.trouble), encoding="utf-8")
            partial.replace(self.page)

    def _write(self, text: str, end: str = "") -> None:
        self.stream.write(f"{_CLEAR if self.in_place else ''}{text}{end}")
        self.stream.flush()

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return False

    @property
    def needs_rulegraph(self) -> bool:
        return False
