"""The dialog for a new agent: copies, issues, what is not installed, and what was chosen last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input, Select, TextArea

from agentdeck.core.fleet.placement import Needs
from agentdeck.engine.api.hosts import DeckHosts
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import RefusedError
from agentdeck.tui.dialogs.newagent import LOADING, OTHER, NewAgent
from agentdeck.tui.list.table import AgentTable
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive


async def _opened(on: Driver) -> NewAgent:
    await on.press("n")
    dialog = on.app.screen
    assert isinstance(dialog, NewAgent)
    await on.until(lambda: _picker(dialog, "profile").value != LOADING)
    return dialog


def _picker(dialog: NewAgent, name: str) -> Select[Any]:
    return dialog.query_one(f"#{name}", Select)


def test_several_copies_of_a_command_are_started_and_numbered(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        _picker(dialog, "profile").value = "command"
        _picker(dialog, "copies").value = "2"
        dialog.query_one(TextArea).text = "sleep 1000"
        dialog.query_one("#name", Input).value = "twin"
        await on.press("ctrl+s")
        await on.until(lambda: {row.name for row in on.screen.snapshot.rows} == {"twin-1", "twin-2"})
        await on.until(lambda: all(row.view.alive for row in on.screen.snapshot.rows))
        dialog = await _opened(on)
        assert _picker(dialog, "profile").value == "command", "the last choice"

    drive(bench.deck(), script)
    assert bench.deck().agent("twin-2").agent.argv == ("sleep", "1000")


def test_what_is_not_installed_says_how_to_get_it_and_is_not_started(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        dialog.query_one(TextArea).text = "Fix it"
        missing = [each.name for each in dialog._choices.known.values() if not each.installed]
        _picker(dialog, "profile").value = missing[0]
        await on.sees("is not installed. Install it with: ")
        await on.press("ctrl+s")
        assert on.app.screen is dialog

    drive(bench.deck(), script)
    assert bench.deck().agents() == []


def test_a_model_is_picked_or_typed_and_a_tier_names_it_instead(bench: Bench) -> None:
    lister = bench.write("lister", "#!/bin/sh\necho vendor/alpha\n", cwd=bench.home)
    lister.chmod(0o755)
    text = (
        'title = "Bot"\ncommand = "sh"\ninstall = "none"\n'
        f'interactive.prompt = ["sh", "-c", "sleep 1000", "{{prompt}}"]\n'
        f'model = {{ env = {{ BOT_MODEL = "{{model}}" }}, names = ["beta"], lists = ["{lister}"] }}\n'
    )
    bench.write(".config/agentdeck/profiles/bot.toml", text, cwd=bench.home)
    bench.own('[tiers]\ndeep = ["anthropic:claude-opus-4-5"]\n')

    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        dialog.query_one(TextArea).text = "Go"
        _picker(dialog, "profile").value = "bot"
        models = _picker(dialog, "model")
        await on.until(lambda: [value for _, value in models._options] == ["", "beta", "vendor/alpha", OTHER])
        _picker(dialog, "tier").value = "deep"
        await on.until(lambda: models.disabled)
        _picker(dialog, "tier").value = ""
        await on.until(lambda: not models.disabled)
        models.value = OTHER
        typed = dialog.query_one("#other-model", Input)
        await on.until(lambda: typed.display)
        typed.value = "--no model"
        await on.press("ctrl+s")
        await on.sees("is not a model's name")
        typed.value = "vendor/gamma"
        await on.press("ctrl+s")
        await on.until(lambda: any(row.view.alive for row in on.screen.snapshot.rows))
        assert on.screen.snapshot.rows[0].view.model == "vendor/gamma"
        dialog = await _opened(on)
        assert dialog.query_one("#other-model", Input).value == "vendor/gamma", "the last choice"

    drive(bench.deck(), script)


def test_all_that_it_can_is_offered_only_in_a_full_box(bench: Bench) -> None:
    skip_without_box(alone=True)

    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        _picker(dialog, "profile").value = "demo"
        dialog.query_one(TextArea).text = "Fix it"
        _picker(dialog, "permission").value = "all"
        await on.until(lambda: _picker(dialog, "box").value == "full")
        _picker(dialog, "box").value = ""
        for mode, told in (("", "choose a box"), ("files", "your whole network"), ("off", "read, change and delete")):
            _picker(dialog, "box").value = mode
            await on.press("ctrl+s")
            await on.sees(told)
        assert on.app.screen is dialog

    drive(bench.deck(), script)
    assert bench.deck().agents() == []


def test_a_box_is_chosen_and_remembered(bench: Bench) -> None:
    skip_without_box()

    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        _picker(dialog, "profile").value = "command"
        dialog.query_one(TextArea).text = "sleep 1000"
        dialog.query_one("#name", Input).value = "boxed"
        _picker(dialog, "box").value = "full"
        await on.press("ctrl+s")
        await on.until(lambda: any(row.view.alive for row in on.screen.snapshot.rows))
        assert bench.deck().agent("boxed").agent.box == "full"
        dialog = await _opened(on)
        assert _picker(dialog, "box").value == "full", "the last choice"

    drive(bench.deck(), script)


def test_an_issue_is_read_through_gh(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text("""#!/bin/sh
test "$1 $2 $3" = "issue view 12" || exit 1
echo '{"number": 12, "title": "Totals are wrong", "body": "They lack the discount.", "url": "u"}'
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin", prepend=None)
    bench.git("remote", "add", "origin", "https://github.com/robin/shop.git")

    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        _picker(dialog, "profile").value = "demo"
        dialog.query_one(TextArea).text = "#13"
        await on.press("ctrl+s")
        await on.sees("gh issue view 13 failed.")
        dialog.query_one(TextArea).text = "#12"
        await on.press("ctrl+s")
        await on.until(lambda: dialog.query_one(TextArea).text == "Totals are wrong\n\nThey lack the discount.")
        assert on.app.screen is dialog

    drive(bench.deck(), script)


def test_a_host_is_offered_where_there_are_any(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StartRequest] = []
    names = ["big", "old [one]"]

    def start(self: Deck, request: StartRequest, note: object) -> AgentView:
        asked.append(request)
        raise RefusedError("Not now.")

    monkeypatch.setattr(DeckHosts, "names", lambda self: names)
    monkeypatch.setattr(Deck, "start", start)

    async def script(on: Driver) -> None:
        dialog = await _opened(on)
        await on.sees("Host", "this machine")
        dialog.query_one(TextArea).text = "Fix it"
        assert not dialog.query_one("#if-lost-field").display
        _picker(dialog, "host").value = "any"
        await on.sees("Needs", "If lost")
        dialog.query_one("#needs", Input).value = "memory much"
        await on.press("ctrl+s")
        await on.sees("“memory much” is no need")
        dialog.query_one("#needs", Input).value = "memory 8G"
        _picker(dialog, "profile").value = "gemini"  # which is not installed here, and may be there
        dialog.query_one("#if-lost", Input).value = "fail after 30m"
        await on.press("ctrl+s")
        await on.until(lambda: asked)
        names.clear()
        on.screen.draft = None
        dialog = await _opened(on)
        assert not dialog.query_one("#host-field").display

    drive(bench.deck(), script)
    assert (asked[0].on, asked[0].needs, asked[0].profile) == ("any", Needs(memory=8 << 30), "gemini")
    assert asked[0].if_lost == "fail after 30m"


def test_keys_that_come_at_once_go_where_the_first_of_them_leads(bench: Bench) -> None:
    """As on a busy machine, where the screen is behind what is typed."""
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        def burst(*keys: str) -> None:
            for key in keys:
                on.app.post_message(Key(key, key if len(key) == 1 else None))

        await on.sees("fix")
        burst("slash", "x", "q", "n")
        await on.until(lambda: [box.value for box in on.screen.query("#filter").results(Input)] == ["xqn"])
        assert on.app.screen is on.screen
        await on.press("escape")
        await on.until(lambda: on.screen.query_one(AgentTable).has_focus)
        burst("n", "x", "q", "i")
        await on.until(lambda: isinstance(on.app.screen, NewAgent))
        await on.until(lambda: any(each.text == "xqi" for each in on.app.screen.query(TextArea)))
        await on.press("escape")
        burst("question_mark", "x", "m")
        await on.until(lambda: any(each.value == "xm" for each in on.app.screen.query(Input)))

    drive(bench.deck(), script)
