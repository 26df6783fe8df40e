"""Hosts from Slurm: a pilot job each.

The job runs `agentdeck host hold`, which has the tmux server of the agents there: what a step of the job starts would
end with that step, and a step is what `srun` makes for each connection. Clusters share one HOME, and a node may have
two jobs of one user, so each job has a state folder and a tmux server of its own.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator

from agentdeck.core.config.fleet import SlurmConfig
from agentdeck.core.fleet.placement import Needs
from agentdeck.errors import RefusedError, UnreachableError
from agentdeck.system.fleet.clusters import ask, last_word
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.fleet.providers import Limits, Provided
from agentdeck.system.fleet.reach import SshReach
from agentdeck.system.machine.process import Result
from agentdeck.system.terminal.tmux import SOCKET_VARIABLE

_PASSED = "HOME,USER,LOGNAME,SHELL,PATH,LANG,XDG_STATE_HOME,XDG_CONFIG_HOME"
"""Variables of home's that a job and its steps get; no key is among them."""
_OWN = (
    'export XDG_STATE_HOME="${{XDG_STATE_HOME:-$HOME/.local/state}}/agentdeck/hosts/{name}" '
    f"{SOCKET_VARIABLE}=agentdeck-{{name}}; "
    'PATH="$PATH:$HOME/.local/bin"; export PATH; '
)
_HELD = 'n=0; until [ -e "$XDG_STATE_HOME/agentdeck/held" ] || [ $n = 150 ]; do sleep 0.2; n=$((n + 1)); done; '
"""A step that came first would start the tmux server, and take it with it when it ends."""
_EXEC = 'exec "$@"'
_NOTICE = 60
"""Seconds at most before the end of its time in which a job may put its agents in order."""
_COLUMNS = "%i|%T|%k|%L|%N|%r"
_WAITING = {"PENDING", "CONFIGURING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "RESIZING", "STOPPED"}
_RUNNING = "RUNNING"


class Slurm:
    def __init__(self, config: SlurmConfig, owner: str) -> None:
        self.limits, self._config, self._mark = Limits.of(config), config, f"agentdeck:{owner}:"

    def hosts(self) -> list[Provided]:
        return [host for _, host in self._jobs()]

    def acquire(self, needs: Needs, key: str) -> str:
        for comment, host in self._jobs():
            if comment == self._mark + key:
                return host.spec.name
        words = [self._config.program, "host", "hold", "--idle", f"{self._config.idle:g}s"]
        script = f"#!/bin/sh\nset -- {shlex.join(words)}\n{_OWN.format(name='slurm-$SLURM_JOB_ID')}{_EXEC}\n"
        done = self._run([*self._sbatch(needs), f"--comment={self._mark}{key}"], stdin=script.encode())
        number = done.text.strip().partition(";")[0]
        if not done or not number.isdecimal():
            raise RefusedError(
                f"Slurm gives no host: {last_word(done)}.", hint="See [fleet.slurm] in your own config.toml."
            )
        return f"slurm-{number}"

    def release(self, name: str) -> None:
        done = self._run(["scancel", name.removeprefix("slurm-")])
        if not done and "Invalid job id" not in done.complaint:
            raise UnreachableError(f"Slurm did not take {name} back: {last_word(done)}.")

    def _sbatch(self, needs: Needs) -> Iterator[str]:
        config = self._config
        yield from ("sbatch", "--parsable", "--job-name=agentdeck", "--nodes=1", "--ntasks=1", "--no-requeue")
        notice, minutes = min(_NOTICE, int(config.time / 4)), max(1, round(config.time / 60))
        yield from (f"--export={_PASSED}", f"--signal=B:TERM@{notice}", f"--time={minutes}")
        yield f"--cpus-per-task={max(config.cpu, round(needs.cpu + 0.49))}"
        yield "--output=" + ("/dev/null" if config.login else f"{_log_folder()}/slurm-%j.log")
        if memory := max(config.memory, needs.memory):
            yield f"--mem={-(-memory // 2**20)}M"
        if gres := config.gres or (f"gpu:{needs.gpu}" if needs.gpu else ""):
            yield f"--gres={gres}"
        for option in ("partition", "account", "qos"):
            if value := getattr(config, option):
                yield f"--{option}={value}"
        yield from config.options

    def _jobs(self) -> Iterator[tuple[str, Provided]]:
        """This home's jobs, each with its comment."""
        done = self._run(["squeue", "--me", "--noheader", "--states=all", f"--format={_COLUMNS}"])
        if not done:
            raise UnreachableError(f"Slurm does not answer: {last_word(done)}.", hint="sinfo")
        for line in done.text.splitlines():
            if line.count("|") != _COLUMNS.count("|"):
                continue  # another's comment may hold anything
            number, state, comment, left, node, reason = map(str.strip, line.split("|"))
            if not comment.startswith(self._mark) or state not in {_RUNNING, *_WAITING}:
                continue
            if state == _RUNNING:
                seconds = _seconds(left)
                yield comment, Provided(self._spec(number, node, time.time() + seconds if seconds else 0.0))
            else:
                yield (
                    comment,
                    Provided(self._spec(number, node, 0.0), False, f"job {number} is {state.lower()} ({reason})"),
                )

    def _spec(self, number: str, node: str, ends: float) -> HostSpec:
        name = f"slurm-{number}"
        step = ("--ntasks=1", "--nodes=1", "--cpus-per-task=1", f"--export={_PASSED}")
        return HostSpec(
            name,
            destination=self._config.login,
            words=(
                "srun",
                "--quiet",
                "--overlap",
                f"--jobid={number}",
                *step,
                "sh",
                "-c",
                _OWN.format(name=name) + _HELD + _EXEC,
                "sh",
            ),
            title=f"Slurm job {number} on {node}",
            program=self._config.program,
            labels=("slurm",),
            provider="slurm",
            ends=ends,
        )

    def _run(self, argv: list[str], stdin: bytes | None = None) -> Result:
        words = SshReach(self._config.login).argv(argv) if self._config.login else argv
        return ask(words, "sinfo", stdin)


def _seconds(left: str) -> float:
    """Slurm's `D-HH:MM:SS`; 0 for what is no time, such as `UNLIMITED`."""
    days, _, clock = left.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdecimal() for part in parts) or (days and not days.isdecimal()):
        return 0.0
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds + int(days or 0) * 86400)


def _log_folder() -> str:
    from agentdeck.system.files.files import private_folder, state_home

    return os.fspath(private_folder(state_home() / "hosts"))
