"""Where the agent works and what it was given: addresses, database, variables. Secrets are hidden until asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.binding import BindingType

from agentdeck.core.box.traffic import by_host
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.secrets import masked
from agentdeck.core.text.text import columns, pad, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.keys.keys import COPY, ENV, IN_TABS, bound
from agentdeck.tui.panes.listed import ListPane
from agentdeck.tui.panes.rows import Piece, RowsView


@dataclass(frozen=True, slots=True)
class EnvLine:
    """One thing that can be read and copied; with no name, a heading."""

    name: str
    value: str
    hidden: str = ""
    """What is shown in place of the value until a person wants to see that; empty where nothing is to hide."""


class EnvPane(ListPane):
    KEYS: ClassVar = (
        ("look.copy", "copy"),
        ("env.reveal", "show or hide a secret"),
        ("env.forward", "ports"),
        ("program.back", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bound([COPY, *IN_TABS[ENV]])]

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._entries: list[EnvLine] = []
        self._revealed: set[str] = set()

    def changed_agent(self) -> None:
        self._entries = []
        self._revealed.clear()
        super().changed_agent()

    def set_active(self, active: bool) -> None:
        if not active:
            # What was shown is hidden again when one looks away.
            self._revealed.clear()
        super().set_active(active)

    def find(self, view: AgentView) -> list[EnvLine]:
        return entries_of(self.deck, view)

    def found(self, view: AgentView, facts: list[EnvLine]) -> None:
        if not self._entries:
            self.rows.cursor = 1
        self._entries = facts
        self._paint()
        self._tell()

    def _tell(self) -> None:
        """The whole of what the row has no room for."""
        entry = self._entry()
        if entry is not None:
            hidden = entry.hidden and entry.name not in self._revealed
            self.say(plain(entry.hidden if hidden else entry.value))

    @on(RowsView.Moved)
    def _moved(self) -> None:
        self._tell()

    def _paint(self) -> None:
        width = max((columns(plain(entry.name)) for entry in self._entries), default=0)
        self.rows.put([self._row(entry, min(width, 28)) for entry in self._entries])

    def _row(self, entry: EnvLine, width: int) -> Sequence[Piece]:
        if not entry.name:
            return [(f" {entry.value}", "strong")]
        name = (pad(f"   {plain(entry.name)}", width + 5), "dim")
        if entry.hidden and entry.name not in self._revealed:
            return [name, (plain(entry.hidden), "")]
        return [name, (plain(entry.value), "warn" if entry.hidden else "")]

    def _entry(self) -> EnvLine | None:
        at = self.rows.cursor
        return self._entries[at] if at < len(self._entries) and self._entries[at].name else None

    def action_reveal(self) -> None:
        entry = self._entry()
        if entry is None or not entry.hidden:
            self.app.notify("There is no secret on this line.")
            return
        self._revealed ^= {entry.name}
        self._paint()
        self._tell()

    def action_forward(self) -> None:
        """Open the ports of an agent on another host here, or close them."""
        view = self.view
        if view is None or not view.host:
            self.app.notify("Its ports are open on this machine.")
            return

        def work() -> str:
            if not self.deck.fleet.toggle_forward(view):
                return f"The ports of {view.name} are closed here."
            shown = " ".join(f"http://127.0.0.1:{port}" for port in self.deck.fleet.ports_of(view))
            return f"Open here until you press that again or quit: {shown}"

        self.run_worker(self.carry_out(work), exit_on_error=False)

    def action_copy(self) -> None:
        if self.screen.selections:
            raise SkipAction  # the screen copies what is selected
        entry = self._entry()
        if entry is None:
            self.app.notify("There is nothing to copy on this line; use the arrows.")
            return
        self.app.copy_to_clipboard(entry.value)
        self.app.notify(f"{plain(entry.name)} was copied.", markup=False)


def entries_of(deck: Deck, view: AgentView) -> list[EnvLine]:
    """All of it, in sections. Raise DeckError where the configuration can't be read."""
    agent, status = view.agent, view.status
    facts = [
        ("worktree", str(view.worktree or "")),
        ("branch", view.where),
        ("base", view.base),
        ("profile", f"{agent.profile}, {agent.mode}"),
        ("tier", agent.tier),
        ("permission", agent.permission),
        ("box", agent.box),
        ("model asked for", agent.model),
        ("model", status.model),
        ("session", status.session),
        ("log", str(view.log or "")),
    ]
    if view.host:
        facts.append(("why there", deck.fleet.why(view)))
    found = [EnvLine("", "Location"), *(_entry(name, value) for name, value in facts if value)]
    held = {each.kind: each for each in deck.holdings(view) if each.held}
    variables = deck.variables(view)
    if "ports" in held:
        ports = variables["ports"]
        named = {**{f"port {port}": str(port) for port in view.ports if str(port) not in ports.values()}, **ports}
        found.append(EnvLine("", "Addresses"))
        found += [EnvLine(name, f"http://127.0.0.1:{port}") for name, port in named.items() if port.isdigit()]
    if elsewhere := deck.fleet.ports_of(view) if view.host else ():
        told = f"Addresses on {view.host}; “agentdeck ports --forward {view.name}” or the key “ports” opens them here"
        addresses = [EnvLine(f"port {port}", f"http://127.0.0.1:{port}") for port in elsewhere]
        found += [EnvLine("", told), *addresses]
    if "database" in held:
        found += [EnvLine("", "Database"), *_some("name", held["database"].text)]
        found += [_entry(name, value) for name, value in variables["database"].items()]
    if reached := by_host(deck.reports.network(view)):
        found += [EnvLine("", "Network"), *(EnvLine(each.place, each.text) for each in reached)]
    found.append(EnvLine("", "Variables"))
    shown = {entry.name for entry in found}
    everything = {name: value for each in (*variables.values(), agent.env) for name, value in each.items()}
    found += [_entry(name, value) for name, value in sorted(everything.items()) if name not in shown]
    return found


def _some(name: str, value: str) -> list[EnvLine]:
    return [_entry(name, value)] if value else []


def _entry(name: str, value: str) -> EnvLine:
    seen = masked(value, name if name.isupper() or "_" in name else "")
    return EnvLine(name, value, "" if seen == value else seen)
