"""Progress of a long loop, for the log of a job."""

from __future__ import annotations

import logging
import time


class Progress:
    """Logs the progress of a long loop with rate and remaining time, every few seconds."""

    def __init__(self, total: int, unit: str, seconds: float = 10.0) -> None:
        self.total, self.unit, self.seconds = total, unit, seconds
        self.done, self.start = 0, time.monotonic()
        self.last = self.start

    def add(self, count: int) -> None:
        """Count finished units."""
        self.done += count
        now = time.monotonic()
        if now - self.last < self.seconds and self.done < self.total:
            return
        self.last = now
        rate = self.done / max(now - self.start, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        speed = f"{rate:.1f} per second" if rate >= 1 else f"{60 * rate:.1f} per minute"
        logging.getLogger(__name__).info(
            "%d of %d %s, %s, %.0f s left", self.done, self.total, self.unit, speed, left
        )
