"""The verbs comment and review: what is said about a line reaches the agent with that line."""

from __future__ import annotations

import pytest

from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.retry import eventually


def test_comments_are_kept_listed_deleted_and_sent(bench: Bench) -> None:
    view = finished(bench, "fix", {"src/app.py": "print('hi')\nprint('there')\n"})
    assert view.worktree is not None
    bench.write("loose.txt", "one\ntwo\n", cwd=view.worktree)

    def say(*words: str) -> tuple[int, str]:
        done = agentdeck(*words, cwd=bench.root)
        return done.returncode, done.stdout + done.stderr

    assert say("comment", "fix", "src/app.py:2", "Where", "is", "there?") == (
        0,
        "Kept. 1 comment waits; “agentdeck review fix” sends it.\n",
    )
    assert say("comment", "fix", "src/app.py:1", "--old", "Keep this")[0] == 0
    assert say("comment", "fix", "loose.txt:2", "Loose")[0] == 0
    assert say("comment", "fix", ".gitignore:1", "Not changed, but read")[0] == 0
    assert say("comment", "fix", "src/app.py", "Split it")[1].startswith("Kept. 5 comments wait")
    code, told = say("review", "fix", "--dry-run")
    assert (code, told.splitlines()) == (
        0,
        [
            "1. .gitignore:1",
            "   > *.sqlite3",
            "   Not changed, but read",
            "2. loose.txt:2",
            "   > two",
            "   Loose",
            "3. src/app.py",
            "   Split it",
            "4. src/app.py:1 (removed)",
            "   > print('hello')",
            "   Keep this",
            "5. src/app.py:2",
            "   > print('there')",
            "   Where is there?",
        ],
    )
    assert say("review", "fix", "--delete", "3")[0] == 0
    assert say("review", "fix", "--delete", "9")[0] == ExitCode.NOT_FOUND
    (found,) = objects(agentdeck("--json", "review", "fix", "-n", cwd=bench.root).stdout)
    assert [each["line"] for each in found["comments"]] == [1, 2, 1, 2]
    assert found["sent"] is False


def test_a_running_agent_gets_them_and_they_are_gone(bench: Bench) -> None:
    bench.deck().start(StartRequest(name="cat", argv=("sh", "-c", "echo x > new; exec cat > got")))
    worktree = bench.deck().agent("cat").worktree
    assert worktree is not None
    eventually((worktree / "got").exists)
    assert agentdeck("comment", "cat", "new:1", "Why x?", cwd=bench.root).returncode == 0
    done = agentdeck("review", "cat", cwd=bench.root)
    assert (done.returncode, done.stderr) == (0, "cat has 1 comment.\n")
    eventually(lambda: "1. new:1" in (worktree / "got").read_text())
    none = agentdeck("review", "cat", cwd=bench.root)
    assert (none.returncode, none.stderr.splitlines()[0]) == (
        ExitCode.USAGE,
        "agentdeck: There are no comments on cat's changes.",
    )


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("src/app.py:99", ExitCode.NOT_FOUND, "src/app.py has no line 99."),
        ("src/app.py:0", ExitCode.USAGE, "“src/app.py:0” is not a place."),
        ("nothing.py:1", ExitCode.NOT_FOUND, "The agent has no file “nothing.py”."),
        ("../../README.md:1", ExitCode.NOT_FOUND, "The agent has no file “../../README.md”."),
        (":3", ExitCode.USAGE, "“:3” is not a place."),
    ],
)
def test_a_place_that_is_not_there_is_refused_and_nothing_is_kept(
    bench: Bench, place: str, code: ExitCode, said: str
) -> None:
    finished(bench, "fix", {"src/app.py": "print('hi')\n"})
    done = agentdeck("comment", "fix", place, "Hm", cwd=bench.root)
    assert (done.returncode, done.stderr.splitlines()[0]) == (code, f"agentdeck: {said}")
    assert bench.deck().review.comments("fix") == []
