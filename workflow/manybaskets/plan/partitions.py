"""Check a cluster before submitting jobs."""

from __future__ import annotations

import subprocess

from manybaskets.errors import UserError
from manybaskets.plan.machine import Machine

CLASSES = ("light", "compute", "network", "accelerated")


def check_partitions(machine: Machine) -> None:
    """Check that the partitions named in a machine's description exist.

    No check if the cluster does not answer.

    Raises:
        UserError: names the first missing partition.
    """
    try:
        asked = subprocess.run(
            ["sinfo", "--all", "--noheader", "--format", "%R"],  # hidden partitions, too
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    known = asked.stdout.split()
    if asked.returncode or not known:
        return
    for name in CLASSES:
        listed = getattr(machine, name).partition or ""
        for partition in filter(None, map(str.strip, listed.split(","))):
            if partition in known:
                continue
            raise UserError(
                what=f"the cluster has no partition '{partition}'",
                where=f"slurm/machine.yaml: {name}.partition",
                expected=f"one of {', '.join(sorted(set(known)))}, or null for the default "
                "partition",
                remedy=f"set `{name}.partition` in slurm/machine.yaml to one of these; `sinfo` "
                "lists the partitions",
            )
