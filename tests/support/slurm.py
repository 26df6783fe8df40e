"""A real Slurm on loopback: a controller and three nodes, all of them this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.retry import eventually
from tests.support.sshd import PROGRAM, free_port

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
NODES = ("node1", "node2", "node3")
_CONFIG = """\
ClusterName=deck
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,defer
KillWait=2
CompleteWait=0
ReturnToService=2
{nodes}
PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def can_run() -> bool:
    return os.getuid() == 0 and all(shutil.which(each, path=_PATH) for each in _PROGRAMS)


@dataclass
class Slurm:
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def program(self) -> Path:
        """agentdeck, with the node's name as the machine's where this machine lets it."""
        return self.folder / "agentdeck"

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, env={**os.environ, "PATH": _PATH, "SLURM_CONF": str(self.config)}, capture_output=True, text=True,
            check=False, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self) -> list[str]:
        """The numbers of those that run or wait."""
        return self.run("squeue", "--noheader", "--format=%i").split()

    def start(self, *argv: str) -> None:
        with (self.folder / f"{argv[0]}.out").open("ab") as log:
            environment = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(self.config)}
            self.processes.append(subprocess.Popen(argv, env=environment, stdout=log, stderr=log))


@contextmanager
def cluster() -> Iterator[Slurm]:
    made = Slurm(Path(tempfile.mkdtemp(prefix="adeck-slurm-")))  # a short path, for munge's socket
    folder = made.folder
    try:
        folder.chmod(0o755)  # munged insists
        (folder / "state").mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        nodes = [
            f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={free_port()} CPUs=1 RealMemory=200"
            for name in NODES
        ]
        words = {"folder": folder, "port": free_port(), "user": "root", "nodes": "\n".join(nodes)}
        made.config.write_text(_CONFIG.format(names=",".join(NODES), **words))
        made.program.write_text(
            f'#!/bin/sh\nexec unshare --uts sh -c \'hostname "$SLURMD_NODENAME"; exec "$@"\' sh "{PROGRAM}" "$@"\n'
        )
        made.program.chmod(0o755)
        made.start(
            "munged", "--foreground", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.sock",
            f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log",
        )  # fmt: skip
        eventually((folder / "munge.sock").exists)
        made.start("slurmctld", "-D", "-c")
        for name in NODES:
            made.start("slurmd", "-D", "-N", name)
        eventually(lambda: _idle(made) == len(NODES), timeout=30, pause=0.2)
        yield made
    finally:
        with suppress(AssertionError, OSError):
            made.run("scancel", "--me", "--full", "--signal=KILL")
        for process in reversed(made.processes):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _idle(made: Slurm) -> int:
    with suppress(AssertionError):
        return made.run("sinfo", "--noheader", "--Node", "--format=%T").split().count("idle")
    return 0
