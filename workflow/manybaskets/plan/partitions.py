"""What can be asked of a cluster before anything is sent to it."""

from __future__ import annotations

import subprocess

from manybaskets.errors import UserError
from manybaskets.plan.machine import Machine

CLASSES = ("light", "compute", "network", "accelerated")


def check_partitions(machine: Machine) -> None:
    """Check that the partitions that a machine's description names are there.

    A cluster that gives no answer is not judged.

    Raises:
        UserError: names the first that is not there.
    """
    try:
        asked = subprocess.run(
            ["sinfo", "--noheader", "--format", "%R"],
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
        partition = getattr(machine, name).partition
        if partition is not None and partition not in known:
            raise UserError(
                what=f"the cluster has no partition '{partition}'",
                where=f"slurm/machine.yaml: {name}.partition",
                expected=f"one of {', '.join(sorted(set(known)))}, or null for the default one",
                remedy="correct slurm/machine.yaml; `sinfo` tells what the partitions are for",
            )
