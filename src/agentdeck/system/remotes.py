"""A branch and its remote: fetch, push, and open a pull request with the forge's own program."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from urllib.parse import urlsplit

from agentdeck.errors import GitError, MissingToolError, NotFoundError, RefusedError
from agentdeck.system.git import Repository
from agentdeck.system.process import run


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
        f"Which of {', '.join(remotes)} is meant can't be told.", hint="git config remote.pushDefault NAME"
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
    """Push `branch`, never by force; with `track` it follows the remote's from now on."""
    words = ["push", "--quiet", *(["--set-upstream"] if track else []), upstream.remote]
    done = repo.run(*words, f"refs/heads/{branch}:refs/heads/{upstream.branch}")
    if not done:
        hint = "Bring it up to date first: agentdeck pull" if "[rejected]" in done.complaint else ""
        raise RefusedError(f"{upstream.remote} did not take {branch}.", detail=done.complaint, hint=hint)


@dataclass(frozen=True, slots=True)
class PullRequest:
    branch: str
    base: str
    title: str
    body: str
    draft: bool = False


def open_pull_request(repo: Repository, remote: str, request: PullRequest) -> str:
    """Open it with `gh` or `glab`, whichever the remote's host is for, and return its address."""
    program = _program(repo, remote)
    title = ["--title", request.title]
    if program == "gh":
        words = ["pr", "create", "--head", request.branch, "--base", request.base, *title, "--body", request.body]
    else:
        words = ["mr", "create", "--source-branch", request.branch, "--target-branch", request.base, *title]
        words += ["--description", request.body, "--yes"]
    done = run([program, *words, *(["--draft"] if request.draft else [])], cwd=repo.folder, timeout=120)
    if not done:
        raise RefusedError(f"{program} did not open the pull request.", detail=done.complaint)
    found = re.findall(r"https?://\S+", done.text)
    return str(found[-1]) if found else done.text.strip()


def _program(repo: Repository, remote: str) -> str:
    url = repo.git("remote", "get-url", remote)
    host = urlsplit(url).hostname or url.partition("@")[2].partition(":")[0]
    installed = [name for name in ("gh", "glab") if shutil.which(name)]
    wanted = "glab" if "gitlab" in (host or "") else "gh" if "github" in (host or "") else ""
    if wanted in installed:
        return wanted
    if not wanted and len(installed) == 1:
        return installed[0]
    raise MissingToolError(
        f"{wanted or 'gh or glab'} is not installed, and it opens pull requests at {host or remote}.",
        hint="https://cli.github.com, https://gitlab.com/gitlab-org/cli",
    )
