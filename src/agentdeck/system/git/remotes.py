"""A branch and its remote: fetch and push."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from agentdeck.errors import GitError, NotFoundError, RefusedError
from agentdeck.system.git.repository import Repository


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


def fetch(repo: Repository, upstream: Upstream) -> str:
    """Get the remote's branch, and return its commit; its remote-tracking branch is brought up to date."""
    # A ref of our own, one for each branch: FETCH_HEAD is the user's, and another fetch may write it at the same time.
    name = hashlib.sha256(f"{upstream.remote}/{upstream.branch}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    ref = f"refs/agentdeck/fetched/{name}"
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", upstream.remote)
    done = repo.run(*words, f"+refs/heads/{upstream.branch}:{ref}")
    if not done:
        raise GitError(f"{upstream.branch} can't be fetched from {upstream.remote}.", detail=done.complaint)
    commit = repo.commit(ref)
    if commit is None:
        raise GitError(f"{upstream.remote} sent nothing for {upstream.branch}.")
    return commit


def push(repo: Repository, branch: str, upstream: Upstream, *, track: bool = False) -> None:
    """Push `branch`, never by force; with `track` it follows the remote's from now on. Raise BehindError where the
    remote's has commits that it has not."""
    words = ["push", "--quiet", *(["--set-upstream"] if track else []), upstream.remote]
    done = repo.run(*words, f"refs/heads/{branch}:refs/heads/{upstream.branch}")
    if not done:
        if "[rejected]" in done.complaint:
            text = f"{upstream.remote} rejected {branch}: the remote branch has commits that are not here."
            raise BehindError(text, detail=done.complaint)
        raise RefusedError(f"{upstream.remote} rejected {branch}.", detail=done.complaint)


class BehindError(RefusedError):
    """A push that the remote did not take, because its branch has commits that ours has not."""
