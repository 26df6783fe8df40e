"""Stand-ins of `gh` and `glab`: they answer in the JSON of the real ones from a file, and note what they are asked.

The fields are those that `gh pr view --json` lists (api/export_pr.go of cli/cli), of GitHub's GraphQL `reviewThreads`,
and of GitLab's REST pages on merge requests, jobs, discussions, approvals and members.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.decks import Bench
from tests.support.programs import path_without, python_program

PULL = "https://github.com/acme/shop/pull/12"
MERGE_REQUEST = "https://gitlab.com/acme/shop/-/merge_requests/12"
_GH = """
def main(words):
    if words[:2] == ["auth", "status"]:
        return ""
    if words[:2] == ["pr", "create"]:
        return "https://github.com/acme/shop/pull/12"
    if words[:2] in (["pr", "view"], ["issue", "view"]):
        found = state["pr" if words[0] == "pr" else "issue"]
        fields = words[words.index("--json") + 1].split(",")
        unknown = [field for field in fields if field not in found]
        if unknown:
            sys.exit(f'Unknown JSON field: "{unknown[0]}"')
        return json.dumps({field: found[field] for field in fields})
    if words[:2] == ["api", "graphql"]:
        threads = {"reviewThreads": {"nodes": state["threads"]}}
        return json.dumps({"data": {"repository": {"pullRequest": threads}}})
    if words[:2] == ["run", "view"]:
        log = state["logs"][words[words.index("--job") + 1]]
        return "\\n".join(f"test\\tRun tests\\t{line}" for line in log.splitlines())
    sys.exit(f"unknown command {words[0]}")
"""
_GLAB = """
def main(words):
    if words[:2] == ["auth", "status"]:
        return ""
    if words[:2] == ["mr", "create"]:
        return "https://gitlab.com/acme/shop/-/merge_requests/12"
    if words[:2] == ["issue", "view"]:
        return json.dumps(state["issue"])
    path = words[1].partition("?")[0].removeprefix("projects/acme%2Fshop/")
    if path.endswith("/trace"):
        return state["logs"][path.split("/")[1]]
    if path not in state["api"]:
        sys.exit("404 Not Found")
    return json.dumps(state["api"][path])
"""


@dataclass
class StandIn:
    bench: Bench
    program: str
    folder: Path
    """Of the remote repository."""

    def answers(self, state: dict[str, Any]) -> None:
        self._file("state").write_text(json.dumps(state))

    def asked(self) -> list[list[str]]:
        path = self._file("asked")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def head(self, branch: str) -> str:
        return self.bench.git("rev-parse", branch, cwd=self.folder)

    def _file(self, name: str) -> Path:
        return self.bench.home / f"{self.program}.{name}"


def stand_in(bench: Bench, patch: pytest.MonkeyPatch, program: str) -> StandIn:
    """A remote at github.com or gitlab.com, which git reaches by a stand-in of ssh, and the program for it."""
    folder, tools = bench.root.parent / "acme" / "shop.git", bench.home / "bin"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    ssh = bench.write("ssh", '#!/bin/sh\nfor word; do last=$word; done\nexec sh -c "$last"\n', cwd=tools)
    ssh.chmod(0o755)
    host = {"gh": "github.com", "glab": "gitlab.com"}[program]
    found = StandIn(bench, program, folder)
    head = "import json, sys\n"
    files = f"state = json.load(open({str(found._file('state'))!r}))\nlog = {str(found._file('asked'))!r}\n"
    tail = "print(json.dumps(sys.argv[1:]), file=open(log, 'a'))\nprint(main(sys.argv[1:]))\n"
    text = head + files + (_GH if program == "gh" else _GLAB) + tail
    python_program(tools / program, text)
    found.answers({})
    patch.setenv("GIT_SSH_COMMAND", shlex.quote(str(ssh)))
    patch.setenv("PATH", f"{tools}:{path_without(bench.home / 'system', 'gh', 'glab')}")
    bench.git("remote", "add", "origin", f"git@{host}:{folder}")
    bench.git("push", "-q", "--set-upstream", "origin", "main")
    return found


def github_pull(head: str, **changed: Any) -> dict[str, Any]:
    return {
        "state": "OPEN",
        "headRefOid": head,
        "mergeable": "MERGEABLE",
        "reviewDecision": "",
        "statusCheckRollup": [],
        "reviews": [],
        **changed,
    }


def check_run(name: str, conclusion: str, job: int = 1) -> dict[str, Any]:
    return {
        "__typename": "CheckRun",
        "name": name,
        "workflowName": "CI",
        "status": "COMPLETED" if conclusion else "IN_PROGRESS",
        "conclusion": conclusion,
        "startedAt": "2026-11-30T10:00:00Z",
        "completedAt": "2026-11-30T10:01:00Z",
        "detailsUrl": f"https://github.com/acme/shop/actions/runs/99/job/{job}",
    }


def review(text: str, association: str, state: str = "CHANGES_REQUESTED") -> dict[str, Any]:
    return {
        "id": f"PRR_{text[:8]}",
        "author": {"login": "ann"},
        "authorAssociation": association,
        "body": text,
        "state": state,
        "submittedAt": "2026-11-30T10:00:00Z",
    }


def thread(text: str, association: str, *, resolved: bool = False) -> dict[str, Any]:
    comment = {
        "id": f"PRRC_{text[:8]}",
        "author": {"login": "bob"},
        "authorAssociation": association,
        "body": text,
        "path": "a.py",
        "line": 3,
    }
    return {"isResolved": resolved, "comments": {"nodes": [comment]}}
