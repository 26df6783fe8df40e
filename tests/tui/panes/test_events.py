"""The Events tab: what happened, newest first, with why."""

from __future__ import annotations

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.tui.panes.events import EventsPane
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.tui.panes.opened import Pilot, begin, on_pane


def test_changes_come_by_themselves_with_their_reasons(bench: Bench) -> None:
    view = begin(bench, "fix", "read line; exit 3", task="Mend it")

    async def script(on: Pilot[EventsPane]) -> None:
        on.pane.show(view)
        await on.sees("● working", "(was starting)", "worktree: ", "ports: ")
        bench.deck().send("fix", "go")
        await on.sees("✗ failed", "exited with 3", "(was working)")
        text = on.text()
        assert text.index("failed") < text.index("(was starting)")

    on_pane(EventsPane, bench, script, (110, 24))


def test_the_current_event_is_told_in_full_and_stays_while_others_come(bench: Bench) -> None:
    view = begin(bench, "fix")
    store = bench.deck().store
    eventually(lambda: any(event.data.get("to") == "working" for event in store.events("fix")))
    store.append(Event(EventKind.WARNING, "fix", "long " * 10 + "\x1b]0;evil\x07 \u202eend", at=1.0))

    async def script(on: Pilot[EventsPane]) -> None:
        on.pane.show(view)
        await on.sees("! warning", "ago  long long")
        on.pane.rows.focus()
        assert "\u202e" not in on.text()
        await on.press("end")
        told = on.pane._events[on.pane.rows.cursor]
        store.append(Event(EventKind.PROVIDER_FAILED_OVER, "fix", "anthropic is limited; openai serves it"))
        on.pane.look()
        await on.sees("openai serves it", "provider")
        assert on.pane._events[on.pane.rows.cursor] == told

    on_pane(EventsPane, bench, script)
