"""Ask a forge about pull requests and issues, through the user's own `gh` or `glab`, in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from agentdeck.core.frozen import dataclass
from agentdeck.core.pulls.pull import CheckState, PullCheck, PullState, Remark
from agentdeck.errors import DeckError, NotFoundError
from agentdeck.system.files.files import from_json
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import run

_TIME_OUT = 60.0
_TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_DEVELOPER = 30
"""GitLab's level of those who may push."""
_FIELDS = "state,headRefOid,mergeable,reviewDecision,statusCheckRollup,reviews"
_THREADS = (
    "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){pullRequest(number:$number)"
    "{reviewThreads(last:100){nodes{isResolved comments(last:20){nodes{id author{login} authorAssociation body path "
    "line}}}}}}}"
)
_JOB = re.compile(r"/job/(\d+)")
_MERGE_REQUEST = re.compile(r"https?://[^/]+/(.+?)/-/merge_requests/(\d+)")
_ISSUE = re.compile(r"https?://[^/]+/(.+?)/(?:-/)?issues/(\d+)")
_GH = {
    **dict.fromkeys(("SUCCESS",), CheckState.PASS),
    **dict.fromkeys(("NEUTRAL", "SKIPPED", "CANCELLED", "STALE"), CheckState.SKIPPED),
    **dict.fromkeys(("FAILURE", "TIMED_OUT", "ACTION_REQUIRED", "STARTUP_FAILURE", "ERROR"), CheckState.FAIL),
}
_GLAB = {
    "success": CheckState.PASS,
    "failed": CheckState.FAIL,
    **dict.fromkeys(("skipped", "canceled", "canceling", "manual"), CheckState.SKIPPED),
}


@dataclass(frozen=True, slots=True)
class Issue:
    number: str
    title: str
    body: str
    url: str
    comments: tuple[tuple[str, str], ...] = ()
    """Author and text, of those who may push to the repository."""


def pull_state(repo: Repository, program: str, url: str) -> PullState:
    """How the pull request stands. Raise DeckError where the forge does not tell."""
    with _readable(program, url):
        return (_of_github if program == "gh" else _of_gitlab)(repo, url)


def log_of(repo: Repository, program: str, url: str, check: PullCheck) -> str:
    """What the failed steps of the check printed; empty where that can't be had."""
    if not check.job:
        return ""
    if program == "gh":
        place, owner, name, _ = _parts(url)
        words = ["gh", "run", "view", "--job", check.job, "--log-failed", "-R", f"{place}/{owner}/{name}"]
    else:
        words = ["glab", "api", f"projects/{_project(url)}/jobs/{check.job}/trace"]
    done = run(words, cwd=repo.folder, timeout=_TIME_OUT)
    # gh puts job and step before each line.
    return "\n".join(line.rpartition("\t")[2] for line in done.text.splitlines()) if done else ""


def read_issue(repo: Repository, reference: str) -> Issue:
    """The issue `123` or `#123` of the usual remote, or the one at an address, through gh or glab."""
    from agentdeck.system.git import forges, remotes

    remote = "" if "://" in reference else remotes.default_remote(repo)
    program = forges.issue_program(repo, remote, reference)
    with _readable(program, reference):
        return _issue(repo, program, reference.removeprefix("#"))


@contextmanager
def _readable(program: str, what: str) -> Iterator[None]:
    """Another version of the program may leave out, or name differently, what is asked for."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DeckError(f"{program} said what can't be read of {what}.", detail=repr(error)) from error


def _issue(repo: Repository, program: str, number: str) -> Issue:
    if program == "gh":
        data = _json(repo, "gh", "issue", "view", number, "--json", "number,title,body,url,comments")
        comments = [each for each in data.get("comments") or [] if each.get("authorAssociation") in _TRUSTED]
        told = tuple((_login(each), str(each.get("body") or "")) for each in comments)
        return Issue(str(data["number"]), str(data["title"]), str(data.get("body") or ""), str(data["url"]), told)
    data = _json(repo, "glab", "issue", "view", number, "--output", "json")
    url = str(data.get("web_url") or "")
    title, body = str(data["title"]), str(data.get("description") or "")
    return Issue(str(data["iid"]), title, body, url, tuple(_gitlab_comments(repo, url)))


def _of_github(repo: Repository, url: str) -> PullState:
    data = _json(repo, "gh", "pr", "view", url, "--json", _FIELDS)
    checks = tuple(_github_check(each) for each in data.get("statusCheckRollup") or [])
    reviews = [each for each in data.get("reviews") or [] if str(each.get("body") or "").strip()]
    wanted = [each for each in reviews if each.get("state") in ("CHANGES_REQUESTED", "COMMENTED")]
    remarks = [
        Remark(str(each["id"]), _login(each), str(each["body"]), "", each.get("authorAssociation") in _TRUSTED)
        for each in wanted
    ]
    return PullState(
        {"OPEN": "open", "MERGED": "merged", "CLOSED": "closed"}[data["state"]],
        str(data["headRefOid"]),
        _latest(checks),
        (*remarks, *(_github_threads(repo, url) if data["state"] == "OPEN" else ())),
        data.get("mergeable") == "CONFLICTING",
        data.get("reviewDecision") == "APPROVED",
    )


def _github_check(data: dict[str, Any]) -> PullCheck:
    if "context" in data:
        state = _GH.get(str(data.get("state")), CheckState.PENDING)
        return PullCheck(str(data["context"]), state, str(data.get("targetUrl") or ""))
    done = data.get("status") == "COMPLETED"
    state = _GH.get(str(data.get("conclusion")), CheckState.PENDING) if done else CheckState.PENDING
    link = str(data.get("detailsUrl") or "")
    workflow = str(data.get("workflowName") or "")
    name = f"{workflow} / {data['name']}" if workflow else str(data["name"])
    job = _JOB.search(link)
    return PullCheck(name, state, link, job[1] if job else "")


def _github_threads(repo: Repository, url: str) -> Iterator[Remark]:
    host, owner, name, number = _parts(url)
    words = ["-f", f"query={_THREADS}", "-f", f"owner={owner}", "-f", f"name={name}", "-F", f"number={number}"]
    data = _json(repo, "gh", "api", "graphql", "--hostname", host, *words)
    for thread in data["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]:
        for each in thread["comments"]["nodes"] if not thread["isResolved"] else ():
            line = each.get("line")
            place = f"{each.get('path') or ''}{f':{line}' if line else ''}"
            trusted = each.get("authorAssociation") in _TRUSTED
            yield Remark(str(each["id"]), _login(each), str(each.get("body") or ""), place, trusted)


def _of_gitlab(repo: Repository, url: str) -> PullState:
    found = _MERGE_REQUEST.match(url)
    if found is None:
        raise ValueError("no address of a merge request")
    place = f"projects/{quote(found[1], safe='')}"
    ask = partial(_json, repo, "glab", "api")
    data = ask(f"{place}/merge_requests/{found[2]}")
    state = {"opened": "open", "locked": "open"}.get(data["state"], data["state"])
    pipeline = data.get("head_pipeline") or {}
    jobs = ask(f"{place}/pipelines/{pipeline['id']}/jobs?per_page=100") if pipeline.get("id") else []
    remarks = tuple(_gitlab_remarks(repo, place, found[2])) if state == "open" else ()
    approvals = ask(f"{place}/merge_requests/{found[2]}/approvals") if state == "open" else {}
    return PullState(
        state,
        str(data["sha"]),
        _latest(tuple(_gitlab_check(each) for each in jobs if not each.get("allow_failure"))),
        remarks,
        bool(data.get("has_conflicts")),
        bool(approvals.get("approved")) and bool(approvals.get("approved_by")),
    )


def _gitlab_check(data: dict[str, Any]) -> PullCheck:
    state = _GLAB.get(str(data["status"]), CheckState.PENDING)
    return PullCheck(str(data["name"]), state, str(data.get("web_url") or ""), str(data["id"]))


def _gitlab_remarks(repo: Repository, place: str, number: str) -> Iterator[Remark]:
    known: dict[int, bool] = {}
    for talk in _json(repo, "glab", "api", f"{place}/merge_requests/{number}/discussions?per_page=100"):
        for note in talk["notes"]:
            if note.get("system") or not note.get("resolvable") or note.get("resolved"):
                continue
            position = note.get("position") or {}
            path, line = position.get("new_path") or "", position.get("new_line")
            author = note["author"]
            trusted = _may_push(repo, place, int(author["id"]), known)
            where = f"{path}{f':{line}' if line else ''}"
            yield Remark(str(note["id"]), str(author["username"]), str(note.get("body") or ""), where, trusted)


def _gitlab_comments(repo: Repository, url: str) -> Iterator[tuple[str, str]]:
    found = _ISSUE.match(url)
    if found is None:
        return
    place, known = f"projects/{quote(found[1], safe='')}", dict[int, bool]()
    for note in _json(repo, "glab", "api", f"{place}/issues/{found[2]}/notes?sort=asc&per_page=100"):
        if not note.get("system") and _may_push(repo, place, int(note["author"]["id"]), known):
            yield str(note["author"]["username"]), str(note.get("body") or "")


def _may_push(repo: Repository, place: str, user: int, known: dict[int, bool]) -> bool:
    if user not in known:
        done = run(["glab", "api", f"{place}/members/all/{user}"], cwd=repo.folder, timeout=_TIME_OUT)
        try:
            known[user] = bool(done) and int(from_json(done.text)["access_level"]) >= _DEVELOPER
        except (ValueError, TypeError, KeyError):
            known[user] = False
    return known[user]


def _latest(checks: tuple[PullCheck, ...]) -> tuple[PullCheck, ...]:
    """One check of each name: the last that the forge lists."""
    return tuple({check.name: check for check in checks}.values())


def _login(data: dict[str, Any]) -> str:
    return str((data.get("author") or {}).get("login") or "someone")


def _parts(url: str) -> tuple[str, str, str, str]:
    """Host, owner, name and number of a pull request."""
    parts = urlsplit(url)
    owner, name, _, number = parts.path.strip("/").split("/")[:4]
    return parts.netloc, owner, name, number


def _project(url: str) -> str:
    found = _MERGE_REQUEST.match(url)
    return quote(found[1], safe="") if found else ":id"


def _json(repo: Repository, program: str, *words: str) -> Any:
    done = run([program, *words], cwd=repo.folder, timeout=_TIME_OUT)
    try:
        return from_json(done.text if done else "")
    except ValueError:
        what = " ".join(word for word in words[:3] if not word.startswith("-"))
        raise NotFoundError(f"{program} {what} failed.", detail=done.complaint) from None
