from __future__ import annotations

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench


def test_it_reads_a_task_a_file_of_tasks_and_the_files_of_agents(bench: Bench) -> None:
    assert agentdeck("lint", cwd=bench.root).returncode == ExitCode.NOT_FOUND
    done = agentdeck("lint", "make it nicer", cwd=bench.root)
    assert done.returncode == ExitCode.OK and "task:1: warn name a command" in done.stdout
    assert agentdeck("lint", "--strict", "make it nicer", cwd=bench.root).returncode == ExitCode.FAILED
    assert agentdeck("lint", "--strict", "Fix src/app.py: `make test` passes", cwd=bench.root).stderr == "No advice.\n"
    bench.write("tasks.toml", '[[task]]\nname = "one"\ntask = "look around"\n')
    assert "tasks.toml one:1: warn" in agentdeck("lint", "tasks.toml", cwd=bench.root).stdout
    bench.write("AGENTS.md", "Read `docs/gone.md`.\n")
    (told,) = objects(agentdeck("lint", "--json", cwd=bench.root).stdout)
    assert [(each["where"], each["rule"]) for each in told["advice"]] == [("AGENTS.md", "no-such-path")]
