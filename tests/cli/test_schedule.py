from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode
from agentdeck.system.state.schedules import ScheduleState
from tests.support.cli import agentdeck, objects
from tests.support.decks import CONFIG, bench_in

RULES = '\n[schedule.deps]\ncron = "@daily"\nzone = "UTC"\ntask = "take notes"\nagent = "demo"\n'


def test_it_lists_runs_and_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench_in(tmp_path, monkeypatch, config=CONFIG + RULES) as bench:
        listed = agentdeck("schedule", cwd=bench.root)
        assert "deps" in listed.stdout and "agentdeck schedule install" in listed.stderr
        (told,) = objects(agentdeck("schedule", "--json", cwd=bench.root).stdout)
        assert [len(each["following"]) for each in told["schedules"]] == [3] and not told["installed"]
        assert agentdeck("schedule", "run", cwd=bench.root).returncode == ExitCode.USAGE
        assert agentdeck("schedule", "run", "other", cwd=bench.root).returncode == ExitCode.NOT_FOUND
        ran = agentdeck("schedule", "run", "deps", cwd=bench.root)
        assert ran.stdout.startswith("deps-")
        ScheduleState(bench.deck().root).install()
        (ticked,) = objects(agentdeck("schedule", "tick", "--json", cwd=bench.home).stdout)  # from anywhere
        assert ticked["ticks"] == []


@pytest.mark.parametrize(
    ("rules", "wrong"),
    [
        ('cron = "61 * * * *"\ntask = "t"', "is not a cron expression"),
        ('cron = "@daily"', "either a task or a file"),
        ('cron = "@daily"\ntask = "t"\nzone = "Berlin"', "is not a time zone"),
        ('cron = "@daily"\ntask = "t"\ncatch_up = "soon"', "is not a length of time"),
        ('cron = "@daily"\ntask = "t"\npermission = "all"', "permission"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str, wrong: str
) -> None:
    with bench_in(tmp_path, monkeypatch, config=f"[schedule.deps]\n{rules}\n") as bench:
        done = agentdeck("config", cwd=bench.root)
        assert done.returncode == ExitCode.CONFIG and wrong in done.stderr, json.dumps(done.stderr)
