"""A key means one thing, whatever has the focus: on the list, in each tab, on each screen."""

from __future__ import annotations

from collections import defaultdict

from agentdeck.tui.list.detail import Detail
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive

_FOCUSES: dict[str, tuple[str, ...]] = {
    "the list": (),
    "the tab Screen": ("t", "right"),
    "the tab Log": ("l", "right"),
    "a recording": ("l", "right", "ctrl+r"),
    "the tab Diff": ("d", "right"),
    "the tab Commits": ("h", "right"),
    "the tab Env": ("V", "right"),
    "the tab Usage": ("dollar_sign", "right"),
    "the tab Events": ("e", "right"),
    "the zoomed tab": ("z",),
    "the landing queue": ("L",),
    "the radar": ("R",),
    "the steps": ("U",),
    "what is stale": ("P",),
    "the settings": ("f2",),
    "the timeline": ("Y",),
    "the grid": ("g",),
    "the inbox": ("exclamation_mark",),
}
_TEXTUALS = {
    "ctrl+q": "quit",
    "ctrl+p": "palette",
    "super+c": "copy",
    "ctrl+c": "look.copy",
    # Lists of Textual move as ours do.
    "down": "move.down",
    "up": "move.up",
    "home": "move.first",
    "end": "move.last",
    "pagedown": "move.page-down",
    "pageup": "move.page-up",
    "enter": "agent.attach",
}
"""What keys mean that Textual binds itself."""
_IDLE = {"left", "right", "ctrl+pageup", "ctrl+pagedown", "tab", "shift+tab"}
"""Textual's own for what there is none of on ours: more to the side, another widget."""


def _meanings(on: Driver) -> dict[str, str]:
    """What each key means that works now: the id that it is bound by."""
    active = on.app.screen.active_bindings
    ours = {key: each.binding.id for key, each in active.items() if each.enabled}
    return {key: name or _TEXTUALS.get(key, "") for key, name in ours.items() if name or key not in _IDLE}


def test_every_key_means_one_thing_in_every_focus(bench: Bench) -> None:
    view = begin(bench, "fix", "echo hello; exec sleep 1000")
    assert view.worktree is not None
    bench.write("one.txt", "1\n", cwd=view.worktree)
    bench.commit("one", cwd=view.worktree)
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

    async def script(on: Driver) -> None:
        await on.sees("fix")
        for focus, keys in _FOCUSES.items():
            await on.press(*keys)
            await on.pilot.pause(0.1)
            meanings = _meanings(on)
            assert len(meanings) > 5, focus
            for key, meaning in meanings.items():
                found[key][meaning].append(focus)
            await on.press("escape", "escape")
            assert on.app.screen is on.screen, focus
            assert not on.screen.query_one(Detail).has_keys(), focus

    drive(bench.deck(), script)
    unnamed = {key: dict(meanings) for key, meanings in found.items() if "" in meanings}
    assert not unnamed, "a key that is in no table"
    several = {key: dict(meanings) for key, meanings in found.items() if len(meanings) > 1}
    assert not several
