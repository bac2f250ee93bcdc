"""Cost of generation: tokens, seconds and memory of the jobs that made the rows."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from manybaskets.records.writing import write_json


class Meter:
    """Counts one job's rows, tokens, generation seconds and peak memory in the work folder, so that
    a shard made by several jobs has their sum. Use it as a context manager.

    Seconds are generation time without model loading, and what processors worked of it: what else a
    machine does lengthens the first and hardly the second. A killed job leaves no counts: neither its
    tokens nor its seconds are in the sum.

    Args:
        journal: file of the shard's finished rows; the counts are written to the same folder.
        reused: rows that earlier jobs had finished.
        gpus: GPUs that the engine distributes the model over, if known.
    """

    def __init__(self, journal: Path, reused: int, gpus: int = 0) -> None:
        self.path = journal.with_suffix(".usage")
        self.gpus = gpus
        self.counts = {"reused": reused, "rows": 0, "prompt_tokens": 0, "completion_tokens": 0}
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> Meter:
        return self

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count the seconds inside."""
        start, worked = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start
            self.cpu_seconds += time.process_time() - worked

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one generated row."""
        self.counts["rows"] += 1
        for name in ("prompt_tokens", "completion_tokens"):
            self.counts[name] += row[name] or 0

    def __exit__(self, *problem: object) -> None:
        times = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        session = self.counts | times | {"gpus": self.gpus, **peak_memory()}
        with contextlib.suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(session) + "\n")

    def write(self, path: Path) -> None:
        """Write the sums over all jobs of the shard: rows, tokens, seconds of the clock
        and of processors, peaks in bytes, jobs."""
        sessions = [json.loads(line) for line in self.path.read_text().splitlines()]
        summed = ("rows", "prompt_tokens", "completion_tokens", "seconds")
        peaks = ("peak_memory", "peak_gpu_reserved", "peak_gpu_allocated")
        total = {name: sum(session[name] for session in sessions) for name in summed}
        total |= {name: max(session[name] for session in sessions) for name in peaks}
        worked = [session.get("cpu_seconds") for session in sessions]
        # Unknown where a job of an earlier version made some of the rows.
        total["cpu_seconds"] = None if None in worked else sum(worked)
        total["gpus"] = max(session.get("gpus", 0) for session in sessions)
        write_json(total | {"jobs": len(sessions)}, path)


def peak_memory() -> dict[str, int]:
    """Peak memory of this process and of its GPUs, in bytes. Memory used by tensors is listed
    separately from reserved memory, because an engine may reserve most of a GPU's memory in
    advance."""
    scale = 1 if sys.platform == "darwin" else 1024
    found = {"peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale}
    torch = sys.modules.get("torch")
    gpu = torch is not None and torch.cuda.is_available()
    found["peak_gpu_reserved"] = torch.cuda.max_memory_reserved() if gpu else 0
    found["peak_gpu_allocated"] = torch.cuda.max_memory_allocated() if gpu else 0
    return found
