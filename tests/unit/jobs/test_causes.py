"""Full disks and too little memory are named, however a library reports them."""

from __future__ import annotations

import errno

import polars as pl
import pytest
from safetensors import SafetensorError

from manybaskets.errors import PassingError, UserError
from manybaskets.jobs.causes import cause_of

FULL = [
    OSError(errno.ENOSPC, "No space left on device", "results/rows.parquet"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    pl.exceptions.ComputeError("No space left on device (os error 28)"),
    RuntimeError("a training process stopped with SafetensorError: … (os error 28)"),
]
MEMORY = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes"),
]


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_full_disk_is_named(error):
    cause = cause_of(error)
    assert cause.what == "the disk is full" and "finished rows are kept" in cause.remedy
    assert not isinstance(cause, PassingError)


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: type(error).__name__)
def test_memory_that_ran_out_is_named_and_may_be_tried_again(error):
    cause = cause_of(error)
    assert "ran out of memory" in cause.what and "mem_mb" in cause.remedy
    assert isinstance(cause, PassingError)


def test_the_cause_of_a_cause_is_found():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "file")
        except OSError as error:
            raise RuntimeError("the writer failed") from error
    except RuntimeError as error:
        assert cause_of(error).where == "file"


def test_what_a_message_quotes_is_no_cause():
    """A server's own words about its disk are not about this machine."""
    told = UserError("the server answers: No space left on device", "row 1", "an answer", "wait")
    assert cause_of(told) is None
    assert cause_of(ValueError("something else")) is None
