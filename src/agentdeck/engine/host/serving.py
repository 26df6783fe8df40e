"""`agentdeck host serve`: answer a home over standard input and output, for as long as it is connected.

Nothing stays behind when the connection ends, and no agent ends because a home is silent. One thread reads, and answers
pings at once; one looks, one acts; one tells that something has changed, and then waits until home has looked.
"""

from __future__ import annotations

import base64
import os
import queue
import threading
from collections.abc import Callable, Container, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from agentdeck import __version__, errors
from agentdeck.core.fleet.facts import PROTOCOL
from agentdeck.core.fleet.orders import StartOrder
from agentdeck.engine.deck import Deck
from agentdeck.engine.host import acts, decks
from agentdeck.engine.host.holding import check_stays, connected
from agentdeck.engine.host.tailing import Tails
from agentdeck.errors import DeckError, RefusedError, UsageError
from agentdeck.system.box.large_files import FOLDER, take
from agentdeck.system.files.files import private_folder
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.files.watch import ticks
from agentdeck.system.fleet.frames import FrameError, FrameReader, encode
from agentdeck.system.fleet.probe import facts
from agentdeck.system.git import bundles, large_files

_WAITING = 256
"""Questions that may wait; a home that asks more is told so."""
_LOST_TICK = 5.0
"""Seconds after which it is said that something may have changed, whatever was noticed."""
_LAST_ACT = 120.0
"""Seconds that the act under way gets when home is gone."""
_QUIET = frozenset({"session.cast"})


class _NoNews(Container[str]):
    """The names of files that change without being news."""

    def __init__(self, pushed: Container[str]) -> None:
        self._pushed = pushed

    def __contains__(self, name: object) -> bool:
        return name in _QUIET or name in self._pushed


class HostServer:
    def __init__(self, read: int, write: int, held: ExitStack) -> None:
        """`read` and `write` are file descriptors; `held` outlives the server."""
        self._read, self._write, self._held = read, write, held
        self._writing = threading.Lock()
        self._looked = threading.Event()
        self._scratch: Path | None = None
        self._decks: dict[tuple[str, str], Deck] = {}
        self._tails = Tails(self._say)
        self._handed: dict[str, dict[str, str]] = {}
        """Keys from home, by deck: never anywhere but in memory."""
        self._queues: dict[bool, queue.Queue[dict[str, Any] | None]] = {
            looks: queue.Queue(_WAITING) for looks in (True, False)
        }
        self._verbs: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "facts": self._facts,
            "prepare": self._prepare,
            "give": self._give,
            "receive": self._receive,
            "start": self._start,
            "sync": self._sync,
            "pull": self._pull,
            "part": self._part,
            "recording": self._recording,
            "lacks_large_files": self._lacks_large_files,
            "take_large_file": self._take_large_file,
            "large_part": self._large_part,
            "watch": self._watch,
            "tail": self._tail,
            "keys": self._keys,
        }

    def serve(self) -> None:
        """Until the other end is gone, and what it asked for last is done."""
        threads = {looks: threading.Thread(target=self._work, args=(looks,), daemon=True) for looks in self._queues}
        for thread in threads.values():
            thread.start()
        self._say({"hello": {"protocol": PROTOCOL, "version": __version__}})
        frames = FrameReader()
        while data := os.read(self._read, 1 << 16):
            try:
                asked = frames.feed(data)
            except FrameError as error:
                self._say({"push": "refused", "why": str(error)})
                return
            for frame in asked:
                self._take(frame)
        self._queues[False].put(None)
        threads[False].join(_LAST_ACT)

    def _take(self, frame: dict[str, Any]) -> None:
        verb = frame.get("verb")
        if verb == "ping":
            self._say({"id": frame.get("id"), "result": "pong"})
            return
        try:
            self._queues[verb in acts.LOOKING].put_nowait(frame)
        except queue.Full:
            self._fail(frame, RefusedError("This host has too many questions to answer."))

    def _work(self, looks: bool) -> None:
        while (frame := self._queues[looks].get()) is not None:
            try:
                words = frame.get("words")
                result = self._answer(str(frame.get("verb")), words if isinstance(words, dict) else {})
                self._say({"id": frame.get("id"), "result": result})
            except DeckError as error:
                self._fail(frame, error)
            except (KeyError, TypeError, ValueError, AttributeError, OSError, FrameError) as error:
                self._fail(frame, DeckError(f"The host can't do that: {error!r:.300}."))

    def _answer(self, verb: str, words: Mapping[str, Any]) -> Any:
        if (act := acts.ON_AGENT.get(verb)) is not None:
            return act(self._deck(words), str(words["agent"]), words)
        if (own := self._verbs.get(verb)) is None:
            raise UsageError(f"This host's agentdeck {__version__} knows no verb “{verb[:40]}”.")
        return own(words)

    def _deck(self, words: Mapping[str, Any]) -> Deck:
        """One for each thread: what it keeps from look to look belongs to nobody else."""
        key = (threading.current_thread().name, str(words["deck"]))
        if key not in self._decks:
            self._decks[key] = decks.find(key[1])
        self._decks[key]._world.handed.update(self._handed.get(key[1], {}))
        return self._decks[key]

    def _say(self, frame: dict[str, Any]) -> None:
        data = encode(frame)
        with self._writing, suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._write, data) :]

    def _fail(self, frame: dict[str, Any], error: DeckError) -> None:
        told = {"title": error.title, "detail": error.detail[:4000], "hint": error.hint, "code": int(error.exit_code)}
        kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
        self._say({"id": frame.get("id"), "error": {"kind": kind, **told}})

    # Its verbs

    def _facts(self, words: Mapping[str, Any]) -> Any:
        return facts(tuple(decks.held())).to_json()

    def _prepare(self, words: Mapping[str, Any]) -> Any:
        """Make the deck; say which of the commits that home has are here."""
        settings = {str(key): str(value) for key, value in words["settings"].items()}
        repo = decks.prepare(str(words["deck"]), str(words["hash"]), settings, str(words.get("module", "")))
        return {"have": bundles.known(repo, map(str, words["commits"]))}

    def _give(self, words: Mapping[str, Any]) -> Any:
        """A part of a file that home sends."""
        path, offset = self._file(words["key"]), int(words["offset"])
        with path.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(base64.b64decode(words["data"], validate=True))

    def _receive(self, words: Mapping[str, Any]) -> Any:
        """Take in the file that was given last; its refs are named by what they hold."""
        deck, path, module = str(words["deck"]), self._file(words["key"]), str(words.get("module", ""))
        # A submodule is cloned from here, and a clone gets branches.
        place = "refs/heads/given-" if module else "refs/agentdeck/given/"
        refs = {str(ref): f"{place}{str(ref)[-40:] if module else index}" for index, ref in enumerate(words["refs"])}
        bundles.take_in(decks.module(deck, module) if module else decks.find(deck)._world.repo, path, refs)
        path.unlink()

    def _start(self, words: Mapping[str, Any]) -> Any:
        check_stays()
        order = StartOrder.from_json(words["order"])
        return acts.start(order, self._handed.get(order.deck, {}))

    def _sync(self, words: Mapping[str, Any]) -> Any:
        check_stays()
        deck = self._deck(words)
        self._looked.set()
        deck.repair()
        return {name: acts.tell(deck, str(name), asked) for name, asked in words["agents"].items()}

    def _pull(self, words: Mapping[str, Any]) -> Any:
        """Save the agent's work in refs; put what home has not of it into a file, to be read part by part."""
        deck, name = self._deck(words), str(words["agent"])
        found = acts.publish(deck, deck.agent(name).name)
        key = f"{name}.{threading.get_ident()}"
        path = self._file(key)
        refs = [acts.ref_of(kind, name) for kind in found]
        repo = deck._world.repo
        is_new = bundles.create(repo, refs, map(str, words["have"]), path)
        large = large_files.names(repo, [found["tip"]])
        return {**found, "key": key, "size": path.stat().st_size if is_new else 0, "large": large}

    def _lacks_large_files(self, words: Mapping[str, Any]) -> Any:
        """Which of them are not here; the deck uses git-lfs from now on."""
        repo = self._deck(words)._world.repo
        large_files.use(repo)
        names = [str(name) for name in words["names"]]
        return [name for name in names if not large_files.place(repo.common, name).exists()]

    def _take_large_file(self, words: Mapping[str, Any]) -> Any:
        """Take in the file that was given by the name that its content has."""
        path, common = self._file(words["name"]), self._deck(words)._world.repo.common
        ready = private_folder(large_files.place(path.parent, path.name).parent) / path.name
        path.replace(ready)
        take(path.parent / FOLDER, common)

    def _large_part(self, words: Mapping[str, Any]) -> Any:
        name = str(words["name"])
        if not large_files.is_name(name):
            raise UsageError("That is no name of a large file.")
        with large_files.place(self._deck(words)._world.repo.common, name).open("rb") as file:
            file.seek(int(words["offset"]))
            return base64.b64encode(file.read(acts.CHUNK)).decode()

    def _recording(self, words: Mapping[str, Any]) -> Any:
        """Put what the agent's terminal got into a file, to be read part by part."""
        deck, key = self._deck(words), f"{words['agent']}.cast.{threading.get_ident()}"
        path = self._file(key)
        with path.open("wb") as file:
            for chunk in deck.raw_output(str(words["agent"])):
                file.write(chunk)
        return {"key": key, "size": path.stat().st_size}

    def _part(self, words: Mapping[str, Any]) -> Any:
        with self._file(words["key"]).open("rb") as file:
            file.seek(int(words["offset"]))
            return base64.b64encode(file.read(acts.CHUNK)).decode()

    def _file(self, key: object) -> Path:
        name = str(key)
        if not name.replace(".", "").replace("-", "").isalnum() or len(name) > 80:
            raise UsageError("That is no name of a file.")
        with self._writing:
            if self._scratch is None:
                self._scratch = self._held.enter_context(scratch_folder())
        return self._scratch / name

    def _watch(self, words: Mapping[str, Any]) -> Any:
        threading.Thread(target=self._tell_changes, args=(str(words["deck"]),), daemon=True).start()

    def _keys(self, words: Mapping[str, Any]) -> Any:
        """Keep what home handed down, and give it to the gateway where agents of this deck may need it."""
        keys = self._handed.setdefault(str(words["deck"]), {})
        keys.update({str(name): str(key) for name, key in words["keys"].items()})
        deck = self._deck(words)
        if any(view.alive for view in deck.agents()):
            deck.providers.start_gateway()

    def _tail(self, words: Mapping[str, Any]) -> Any:
        name, path, offset = str(words["agent"]), str(words["path"]), int(words["offset"])
        self._tails.begin(self._deck(words), name, path, max(0, offset), str(words["deck"]))

    def _tell_changes(self, name: str) -> None:
        store = decks.find(name).store
        no_news = _NoNews(self._tails.logs)
        while True:
            folders = [store.folder, *(store.agent_folder(each) for each in store.names()), store.logs]
            for _ in ticks(*(each for each in folders if each.is_dir()), every=_LOST_TICK, but=no_news):
                self._looked.clear()
                self._say({"push": "changed", "deck": name})
                self._looked.wait()
                if any(store.agent_folder(each) not in folders for each in store.names()):
                    break


def serve() -> None:
    """Speak to who called; nothing but frames reaches them, whatever prints meanwhile."""
    read, write = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    with ExitStack() as held:
        held.enter_context(connected())
        HostServer(read, write, held).serve()
