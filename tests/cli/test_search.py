"""The verb search: over logs and changes of all agents."""

from __future__ import annotations

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished


def test_it_finds_lines_of_changes_and_logs(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "print('Needle')\n"})
    finished(bench, "two", {"needle.txt": "x\n"}, commit=False)
    done = agentdeck("search", "needle", cwd=bench.root)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "one  src/app.py:1  + print('Needle')" in lines
    assert "two  needle.txt  changed file" in lines
    only = agentdeck("search", "Needle", "one", cwd=bench.root).stdout.splitlines()
    assert only[0] == "one  src/app.py:1  + print('Needle')"
    (found,) = objects(agentdeck("--json", "search", r"need.e", "one", cwd=bench.root).stdout)
    assert found["matches"][0]["place"] == "src/app.py:1"
    none = agentdeck("search", "nowhere", cwd=bench.root)
    assert (none.returncode, none.stderr.splitlines()[0]) == (
        ExitCode.NOT_FOUND,
        "agentdeck: Nothing matches “nowhere”.",
    )
    assert agentdeck("search", "(", cwd=bench.root).returncode == ExitCode.USAGE
