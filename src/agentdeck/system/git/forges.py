"""Open a pull request with the forge's own program: `gh` for GitHub, `glab` for GitLab."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late
from agentdeck.errors import DeckError, MissingToolError, NotFoundError, RefusedError
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import run, which

PROGRAMS = {"gh": "https://cli.github.com", "glab": "https://gitlab.com/gitlab-org/cli"}
"""Each program, and where it comes from."""
_FORGES = {"gh": "github", "glab": "gitlab"}
"""What the name of a host has in it that a program is for."""
_SAME = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
_SCP = late(r"(?:[^@/]+@)?([^:/]+):")
_TIME_OUT = 120.0


@dataclass(frozen=True, slots=True)
class PullRequest:
    branch: str
    base: str
    title: str
    body: str
    draft: bool = False


def choose(repo: Repository, remote: str, agent: str, wanted: str = "") -> str:
    """The program for the host of `remote`: `wanted`, or what the host's name or the logins there tell. Raise
    MissingToolError or RefusedError where that can't be told, it is not installed, or it is not logged in there."""
    host = host_of(repo.git("remote", "get-url", remote))
    place = host or remote
    named = next((program for program, word in _FORGES.items() if word in host), "")
    program = wanted or named
    if not program:
        return _by_login(place, host, agent)
    if which(program) is None:
        hint = f"Get it from {PROGRAMS[program]}"
        raise MissingToolError(f"{program} is not installed; pull requests at {place} need it.", hint=hint)
    if program == named and not _is_logged_in(program, host):
        hint = f"{program} auth login --hostname {shlex.quote(host)}"
        raise RefusedError(f"{program} is not logged in at {host}.", hint=hint)
    return program


def _by_login(place: str, host: str, agent: str) -> str:
    """The only program that is installed, or the only one that is logged in at a host whose name tells nothing."""
    installed = [program for program in PROGRAMS if which(program)]
    if not installed:
        raise MissingToolError(
            f"Neither gh nor glab is installed; pull requests at {place} need one of them.",
            hint="Get the one for your forge: " + ", ".join(PROGRAMS.values()),
        )
    if len(installed) > 1 and host:
        installed = [program for program in installed if _is_logged_in(program, host)] or installed
    if len(installed) > 1:
        raise RefusedError(
            f"It is unclear whether gh or glab opens pull requests at {place}.",
            hint=f"Choose one: agentdeck pr --with gh {agent}, or --with glab",
        )
    return installed[0]


def _is_logged_in(program: str, host: str) -> bool:
    return bool(run([program, "auth", "status", "--hostname", host], timeout=_TIME_OUT))


def host_of(url: str) -> str:
    """The host in a remote's address; empty for a path."""
    if "://" in url:
        host = urlsplit(url).hostname or ""
    else:
        found = _SCP.match(url)
        host = found[1].lower() if found else ""
    return _SAME.get(host, host)


def check_base(repo: Repository, remote: str, base: str) -> None:
    """Raise NotFoundError where the remote has no such branch to open a pull request for."""
    there = repo.run("ls-remote", "--exit-code", remote, f"refs/heads/{base}")
    if there.code == 2:
        raise NotFoundError(f"{remote} has no branch {base}.", hint=f"git push {shlex.join([remote, base])}")
    if not there:
        raise RefusedError(f"{remote} can't be reached.", detail=there.complaint)


def issue_program(repo: Repository, remote: str, reference: str) -> str:
    """The program that reads an issue: `#12` of `remote`, or the one at an address. Raise MissingToolError without
    it."""
    host = host_of(reference) if not remote else ""
    program = next((each for each, word in _FORGES.items() if word in host), "") if host else _program_of(repo, remote)
    program = program or next((each for each in PROGRAMS if which(each)), "")
    if not program or which(program) is None:
        what = program or "gh or glab"
        places = PROGRAMS[program] if program else ", ".join(PROGRAMS.values())
        raise MissingToolError(f"{what} is not installed; it reads {reference}.", hint=f"Get it from {places}")
    return program


def closing(repo: Repository, url: str, number: str) -> str:
    """How a commit names the issue that it closes: `#12`, or `owner/name#12` where that is in another repository."""
    found = re.match(r"https?://([^/]+)/(.+?)/(?:-/)?issues/", url)
    remotes = repo.run("remote", "-v").text
    is_own = found is None or re.search(rf"[/:]{re.escape(found[2])}(?:\.git)?(?:\s|/)", remotes) is not None
    return f"#{number}" if is_own or found is None else f"{found[2]}#{number}"


def _program_of(repo: Repository, remote: str) -> str:
    host = host_of(repo.git("remote", "get-url", remote))
    return next((each for each, word in _FORGES.items() if word in host), "")


def open_pull_request(repo: Repository, program: str, request: PullRequest) -> str:
    """Open it, and return its address; the address of the one that is open for the branch already, where there is."""
    if program == "gh":
        place = ["pr", "create", "--head", request.branch, "--base", request.base]
        text = ["--title", request.title, "--body", request.body]
    else:
        place = ["mr", "create", "--source-branch", request.branch, "--target-branch", request.base]
        text = ["--title", request.title, "--description", request.body, "--yes"]
    done = run([program, *place, *text, *(["--draft"] if request.draft else [])], cwd=repo.folder, timeout=_TIME_OUT)
    found = re.findall(r"https?://\S+", done.text if done else done.complaint)
    if done:
        return str(found[-1]) if found else done.text.strip()
    if found and "already exists" in done.complaint:
        return str(found[-1])
    raise DeckError(
        f"{request.branch} was pushed, but {program} did not open the pull request.",
        detail=done.complaint,
        hint=shlex.join([program, *place, "--fill"]),
    )
