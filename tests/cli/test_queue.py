"""The verb queue, while a landing runs and after it."""

from __future__ import annotations

from agentdeck.errors import ExitCode
from tests.engine.landing.test_queue import landing
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished


def test_it_lists_what_lands_and_changes_it(bench: Bench) -> None:
    empty = agentdeck("queue", cwd=bench.root)
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "Nothing has landed yet.\n")
    for name in ("one", "two", "three"):
        finished(bench, name, {f"{name}.txt": name})
    with landing(bench, "one", "two", "three") as end:
        told = agentdeck("queue", "--first", "three", cwd=bench.root)
        assert (told.returncode, told.stderr) == (0, "Next to land: three, two.\n")
        lines = agentdeck("queue", cwd=bench.root).stdout.splitlines()
        assert [line.split()[:2] for line in lines[1:]] == [["gating", "one"], ["queued", "three"], ["queued", "two"]]
        assert agentdeck("queue", "--drop", "two", cwd=bench.root).stderr == "two was taken out of the queue.\n"
        (found,) = objects(agentdeck("--json", "queue", cwd=bench.root).stdout)
        assert found["waiting"] == ["three"]
        wrong = agentdeck("queue", "--later", "one", cwd=bench.root)
        assert (wrong.returncode, wrong.stdout) == (ExitCode.REFUSED, "")
        end()
    assert agentdeck("undo", cwd=bench.root).returncode == 0
    lines = agentdeck("queue", cwd=bench.root).stdout.splitlines()
    assert {line.split()[0] for line in lines[1:]} == {"landed", "set", "undone"}
    gone = agentdeck("queue", "--drop", "one", cwd=bench.root)
    assert (gone.returncode, gone.stderr.splitlines()[0]) == (
        ExitCode.NOT_FOUND,
        "agentdeck: one is not in the landing queue.",
    )
