"""A real SLURM on this machine: a controller and four nodes, two of them with made-up GPUs.

Needs nothing but Debian's `slurm-wlm`; no systemd, munge or database. Everything lies in one folder.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

NODES = ("cpu01", "cpu02", "gpu01", "gpu02")
COMMANDS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo", "srun", "scancel")
_SETTINGS = """ClusterName=lab
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/spool/ctld
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobcomp.txt
MinJobAge=86400
KillWait=5
GresTypes=gpu
NodeName=cpu01 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=32 RealMemory=128000
NodeName=cpu02 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=32 RealMemory=128000
NodeName=gpu01 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[3]} CPUs=32 RealMemory=256000 Gres=gpu:h100:4
NodeName=gpu02 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[4]} CPUs=32 RealMemory=256000 Gres=gpu:h100:4
PartitionName=cpu Nodes=cpu01,cpu02 Default=YES MaxTime=1-00:00:00 DefaultTime=10 State=UP
PartitionName=gpu Nodes=gpu01,gpu02 MaxTime=2-00:00:00 DefaultTime=10 State=UP
"""
# Any character device passes for a GPU.
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom")
# The job step forgets SLURM_CONF; an srun first on PATH says it again.
_SRUN = '#!/bin/sh\nexport SLURM_CONF={conf}\nexec {srun} "$@"\n'


def missing() -> str:
    """What is not installed, for the reason of a skip; empty if all is there."""
    absent = [name for name in COMMANDS if shutil.which(name) is None]
    return f"no {', '.join(absent)}: apt-get install slurm-wlm" if absent else ""


@dataclass
class Lab:
    """A running cluster."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start all daemons and wait until every node is idle."""
        for part in ("spool/ctld", *(f"spool/{node}" for node in NODES), "run", "log", "bin"):
            (self.folder / part).mkdir(parents=True)
        conf = self.folder / "slurm.conf"
        conf.write_text(
            _SETTINGS.format(
                folder=self.folder, user=getpass.getuser(), ports=_free_ports(1 + len(NODES))
            )
        )
        (self.folder / "gres.conf").write_text(
            "".join(f"NodeName=gpu[01-02] Name=gpu Type=h100 File={name}\n" for name in _DEVICES)
        )
        srun = self.folder / "bin/srun"
        srun.write_text(_SRUN.format(conf=conf, srun=shutil.which("srun")))
        srun.chmod(0o755)
        self.environment = {
            "SLURM_CONF": str(conf),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        self.call("slurmctld", "-c")
        for node in NODES:
            self.start_node(node)
        self.wait_for(lambda: self.states() == {node: "idle" for node in NODES}, 30)

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self.call("slurmd", "-N", node)

    def stop_node(self, node: str) -> None:
        """Take a node down at once, with what runs on it."""
        _kill(self.folder / f"run/slurmd.{node}.pid")

    def crash_node(self, node: str) -> None:
        """Let a node die as in a power cut: its daemon and all processes of its jobs are gone at once,
        and the controller gives it up."""
        jobs = self.call("squeue", "--noheader", "--nodelist", node, "--format", "%i").split()
        self.stop_node(node)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                title = (process / "cmdline").read_bytes()
                its_own = (process / "environ").read_bytes().split(b"\0")
                if any(
                    f"SLURM_JOB_ID={job}".encode() in its_own
                    or title.startswith(f"slurmstepd: [{job}.".encode())
                    for job in jobs
                ):
                    os.kill(int(process.name), signal.SIGKILL)
        self.call("scontrol", "update", f"nodename={node}", "state=down", "reason=crashed")

    def stop(self) -> None:
        """Stop all jobs and daemons."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call("scancel", "--user", getpass.getuser())
        time.sleep(1)
        for node in NODES:
            self.stop_node(node)
        _kill(self.folder / "run/slurmctld.pid")

    def call(self, *command: str) -> str:
        """Run one of SLURM's commands against this cluster; what it prints."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """What the controller knows of a job: `JobState`, `TimeLimit`, `BatchHost`, …"""
        words = self.call("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def states(self) -> dict[str, str]:
        """State of every node."""
        lines = self.call("sinfo", "--noheader", "--Node", "--format", "%N %t").split("\n")
        return dict(line.split() for line in lines if line)

    def jobs(self, *states: str) -> list[tuple[str, str, str]]:
        """Id, state and comment of all jobs, or of those in some states."""
        lines = self.call(
            "squeue", "--noheader", "--states", ",".join(states) or "all", "--format", "%i|%T|%k"
        ).splitlines()
        return [tuple(line.split("|", 2)) for line in lines]

    @staticmethod
    def wait_for(condition, seconds: float) -> None:
        """Wait until something holds.

        Raises:
            AssertionError: it does not hold in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(subprocess.CalledProcessError):
                if condition():
                    return
            time.sleep(0.3)
        raise AssertionError(f"it did not come true in {seconds:g} s")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _kill(pid_file: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
