"""`Deck.hosts()`: the machines of this user that agents can run on. Needs no repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.engine.views import Check
    from agentdeck.engine.views.fleet import HostView, Judgement, Needs


class DeckHosts:
    def add(
        self,
        name: str,
        *,
        destination: str = "",
        folder: str = "",
        command: str = "",
        program: str = "",
        labels: Sequence[str] = (),
        install: bool = False,
    ) -> HostView:
        """Take in a host, by default the one that ssh knows by that name; `command` is one that
        runs others there, as in `podman exec -i box`. With `install` this version of AgentDeck is
        installed there first, and a host that is known already uses it from now on.

        Raise UnreachableError, with nothing changed, where no agentdeck answers there, and RefusedError where it lacks
        git or tmux.
        """
        from agentdeck.engine.fleet.listing import add
        from agentdeck.system.fleet.hostlist import HostSpec, check_words

        words = check_words(command) if command else ()
        labels = tuple(dict.fromkeys(labels))
        spec = HostSpec(name, destination=destination, folder=folder, words=words, program=program, labels=labels)
        return add(spec, install=install)

    def all(self, names: Sequence[str] = (), note: Note = silent) -> list[HostView]:
        """These, or all, as they stand now; each is asked at the same time. `note` is told which source of hosts does
        not answer."""
        from agentdeck.engine.fleet.listing import views
        from agentdeck.engine.fleet.providing import follow_all

        if not names:
            follow_all(note)
        return views(names)

    def check(self, name: str) -> list[Check]:
        """What is to be said of a host, point by point."""
        from agentdeck.engine.fleet.listing import examine

        return examine(name)

    def judge(self, needs: Needs) -> list[Judgement]:
        """Where a task with these needs would start, and why: the chosen host first."""
        from agentdeck.engine.fleet.placing import judge

        return judge(needs)

    def names(self) -> list[str]:
        from agentdeck.system.fleet.hostlist import HostList

        return [spec.name for spec in HostList().all()]

    def sources(self) -> list[str]:
        """What gives hosts as they are needed, by the name that `--on` knows it by."""
        from agentdeck.system.fleet.providers import names

        return names()

    def drain(self, name: str, *, on: bool = True) -> None:
        """Let nothing new start there, or something again; what runs there goes on."""
        from agentdeck.engine.fleet.listing import drain

        drain(name, on=on)

    def home_argv(self, home: str, words: Sequence[str], *, tty: bool) -> list[str]:
        """What to run here so that `agentdeck WORDS` runs in the repository `ssh://HOST/FOLDER`."""
        from agentdeck.engine.fleet.listing import home_argv

        return home_argv(home, words, tty=tty)

    def dockerfile(self) -> str:
        """Of an image whose containers and pods can be hosts."""
        from agentdeck.system.fleet.kubernetes import DOCKERFILE

        return DOCKERFILE

    def remove(self, name: str) -> str:
        """Forget a host, or give it back; return the source that it came from. Raise RefusedError where a deck of this
        user has agents there."""
        from agentdeck.engine.fleet.losing import forget

        return forget(name)
