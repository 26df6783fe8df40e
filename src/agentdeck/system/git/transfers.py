"""Fetch and push with GitPython, which tells git's progress and what became of each ref.

Imported by remotes.py alone, and only when a remote is talked to: GitPython takes 60 ms to import.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from git import Git, GitCommandError, PushInfo, Remote, RemoteProgress, Repo
from git.cmd import handle_process_output

from agentdeck.core.text.ansi import strip
from agentdeck.system.git.repository import ASTRAY, Repository
from agentdeck.system.machine.process import check_cancelled, is_cancellable

SILENCE = 300.0
"""Seconds without a word from git after which it is ended: ssh may wait at the terminal for a password for ever."""
_ASKED_EVERY = 0.05
_PARTING = 5.0
_WORDS = {
    RemoteProgress.COUNTING: "counting objects",
    RemoteProgress.COMPRESSING: "compressing objects",
    RemoteProgress.WRITING: "sending",
    RemoteProgress.RECEIVING: "receiving",
    RemoteProgress.RESOLVING: "resolving deltas",
    RemoteProgress.FINDING_SOURCES: "finding sources",
    RemoteProgress.CHECKING_OUT: "checking out files",
}
_REFUSED = PushInfo.ERROR | PushInfo.REJECTED | PushInfo.REMOTE_REJECTED | PushInfo.REMOTE_FAILURE
Got = TypeVar("Got")
_Progress = Callable[[str], None]

logging.getLogger("git").addHandler(logging.NullHandler())  # what went wrong is told by us


class TransferError(Exception):
    """What git said of a fetch or a push that failed."""

    def __init__(self, detail: str, *, is_behind: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_behind = is_behind
        """Whether the remote's branch has commits that ours has not."""


def fetch(repo: Repository, remote: str, refspec: str, progress: _Progress) -> None:
    """`Remote.fetch` is not used, for it writes the user's FETCH_HEAD. Raise TransferError where it fails."""
    opened, signs = _opened(repo), _Signs(progress)

    def work() -> None:
        words = ("--progress", "--no-tags", "--no-write-fetch-head", "--", remote, refspec)
        process = opened.git.fetch(*words, as_process=True, universal_newlines=True)
        handle_process_output(process, None, signs.new_message_handler(), decode_streams=False)
        process.wait()

    try:
        _watched(opened.git, signs, work)
    except GitCommandError as error:
        raise TransferError(signs.detail) from error


def push(repo: Repository, remote: str, refspec: str, progress: _Progress, *, track: bool) -> None:
    """Never by force. Raise TransferError where the remote does not take it."""
    opened, signs = _opened(repo), _Signs(progress)
    options: dict[str, Any] = {"set_upstream": True} if track else {}

    def work() -> list[PushInfo]:
        # Which protocols are safe is for git's own settings to say.
        told = Remote(opened, remote).push(refspec, signs, allow_unsafe_protocols=True, **options)
        if told.error and not any(each.flags & _REFUSED for each in told):
            raise told.error
        return list(told)

    told: list[PushInfo] = []
    try:
        told = _watched(opened.git, signs, work)
    except GitCommandError as error:
        raise TransferError(signs.detail) from error
    for each in told:
        if each.flags & _REFUSED:
            detail = "\n".join(filter(None, (signs.detail, each.summary.strip())))
            raise TransferError(detail, is_behind=bool(each.flags & PushInfo.REJECTED))


class _Git(Git):
    """Runs git as `Repository.run` does, and remembers what it started."""

    own_session = False
    """Whether what it starts is kept from the terminal: where a screen has that, no prompt may be written over it."""
    process: subprocess.Popen[str] | None = None

    def execute(self, command: Any, *args: Any, **options: Any) -> Any:
        # GitPython can set variables, but take none away.
        astray = [word for name in ASTRAY if name in os.environ for word in ("-u", name)]
        words = ["env", *astray, *command] if astray and not isinstance(command, str) else command
        options["start_new_session"] = self.own_session
        if options.get("universal_newlines"):
            options |= {"errors": "surrogateescape"}
        started = super().execute(words, *args, **options)
        if options.get("as_process"):
            self.process = started.proc
        return started

    def end(self) -> None:
        """End what it started, with all that this started in turn."""
        import psutil

        if self.process is None:
            return
        with suppress(psutil.Error):
            git = psutil.Process(self.process.pid)
            family = [git, *git.children(recursive=True)]
            for each in family:
                with suppress(psutil.Error):
                    each.terminate()
            for each in psutil.wait_procs(family, _PARTING)[1]:
                with suppress(psutil.Error):
                    each.kill()


class _Repo(Repo):
    GitCommandWrapperType = _Git
    git: _Git


def _opened(repo: Repository) -> _Repo:
    opened = _Repo(repo.folder)
    opened.git.update_environment(**repo.environment)
    opened.git.own_session = is_cancellable()
    return opened


class _Signs(RemoteProgress):
    """Signs of life, and what else git said."""

    def __init__(self, progress: _Progress) -> None:
        super().__init__()
        self._tell = progress
        self._said: list[str] = []
        self.last = time.monotonic()

    @property
    def detail(self) -> str:
        return strip("\n".join(self._said)).strip()

    def _parse_progress_line(self, line: Any) -> None:
        self.last = time.monotonic()
        is_progress = self.re_op_relative.match(line) or self.re_op_absolute.match(line)
        if not is_progress or line.startswith(("error:", "fatal:")):
            self._said.append(line)
        super()._parse_progress_line(line)

    def update(self, op_code: int, cur_count: Any, max_count: Any = None, message: str = "") -> None:
        words = _WORDS.get(op_code & self.OP_MASK, "at work")
        share = f" {100 * float(cur_count) / float(max_count):.0f} %" if cur_count and max_count else ""
        self._tell(f"{words}{share}{f', {message}' if message else ''}")


def _watched(git: _Git, signs: _Signs, work: Callable[[], Got]) -> Got:
    """Do the work in a thread, and end its git where it is cancelled, or has been silent for too long."""
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(work)
        try:
            while True:
                with suppress(TimeoutError):
                    return job.result(_ASKED_EVERY)
                check_cancelled()
                if time.monotonic() - signs.last > SILENCE:
                    raise TransferError(f"git said nothing for {SILENCE:g} s, so it was ended.")
        except BaseException:
            if not job.done():
                git.end()
            raise
