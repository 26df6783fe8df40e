from __future__ import annotations

from agentdeck.core.agents.agent import State
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted import Scripted

LIMITED = '{"type":"result","is_error":true,"api_error_status":429,"result":"API Error: Request rejected (429) · x"}'


def test_run_with_a_list_tells_who_went_on_and_why(bench: Bench, scripted: Scripted) -> None:
    done = {"write": {"ü.txt": "x"}, "commit": "By the other one", "print": '{"type":"turn.completed"}'}
    scripted.plan(claude=[{"print": LIMITED, "exit": 1}], codex=[done])
    told = agentdeck("run", "Do it", "-a", "claude", "-n", "one", "--failover", "codex", cwd=bench.root)
    assert (told.returncode, told.stdout) == (0, "one\n"), told.stderr
    assert "claude → codex: claude's usage limit until" in told.stderr
    (shown,) = objects(agentdeck("show", "one", "--json", cwd=bench.root).stdout)
    assert (shown["profile"], shown["current_profile"], shown["failover"]) == ("claude", "codex", ["codex"])
    assert "codex" in agentdeck("ls", cwd=bench.root).stdout
    listed = agentdeck("show", "one", "--failovers", cwd=bench.root).stdout
    assert "codex" in listed
    assert "By the other one" in listed


def test_a_profile_that_is_not_there_is_told(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{}])
    told = agentdeck("run", "Do it", "-a", "claude", "--failover", "cloude", cwd=bench.root)
    assert told.returncode == 3
    assert "cloude" in told.stderr
    bench.write("agentdeck.toml", '[agent]\nfailover = ["cloude"]\n')
    told = agentdeck("run", "Do it", "-a", "claude", cwd=bench.root)
    assert told.returncode == 78
    assert "agentdeck.toml:2" in told.stderr
    assert agentdeck("run", "--failover", "codex", "--", "true", cwd=bench.root).returncode == 2


def test_an_agent_is_switched_and_taken_back_by_hand(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"hold": True}], codex=[{"hold": True}])
    agentdeck("run", "-d", "Do it", "-a", "claude", "-n", "one", "--failover", "codex", cwd=bench.root)
    eventually(lambda: scripted.names == ["claude"])
    told = agentdeck("failover", "one", cwd=bench.root)
    assert (told.returncode, "one now runs codex." in told.stderr) == (0, True), told.stderr
    eventually(lambda: scripted.names == ["claude", "codex"])
    assert bench.deck().agent("one").state is State.WORKING, "a person's choice is no limit"
    (back,) = objects(agentdeck("failover", "one", "--back", "--json", cwd=bench.root).stdout)
    assert (back["type"], back["current_profile"]) == ("agent", "claude")
    assert agentdeck("failover", "one", "--back", cwd=bench.root).returncode == 4
    assert agentdeck("failover", "one", "--to", "cloude", cwd=bench.root).returncode == 3
    agentdeck("stop", "one", cwd=bench.root)
