"""Which branch an agent gets, and what a branch is worth against its base."""

from __future__ import annotations

import shlex
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late
from agentdeck.errors import GitError, NotFoundError, RefusedError, UsageError
from agentdeck.system.git.checkouts import is_bare, main_folder, main_head, trees_on
from agentdeck.system.git.repository import Repository, git_in

_PLAIN = late(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*")
"""Names that git takes for a branch, as nearly all are."""


@dataclass(frozen=True, slots=True)
class BranchPlan:
    """The branch of a new worktree, decided before anything is made."""

    branch: str
    """Empty for a worktree with a detached HEAD at the base's commit."""
    base: str
    """The branch that its work is to land on; a commit's id where HEAD is detached."""
    base_commit: str
    create: bool
    upstream: str = ""
    """`origin/x` where the branch is made to follow that; it then starts there and not at the base."""
    note: str = ""


def plan_branch(repo: Repository, name: str, wanted: str | None, base: str | None, template: str) -> BranchPlan:
    """Decide on the branch for agent `name`: `wanted` where given (existing, remote or new), else one from `template`.

    Raise UsageError for a name that git does not take, RefusedError where the branch is in use elsewhere, where
    several remotes have it, or where the repository has no commit; NotFoundError for a base that is not there.
    """
    base, base_commit = _base(repo, base)
    locals_ = _branches(repo)
    if wanted is None:
        return BranchPlan(_new_name(repo, template.replace("{name}", name), locals_), base, base_commit, create=True)
    branch, upstream = (wanted, "") if wanted in locals_ else _remote_branch(repo, wanted)
    _check_branch_name(repo, branch)
    if branch in locals_:
        return BranchPlan(branch, base, base_commit, create=False, note=check_free(repo, branch))
    if clash := _clash(branch, locals_):
        raise RefusedError(f"A branch “{branch}” can't exist beside the branch “{clash}”.", hint="Choose another name.")
    return BranchPlan(branch, base, base_commit, create=True, upstream=upstream)


def make_branch(repo: Repository, plan: BranchPlan) -> None:
    """Create the planned branch; the same again changes nothing. Raise RefusedError where it is elsewhere by now."""
    ref = f"refs/heads/{plan.branch}"
    start = repo.commit(f"refs/remotes/{plan.upstream}") if plan.upstream else plan.base_commit
    if start is None:
        raise NotFoundError(f"The remote branch {plan.upstream} no longer exists.")
    source = plan.upstream or plan.base
    made = repo.run("update-ref", "-m", f"branch: Created from {source}", ref, start, "0" * len(start))
    if not made and repo.commit(ref) != start:
        if repo.commit(ref) is None:
            raise GitError(f"The branch {plan.branch} can't be created.", detail=made.complaint)
        raise RefusedError(f"The branch {plan.branch} was created by someone else meanwhile.", hint="Try again.")
    if plan.upstream:
        remote, short = _split_remote(repo, plan.upstream)
        repo.git("config", f"branch.{plan.branch}.remote", remote)
        repo.git("config", f"branch.{plan.branch}.merge", f"refs/heads/{short}")


def delete_branch(repo: Repository, branch: str, expected_commit: str) -> None:
    """Delete `branch` and its settings if it is still at `expected_commit`; one that is gone is fine.

    Raise RefusedError where it moved, or is checked out in a worktree.
    """
    ref = f"refs/heads/{branch}"
    if repo.commit(ref) is None:
        return
    if holder := next((tree for tree in trees_on(repo, branch) if tree.path.exists()), None):
        raise RefusedError(f"The branch {branch} is checked out in {holder.path}.", hint="Remove that worktree first.")
    deleted = repo.run("update-ref", "-d", ref, expected_commit)
    if not deleted and (now := repo.commit(ref)) is not None:
        if now == repo.commit(expected_commit):
            raise GitError(f"The branch {branch} can't be deleted.", detail=deleted.complaint)
        raise RefusedError(
            f"The branch {branch} has moved on to {now[:12]}; it was left unchanged.",
            hint="Check its new commits, then try again.",
        )
    if branch_settings(repo, branch):
        repo.run("config", "--local", "--remove-section", f"branch.{branch}")


def ahead_behind(repo: Repository, branch: str, base: str) -> tuple[int, int]:
    """How many commits `branch` has that `base` has not, and the other way round."""
    counts = repo.git("rev-list", "--left-right", "--count", f"{branch}...{base}", "--")
    ahead, behind = counts.split()
    return int(ahead), int(behind)


def branch_settings(repo: Repository, branch: str) -> list[tuple[str, str]]:
    """What git's configuration says of `branch`: keys without `branch.NAME.`, and their values."""
    return repo.own_settings(f"branch.{branch}")


def free_name(repo: Repository, branch: str) -> str:
    """`branch`, or `branch-2`, `branch-3`, … whichever comes first that can be created."""
    return _numbered(branch, _branches(repo))


def _base(repo: Repository, base: str | None) -> tuple[str, str]:
    if base:
        _check_revision(base)
        # The branch, where a tag has the same name: that is what the work is to land on.
        commit = repo.commit(f"refs/heads/{base}") or repo.commit(base)
        if commit is None:
            _check_has_commits(repo)
            raise NotFoundError(f"There is no branch, tag or commit “{base}” to start from.")
        return base, commit
    if is_bare(repo):
        main = repo.at(repo.common)
        branch, commit = main.run("symbolic-ref", "--quiet", "--short", "HEAD").text.strip(), main.commit("HEAD")
    else:
        branch, commit = main_head(repo)
    if commit is None:
        _check_has_commits(repo)
        raise RefusedError(
            f"HEAD is on the branch “{branch}”, which has no commit yet.", hint="Name the branch to start from: --base."
        )
    return branch or commit, commit


def _check_has_commits(repo: Repository) -> None:
    if not repo.run("for-each-ref", "--count=1", "refs/heads", "refs/remotes", "refs/tags").out:
        raise no_commit(repo)


def no_commit(repo: Repository) -> RefusedError:
    """What is said of a repository without any commit; nothing can be committed in a bare one, only pushed to it."""
    folder = main_folder(repo)
    hint = f"Make the first one: {git_in(folder)} commit --allow-empty -m start"
    if is_bare(repo):
        head = repo.at(repo.common).run("symbolic-ref", "HEAD").text.strip()
        hint = f"Push the first one to it: git push {shlex.quote(str(repo.common))} HEAD:{shlex.quote(head)}"
    return RefusedError(f"{folder} has no commit yet, so an agent has nothing to start from.", hint=hint)


def _check_revision(revision: str) -> None:
    if revision.startswith("-"):
        raise UsageError(f"“{revision}” is not a branch, tag or commit.")


def _check_branch_name(repo: Repository, branch: str) -> None:
    if branch != "HEAD" and _PLAIN.fullmatch(branch):
        return
    # --branch would also expand “@{-1}”, which names whatever was checked out before in some worktree.
    if branch.startswith("-") or "@{" in branch or not repo.run("check-ref-format", "--branch", branch):
        raise UsageError(f"“{branch}” is not a valid branch name.", hint="See “git help check-ref-format”.")


def check_free(repo: Repository, branch: str) -> str:
    """Raise RefusedError where a worktree has `branch` checked out; return a remark where only its record has."""
    note = ""
    for worktree in trees_on(repo, branch):
        if worktree.path.exists():
            raise RefusedError(
                f"The branch {branch} is checked out in {worktree.path}.",
                hint="Choose another branch, or check out a different one there first.",
            )
        if worktree.locked is not None:
            raise RefusedError(
                f"The branch {branch} belongs to the locked worktree {worktree.path}, whose folder does not exist.",
                hint="If it is gone for good: "
                f"git worktree unlock {shlex.quote(str(worktree.path))} && git worktree prune --expire=now",
            )
        note = f"The branch {branch} was checked out in {worktree.path}, which is gone."
    return note


def _remote_branch(repo: Repository, wanted: str) -> tuple[str, str]:
    """The local name for `wanted` and the remote branch it stands for, or `wanted` and “” where no remote has it."""
    remotes = repo.lines("remote")
    wanted = wanted.removeprefix("refs/remotes/")
    for remote in remotes:
        short = wanted.removeprefix(f"{remote}/")
        if short != wanted and repo.commit(f"refs/remotes/{wanted}"):
            return short, wanted
    having = [remote for remote in remotes if repo.commit(f"refs/remotes/{remote}/{wanted}")]
    preferred = repo.setting("checkout.defaultRemote")
    if preferred in having:
        having = [str(preferred)]
    if len(having) > 1:
        choices = ", ".join(f"{remote}/{wanted}" for remote in having)
        raise RefusedError(f"Several remotes have a branch “{wanted}”.", hint=f"Name one of {choices}.")
    return wanted, f"{having[0]}/{wanted}" if having else ""


def _split_remote(repo: Repository, upstream: str) -> tuple[str, str]:
    for remote in repo.lines("remote"):
        if upstream.startswith(f"{remote}/"):
            return remote, upstream.removeprefix(f"{remote}/")
    raise NotFoundError(f"The remote of {upstream} no longer exists.")


def _branches(repo: Repository) -> set[str]:
    refs = repo.lines("for-each-ref", "--format=%(refname)", "refs/heads")
    return {ref.removeprefix("refs/heads/") for ref in refs}


def _new_name(repo: Repository, wanted: str, taken: set[str]) -> str:
    _check_branch_name(repo, wanted)
    parents = {str(parent) for parent in Path(wanted).parents}
    return _numbered(wanted.replace("/", "-") if parents & taken else wanted, taken)


def _numbered(wanted: str, taken: set[str]) -> str:
    number, candidate = 1, wanted
    while _clash(candidate, taken):
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate


def _clash(branch: str, taken: set[str]) -> str:
    """The branch that `branch` can't stand beside: git keeps `a` as a file and `a/b` in a folder of that name."""
    for other in taken:
        if branch == other or other.startswith(f"{branch}/") or branch.startswith(f"{other}/"):
            return other
    return ""
