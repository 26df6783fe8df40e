"""A branch and its remote: fetch and push, both by way of GitPython; see transfers.py."""

from __future__ import annotations

from collections.abc import Callable

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import GitError, NotFoundError, RefusedError
from agentdeck.system.git.repository import Repository

Progress = Callable[[str], None]
"""Gets a few words of how far git is: `receiving 42 %, 1.20 MiB | 300 KiB/s`."""


def silent(words: str) -> None:
    """The Progress of a caller that wants none."""


@dataclass(frozen=True, slots=True)
class Upstream:
    remote: str
    branch: str
    """Its name there."""


def upstream_of(repo: Repository, branch: str) -> Upstream:
    """Where `branch` comes from: as git's configuration says, else the only remote's branch of that name.

    Raise NotFoundError where neither tells.
    """
    remote, merge = repo.setting(f"branch.{branch}.remote"), repo.setting(f"branch.{branch}.merge")
    if remote and remote != "." and merge:
        return Upstream(remote, merge.removeprefix("refs/heads/"))
    return Upstream(default_remote(repo), branch)


def default_remote(repo: Repository) -> str:
    """`remote.pushDefault`, or `origin`, or the only one; raise NotFoundError where it is none of them."""
    remotes = repo.lines("remote")
    preferred = repo.setting("remote.pushDefault")
    if preferred:
        return preferred
    if "origin" in remotes or len(remotes) == 1:
        return "origin" if "origin" in remotes else remotes[0]
    if not remotes:
        raise NotFoundError("This repository has no remote.", hint="git remote add origin URL")
    raise NotFoundError(
        f"It is unclear which remote to use: {', '.join(remotes)}.", hint="git config remote.pushDefault NAME"
    )


def fetch(repo: Repository, upstream: Upstream, progress: Progress = silent) -> str:
    """Get the remote's branch, and return its commit; its remote-tracking branch is brought up to date."""
    from agentdeck.system.git import transfers

    # A ref of our own, one for each branch: FETCH_HEAD is the user's, and another fetch may write it at the same time.
    name = sha256(f"{upstream.remote}/{upstream.branch}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    ref = f"refs/agentdeck/fetched/{name}"
    try:
        transfers.fetch(repo, upstream.remote, f"+refs/heads/{upstream.branch}:{ref}", progress)
    except transfers.TransferError as error:
        text = f"{upstream.branch} can't be fetched from {upstream.remote}."
        raise GitError(text, detail=error.detail) from error
    commit = repo.commit(ref)
    if commit is None:
        raise GitError(f"{upstream.remote} sent nothing for {upstream.branch}.")
    return commit


def push(
    repo: Repository, branch: str, upstream: Upstream, progress: Progress = silent, *, track: bool = False
) -> None:
    """Push `branch`, never by force; with `track` it follows the remote's from now on. Raise BehindError where the
    remote's has commits that it has not."""
    from agentdeck.system.git import transfers

    refspec = f"refs/heads/{branch}:refs/heads/{upstream.branch}"
    try:
        transfers.push(repo, upstream.remote, refspec, progress, track=track)
    except transfers.TransferError as error:
        text = f"{upstream.remote} rejected {branch}"
        if error.is_behind:
            text = f"{text}: the remote branch has commits that are not here."
            raise BehindError(text, detail=error.detail) from error
        raise RefusedError(f"{text}.", detail=error.detail) from error


class BehindError(RefusedError):
    """A push that the remote did not take, because its branch has commits that ours has not."""
