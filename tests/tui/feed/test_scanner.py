"""What the list says of conflicts holds, or says that it may not."""

from __future__ import annotations

from agentdeck.core.merging.radar import Verdict
from agentdeck.engine.records.landings import LandRequest
from agentdeck.tui.feed.scanner import Scanner
from tests.support.decks import Bench
from tests.support.finished import finished


def test_a_mark_is_doubted_once_its_agent_or_base_moved_and_gone_once_it_landed(bench: Bench) -> None:
    view, deck = finished(bench, "fix", {"fix.txt": "one\n"}), bench.deck()
    bench.write("fix.txt", "theirs\n")
    bench.commit("Theirs")
    scanner = Scanner(deck)

    def said() -> tuple[Verdict, bool] | None:
        mark = scanner.marks_of(deck.agents()).get("fix")
        return (mark[0].verdict, mark[1]) if mark else None

    assert scanner.scan(deck.agents())
    assert said() == (Verdict.CONFLICTS, True)
    bench.git("merge", "-q", "-s", "ours", "--no-edit", "main", cwd=view.worktree)
    assert scanner.check(deck.agents())
    assert said() == (Verdict.CONFLICTS, False)
    assert not scanner.check(deck.agents())
    assert scanner.scan(deck.agents())
    assert said() == (Verdict.CLEAN, True)
    assert not scanner.scan(deck.agents())
    deck.land(LandRequest(("fix",)))
    assert said() is None
