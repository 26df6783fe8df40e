"""What the keys do to agents. Each is one call of the Deck, made in a thread, after a question where it takes away."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.screen import Screen

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import replace
from agentdeck.core.text.text import plain
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import DeckError, NotFoundError
from agentdeck.tui.acts.actions import Actions, Failed, Note
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.look.terminal import editor, in_folder, lend, shell

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck


class AgentVerbs(Screen[None]):
    """A screen that knows which agent is selected, and can act on it."""

    deck: Deck
    actions: Actions
    draft: StartRequest | None = None
    """What was typed about a new agent that was not started."""

    def selected_row(self) -> Row | None:
        """The row of the selected agent; None without one."""
        raise NotImplementedError

    def marked_rows(self) -> Sequence[Row]:
        raise NotImplementedError

    def tell(self, text: str, *, warn: bool = False) -> None:
        """Show one sentence for a while."""
        self.notify(plain(text), severity="warning" if warn else "information", markup=False)

    def _targets(self, fits: Callable[[Row], bool], why_not: str) -> list[Row]:
        """The marked agents that `fits` says yes to, or the selected one; the others are told with why not."""
        marked = self.marked_rows()
        selected = None if marked else self._row()
        rows = marked or ([selected] if selected is not None else [])
        found = [row for row in rows if fits(row)]
        others = [row.name for row in rows if not fits(row)]
        if others:
            self.tell(f"{_and(others)} {'is' if len(others) == 1 else 'are'} {why_not}.", warn=True)
        return found

    def _row(self) -> Row | None:
        row = self.selected_row()
        if row is None:
            self.tell("No agent is selected; {deck.new} starts one.", warn=True)
        return row

    def _alive_view(self) -> AgentView | None:
        row = self._row()
        if row is not None and not _runs(row):
            self.tell(f"{row.name} is not running ({row.state}); {{agent.resume}} starts it again.", warn=True)
            return None
        return row.view if row else None

    # Starting and ending

    def action_new(self) -> None:
        from agentdeck.tui.dialogs.newagent import NewAgent

        dialog = NewAgent(self.deck, self.draft)

        def begin(requests: Sequence[StartRequest] | None) -> None:
            self.draft = dialog.draft if requests is None else None
            for request in requests or ():
                self.start(request, dialog.draft)

        self.app.push_screen(dialog, begin)

    def start(self, request: StartRequest, draft: StartRequest) -> None:
        """Start an agent in a thread; where that fails or is cancelled, `draft` is what the next dialog begins with."""

        def work(note: Note, cancelled: Callable[[], bool]) -> str:
            try:
                view = self.deck.start(replace(request, cancelled=cancelled), note)
            except BaseException:
                self.draft = self.draft or draft
                raise
            chosen = {
                "profile": draft.profile,
                "tier": draft.tier,
                "model": draft.model,
                "permission": draft.permission,
                "box": draft.box,
            }
            self.deck.choices.remember(chosen)
            self.app.call_later(self.begun, view.name)
            return f"{view.name} is {view.state}."

        self.actions.do_long("starting an agent", work)

    def begun(self, name: str) -> None:
        """An agent that a person asked for was started."""

    def _cancels_start(self, row: Row | None) -> bool:
        """Whether the agent is still being made: then that is cancelled, where it is done from here."""
        if row is None or row.state is not State.STARTING or row.view.alive:
            return False
        if not self.actions.cancel(row.name):
            self.tell(f"{row.name} is starting or being rolled back; wait a moment.", warn=True)
        return True

    def action_stop(self) -> None:
        from agentdeck.tui.dialogs.dialogs import Confirm

        if not self.marked_rows() and self._cancels_start(self.selected_row()):
            return
        rows = self._targets(_runs, "not running; {agent.resume} starts it again")
        if not rows:
            return
        names = [row.name for row in rows]

        def answer(agreed: bool | None) -> None:
            for name in names if agreed else ():
                self.actions.do(f"stopping {name}", lambda note, name=name: self._stop(name, note), name)  # type: ignore[misc]

        if len(rows) == 1 and rows[0].state is State.DONE:
            answer(True)
            return
        states = [f"{row.name} is {row.state}." for row in rows]
        loss = _lines([*states, "Current work is interrupted. The changes stay; {agent.resume} starts it again."])
        keep = "Keep it running" if len(rows) == 1 else "Keep them running"
        self.app.push_screen(Confirm(f"Stop {_some(names)}?", loss, yes="Stop", no=keep), answer)

    def _stop(self, name: str, note: Note) -> str:
        return f"{name} is {self.deck.stop(name, note).state}."

    def action_resume(self) -> None:
        row = self.selected_row()
        if not self.marked_rows() and row is not None and row.state is State.STARTING and not row.view.alive:
            self.tell(f"{row.name} is still starting; {{deck.cancel}} cancels the start.", warn=True)
            return
        rows = self._targets(
            lambda row: not _runs(row) or row.view.waits_for_room, "still running; {agent.type} types to it"
        )
        for row in rows:
            if row.view.waits_for_room:
                self.actions.do(f"starting {row.name}", lambda note, name=row.name: self._start_now(name), row.name)  # type: ignore[misc]
        if ended := [row.name for row in rows if not row.view.waits_for_room]:
            self._ask_and_resume(ended)

    def _start_now(self, name: str) -> str:
        return f"{self.deck.starts.now(name)} starts now."

    def _ask_and_resume(self, names: list[str]) -> None:
        from agentdeck.tui.dialogs.dialogs import Ask

        def answer(text: str | None) -> None:
            for name in names if text is not None else ():
                self.actions.do(f"resuming {name}", lambda note, name=name: self._resume(name, text or "", note), name)  # type: ignore[misc]

        ask = Ask(f"Resume {_some(names)}", hint="a prompt; empty: it just continues", may_be_empty=True)
        self.app.push_screen(ask, answer)

    def _resume(self, name: str, text: str, note: Note) -> str:
        return f"{name} is {self.deck.resume(name, text.strip(), note).state}."

    def action_fail_over(self) -> None:
        from agentdeck.tui.dialogs.dialogs import Choose

        rows = self._targets(lambda row: not row.view.agent.argv, "running its own command, not a profile")
        if not rows:
            return
        view, names = rows[0].view, [row.name for row in rows]

        def answer(to: str | None) -> None:
            for name in names if to is not None else ():
                title = f"switching {name} to {to or 'the next profile'}"
                self.actions.do(title, lambda note, name=name: self._fail_over(name, to or "", note), name)  # type: ignore[misc]

        def look(note: Note) -> str:
            options = successors(self.deck, view) if len(rows) == 1 else successors_of_all(self.deck, view)
            text = f"It runs {view.profile} now. The next profile continues in the same worktree."
            dialog = Choose(f"Which profile continues {_some(names)}?", text, options)
            self.app.call_later(self.app.push_screen, dialog, answer)
            return ""

        self.actions.do("looking for other profiles", look, view.name)

    def _fail_over(self, name: str, to: str, note: Note) -> str:
        view = self.deck.fail_over(name, to, note)
        return f"{view.name} now runs {view.profile}."

    def action_remove(self) -> None:
        from agentdeck.tui.dialogs.dialogs import Confirm

        if not self.marked_rows() and self._cancels_start(self.selected_row()):
            return
        rows = self._targets(lambda row: True, "")
        if not rows:
            return

        def answer(agreed: bool | None) -> None:
            for row in rows if agreed else ():
                name, stop = row.name, row.view.alive
                work = partial(self._remove, name, stop=stop)
                self.actions.do(f"removing {name}", work, name)

        names = [row.name for row in rows]
        loss = what_is_lost(rows[0]) if len(rows) == 1 else what_all_lose(rows)
        self.app.push_screen(Confirm(f"Remove {_some(names)}?", loss, yes="Remove"), answer)

    def _remove(self, name: str, note: Note, *, stop: bool) -> str:
        self.deck.remove(name, note, stop=stop)
        return f"{name} was removed; its work is in the trash."

    # Talking

    def action_type(self) -> None:
        if self.marked_rows():
            self.action_broadcast()
            return
        row = self._row()
        if row is not None and row.view.messages and _runs(row):
            self._ask_beside_messages(row)
        elif row is not None and _runs(row):
            self._ask_and_send(f"To {row.name}", [row.name])
        elif row is not None and row.state is State.STARTING:
            self.tell(f"{row.name} is still starting; wait a moment.", warn=True)
        elif row is not None:
            self._ask_and_resume([row.name])

    def action_broadcast(self) -> None:
        rows = self.marked_rows()
        if not rows:
            self.tell("No agent is marked; {deck.mark} marks one.", warn=True)
            return
        names = [row.name for row in rows if _runs(row)]
        resting = [row.name for row in rows if not _runs(row)]
        if not names:
            self.tell("None of the marked agents is running.", warn=True)
            return
        also = f" (not to {', '.join(resting)}: not running)" if resting else ""
        self._ask_and_send(f"To {', '.join(names)}{also}", names)

    def _ask_and_send(self, question: str, names: list[str]) -> None:
        from agentdeck.tui.dialogs.dialogs import Ask

        def answer(text: str | None) -> None:
            if text:
                for name in names:
                    self.actions.do(f"typing to {name}", lambda _, name=name: self._send(name, text), name)  # type: ignore[misc]

        self.app.push_screen(Ask(question, hint="a message; Enter sends it"), answer)

    def _ask_beside_messages(self, row: Row) -> None:
        """Ask for a message to an agent for which some wait already; with an empty one, for what to do with those."""
        from agentdeck.tui.dialogs.dialogs import Ask

        name, told = row.name, row.view.messages_text

        def answer(text: str | None) -> None:
            if text and text.strip():
                self.actions.do(f"typing to {name}", lambda _: self._send(name, text), name)
            elif text is not None:
                self._choose_message(row)

        self.app.push_screen(Ask(f"To {name} · {told}", hint="a message; empty: list them", may_be_empty=True), answer)

    def _choose_message(self, row: Row) -> None:
        from agentdeck.tui.dialogs.dialogs import Choose

        name, options = row.name, []
        known = {each.key: each for each in row.view.messages}
        for each in known.values():
            if each.is_unsure:
                options += [(f"Send again: {each.text}", f"again {each.key}"), (f"Forget: {each.text}", each.key)]
            else:
                options.append((f"Take back: {each.text}", each.key))

        def chosen(word: str | None) -> None:
            if word is None:
                return
            message, again = known[word.removeprefix("again ")], word.startswith("again ")
            act = self.deck.messages.send_again if again else self.deck.messages.take_back
            said = f"{'Waits again' if again else 'Taken back'}: {message.text}"

            def work(note: Note) -> str:
                act(name, message)
                return said

            self.actions.do(f"changing what {name} is told", work, name)

        text = f"{name} gets them one by one, when it is idle."
        self.app.push_screen(Choose(f"Messages to {name}", text, options), chosen)

    def _send(self, name: str, text: str) -> str:
        return "" if self.deck.send(name, text) else f"{name} is busy: the message waits until it is idle."

    def action_answer(self, choice: str) -> None:
        row = self._row()
        if row is None:
            return
        if row.state is not State.WAITING:
            self.tell(f"{row.name} is {row.state} and asks nothing; {{agent.type}} types to it.", warn=True)
            return

        def work(note: Note) -> str:
            said = self.deck.answer(row.name, choice, seen=row.view.status.question)
            return f"Answered {row.name}: {plain(said)}."

        self.actions.do(f"answering {row.name}", work, row.name)

    # Lending the terminal

    def action_attach(self) -> None:
        view = self._alive_view()
        if view is None:
            return
        try:
            argv = self.deck.attach_argv(view.name)
        except DeckError as error:
            self.app.post_message(Failed(error.title, error.detail, error.hint))
            return
        where = f" on {view.host}; {{view.hosts}} says whether it can be reached" if view.host else ""
        self._lend(argv, f"Could not attach to {view.name}{where}")

    def action_editor(self) -> None:
        row = self._row()
        if row is not None:
            self._lend_in(row, [*editor(), "."], f"{editor()[0]} could not be run; set EDITOR to your editor")

    def action_shell(self) -> None:
        """Open a shell in its worktree, below its screen where it has one."""
        row = self._row()
        if row is not None and row.view.host:
            self._shell_elsewhere(row.view)
            return
        folder = self._folder_of(row) if row is not None else None
        if row is None or folder is None:
            return
        argv = in_folder(folder, [shell()])
        if _runs(row):
            with suppress(NotFoundError):  # its window went meanwhile
                argv = self.deck.terminals.shell_argv(row.view, folder, shell())
        self._lend(argv, "")

    def _shell_elsewhere(self, view: AgentView) -> None:
        try:
            argv = self.deck.fleet.shell_argv(view)
        except DeckError as error:
            self.app.post_message(Failed(error.title, error.detail, error.hint))
        else:
            self._lend(argv, "")

    def _lend_in(self, row: Row, argv: list[str], complaint: str) -> None:
        if (folder := self._folder_of(row)) is not None:
            self._lend(in_folder(folder, argv), complaint)

    def _folder_of(self, row: Row) -> Path | None:
        """Its worktree; where that can't be used, say so."""
        folder = row.view.worktree
        if row.view.host:
            self.tell(f"The worktree of {row.name} is {folder}; {{agent.shell}} opens a shell there.", warn=True)
            return None
        if folder is None or not folder.is_dir():
            self.tell(
                f"{row.name} no longer has a worktree; {{agent.remove}} removes it and saves its branch.", warn=True
            )
            return None
        if row.view.trouble:
            self.tell(f"The worktree of {row.name} can't be used: {row.view.trouble}.", warn=True)
            return None
        return folder

    def _lend(self, argv: list[str], complaint: str) -> None:
        try:
            code = lend(self.app, argv)
        except DeckError as error:
            self.app.post_message(Failed(error.title, error.detail, error.hint))
            return
        except SuspendNotSupported:
            self.tell("There is no terminal here for another program.", warn=True)
            return
        if code and code != -signal.SIGINT and complaint:  # a person has broken it off
            self.tell(f"{complaint} (exit code {code}).", warn=True)


def _runs(row: Row) -> bool:
    """Whether there is something to type to. A runner outlives the word that it has stopped by a moment."""
    return row.view.alive and row.state is not State.STOPPED


def successors(deck: Deck, view: AgentView) -> list[tuple[str, str]]:
    """What is shown and the profile, for all that could go on with the agent; its own first if another has it now."""
    own = view.agent.profile
    back = [(f"its own: {own}", own)] if view.profile != own else []
    others = [(each.title, each.name) for each in deck.choices.successors(view)]
    return [*back, ("the next one in its chain", ""), *others]


def successors_of_all(deck: Deck, view: AgentView) -> list[tuple[str, str]]:
    """As `successors`, for several agents of which `view` is the first."""
    others = [(each.title, each.name) for each in deck.choices.successors(view)]
    return [("the next one in the chain of each", ""), *others]


_LISTED = 8
"""Agents that a question names one by one."""


def what_all_lose(rows: Sequence[Row]) -> str:
    """A line for each agent of what it would lose."""
    lines = [f"{row.name} ({row.state}): {_held(row)}" for row in rows[:_LISTED]]
    more = [f"and {len(rows) - _LISTED} more"] if len(rows) > _LISTED else []
    running = sum(row.view.alive and row.state.is_live for row in rows)
    stops = [f"{running} of them will be stopped first."] if running else []
    return _lines([*lines, *more, *stops, "Everything is saved first, and undo restores each."])


def _lines(sentences: Sequence[str]) -> str:
    return "\n".join(sentences)


def _some(names: Sequence[str]) -> str:
    """The name, or how many agents."""
    return names[0] if len(names) == 1 else f"{len(names)} agents"


def what_is_lost(row: Row) -> str:
    """One sentence for the question before a removal."""
    first = f"It is {row.state} and will be stopped first. " if row.view.alive and row.state.is_live else ""
    return f"{first}This deletes {_held(row)}. Everything is saved first, and undo restores it."


def _held(row: Row) -> str:
    held = [f"its worktree{_size(row)}", f"its branch {plain(row.view.branch)}" if row.view.branch else ""]
    held += ["its database" if row.view.agent.database else "", "its ports" if row.view.ports else ""]
    return _and([each for each in held if each])


def _size(row: Row) -> str:
    facts = row.facts
    if facts is None or not (facts.added or facts.deleted or facts.ahead):
        return ""
    commits = f", {facts.ahead} commit{'s' if facts.ahead > 1 else ''} not in {plain(row.view.base)}"
    return f" (+{facts.added} -{facts.deleted} lines{commits if facts.ahead else ''})"


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
