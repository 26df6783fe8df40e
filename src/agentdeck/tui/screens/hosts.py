"""The hosts: whether each answers, what it has free, the agents there, what is wrong with it and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import size_text
from agentdeck.engine.deck import Deck
from agentdeck.engine.views.fleet import HostState
from agentdeck.tui.acts.actions import Actions, Note
from agentdeck.tui.dialogs.dialogs import Ask, Confirm
from agentdeck.tui.keys.keys import HOSTS, REMOVE, bound
from agentdeck.tui.list.header import COLOURS, KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.fleet import HostLook

_DIM = "$foreground 60%"
_MARKS = {True: ("✓", "$text-success"), None: ("–", "$text-warning"), False: ("✗", "$text-error")}


class HostsFacts(NamedTuple):
    hosts: tuple[HostLook, ...]
    agents: tuple[AgentView, ...]
    """Of this repository, on all hosts."""


class HostsScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([*HOSTS, REMOVE])]
    heading = "Hosts"
    empty = "You have no hosts. Press {host.add} to add one that your ssh knows; agents can run there then."
    columns = (
        ListingColumn("HOST", 8),
        ListingColumn("STATE", 18),
        ListingColumn("AGENTS", 6),
        ListingColumn("CPU FREE", 8),
        ListingColumn("MEMORY FREE", 9),
        ListingColumn("PING", 6),
        ListingColumn("VERSION", 5),
    )
    every = 1.0

    def __init__(self, deck: Deck, actions: Actions, agents: Callable[[], Sequence[AgentView]]) -> None:
        """`agents` are those that the dashboard shows now."""
        super().__init__(deck, actions)
        self._agents = agents
        self._watch = deck.fleet.watch()

    def find(self) -> HostsFacts:
        return HostsFacts(self._watch.now(), tuple(view for view in self._agents() if view.host))

    def on_unmount(self) -> None:
        self._watch.close()

    def summary(self, facts: HostsFacts) -> str:
        if not facts.hosts:
            return "none yet"
        gone = sum(look.known and not look.view.lost and look.view.facts is None for look in facts.hosts)
        agents = f"{len(facts.agents)} agent{'' if len(facts.agents) == 1 else 's'} of this repository there"
        return f"{len(facts.hosts)}, {gone} unreachable, {agents}" if gone else f"{len(facts.hosts)}, {agents}"

    def items(self, facts: HostsFacts) -> Sequence[Item]:
        return [_item(look, _there(facts, look)) for look in facts.hosts]

    def about(self, facts: HostsFacts, key: str) -> Content:
        look = self._look(key)
        return _about(look, _there(facts, look)) if look is not None else Content()

    def hints(self) -> Sequence[KeyHint]:
        keymap, look = self.app._keymap, self._look(self.selected)
        if look is None:
            return (hint_of("host.add", keymap),)
        names = ["host.check", "host.drain", "agent.remove", "host.adopt", "host.add"]
        names.insert(1 if look.view.facts is None else 2, "host.lose")
        words = {"host.drain": "undrain" if look.view.drained else "drain"}
        return [hint_of(name, keymap, words.get(name, "")) for name in names]

    def _look(self, name: str | None) -> HostLook | None:
        facts: HostsFacts | None = self.facts
        return next((look for look in facts.hosts if look.view.name == name), None) if facts is not None else None

    def _chosen(self) -> HostLook | None:
        """The selected one; without any, that is said."""
        look = self._look(self.selected)
        if look is None:
            self.notify("There is no host here.", severity="warning")
        return look

    # Keys

    def action_add(self) -> None:
        """Ask for its name, and take it in where it answers."""

        def answer(name: str | None) -> None:
            if name is None:
                return

            def work(note: Note) -> str:
                added = self.deck.hosts().add(name.strip())
                facts = added.facts
                return f"{added.name} is a host: {facts.cores} cores, agentdeck {facts.version}." if facts else ""

            self.actions.do(f"adding the host {name.strip()}", work)

        self.app.push_screen(Ask("Add which host?", hint="a name that your ssh knows, such as dev1"), answer)

    @on(OptionList.OptionSelected)
    def action_check(self) -> None:
        """Ask it anew; take it in again where it had been given up."""
        if (look := self._chosen()) is None:
            return
        name = look.view.name

        def work(note: Note) -> str:
            if look.view.lost:
                self.deck.fleet.welcome(name, note)
            self._watch.check(name)
            return f"{name} is a host again." if look.view.lost else ""

        self.actions.do(f"checking {name}", work)

    def action_drain(self) -> None:
        if (look := self._chosen()) is None:
            return
        name, is_on = look.view.name, not look.view.drained

        def work(note: Note) -> str:
            self.deck.hosts().drain(name, on=is_on)
            return f"Nothing new starts on {name}; its agents go on." if is_on else f"Agents can start on {name} again."

        self.actions.do(f"{'draining' if is_on else 'undraining'} {name}", work)

    def action_lose(self) -> None:
        if (look := self._chosen()) is None:
            return
        name = look.view.name
        names = [view.name for view in _there(self.facts, look) if view.state.is_live]
        text = "No agent of this repository runs there."
        if names:
            text = f"{', '.join(names)} will start again on another host, from the last copy of the work here."
        if look.view.facts is not None:
            text = f"It answers now, so what runs there would run twice until it is stopped. {text}"

        def work(note: Note) -> str:
            again = self.deck.fleet.lose(name, note)
            told = ", ".join(f"{view.name} on {view.host}" for view in again)
            return f"{name} was given up. Started again: {told or 'none'}."

        self._confirm(f"Give {name} up as lost?", text, "Give it up", f"giving {name} up", work)

    def action_adopt(self) -> None:
        if (look := self._chosen()) is None:
            return
        name = look.view.name

        def work(note: Note) -> str:
            found = self.deck.fleet.adopt(name, note)
            return f"Adopted {', '.join(view.name for view in found)}." if found else f"{name} has no agents to adopt."

        self.actions.do(f"adopting what {name} has of this repository", work)

    def action_remove(self) -> None:
        if (look := self._chosen()) is None:
            return
        name = look.view.name

        def work(note: Note) -> str:
            self.deck.hosts().remove(name)
            return f"{name} is no host of yours any more."

        text = "Nothing on it is changed; add brings it back. It stays while it has agents of yours."
        self._confirm(f"Forget the host {name}?", text, "Forget it", f"forgetting {name}", work)

    def _confirm(self, question: str, text: str, yes: str, title: str, work: Callable[[Note], str]) -> None:
        def answer(agreed: bool | None) -> None:
            if agreed:
                self.actions.do(title, work)

        self.app.push_screen(Confirm(question, text, yes=yes), answer)


def _there(facts: HostsFacts, look: HostLook) -> list[AgentView]:
    return [view for view in facts.agents if view.host == look.view.name]


def _state(look: HostLook) -> Piece:
    """Whether it answers, and since when not."""
    view, now = look.view, time.time()
    if view.lost:
        return f"■ lost {short_duration(now - view.lost)}", "$text-warning"
    if not look.known:
        return "… asking", _DIM
    if view.facts is None:
        return f"✗ unreachable {short_duration(max(0.0, now - look.since))}", "$text-error bold"
    if view.drained:
        return f"◌ drained {short_duration(now - view.drained)}", "$text-warning"
    return ("! no new agents", "$text-warning") if _faults(look) else ("● ok", "$text-success")


def _faults(look: HostLook) -> bool:
    return any(check.ok is False for check in look.checks)


def _item(look: HostLook, agents: Sequence[AgentView]) -> Item:
    view, facts = look.view, look.view.facts
    cores = memory = version = ""
    running = str(sum(each.alive for each in agents) or "")
    if facts is not None:
        cores = f"{max(0.0, HostState(view.name, facts).idle):.1f}/{facts.cores}"
        memory, version = size_text(facts.free_memory), facts.version
        running = str(sum(each.alive for each in facts.agents) or "")
    ping = f"{1000 * look.latency:.{0 if look.latency >= 0.01 else 1}f} ms" if look.latency is not None else ""
    cells: tuple[Piece, ...] = (
        (view.name, "bold"),
        _state(look),
        (running, ""),
        (cores, ""),
        (memory, ""),
        (ping, "$text-warning" if (look.latency or 0) > 1 else ""),
        (version, _DIM),
    )
    return Item(view.name, cells)


def _about(look: HostLook, agents: Sequence[AgentView]) -> Content:
    view, facts = look.view, look.view.facts
    said: list[Piece | str] = [(f"{view.name}: {_state(look)[0][2:]}", "bold"), (view.reach, _DIM)]
    if view.labels:
        said.append((f"labels: {', '.join(view.labels)}", _DIM))
    if look.known and facts is None and not view.lost:
        since = time.strftime("%H:%M:%S", time.localtime(look.since))
        why = "" if look.checks else f": {view.trouble}"
        said += ["", (f"It has not answered since {since}{why}.", "$text-error")]
        said.append("Its agents go on there. They are shown as they stood then, and nothing starts again by itself.")
    if facts is not None:
        gpus = f", {', '.join(facts.gpus)}" if facts.gpus else ""
        memory = f"{size_text(facts.free_memory)} of {size_text(facts.memory)} of memory free"
        disk = f"{size_text(facts.free_disk)} of disk"
        said.append(f"load {facts.load:.1f} on {facts.cores} cores, {memory}, {disk}{gpus}")
    if look.checks:
        said.append("")
    for check in look.checks:
        mark, style = _MARKS[check.ok]
        said.append((f"{mark} {check.name}: {check.text}", style if check.ok is not True else ""))
        if check.hint:
            said.append((f"  → {check.hint}", "$text-accent"))
    said += ["", (f"Agents of this repository there: {len(agents) or 'none'}", "bold")]
    for each in agents:
        gone = " (as last seen)" if each.unreachable else ""
        reason = f": {each.reason}" if each.reason and not each.unreachable else ""
        said.append((f"  {each.state.glyph} {each.name} {each.state}{gone}{reason}", COLOURS[each.state]))
    others = sum(each.alive for each in facts.agents) - sum(each.alive for each in agents) if facts is not None else 0
    if others > 0:
        said.append((f"  and {others} of other repositories", _DIM))
    return lines(*said)
