"""Follow the transcript of a run while the CLI writes it. For the runner: standard library only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.transcripts.formats import Place, reader_of
from agentdeck.core.transcripts.reading import Lines, read_line
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.system.files.files import bytes_of, from_json, opened
from agentdeck.system.transcripts import finding

if TYPE_CHECKING:
    from agentdeck.system.transcripts.database import Database

_PIECE = 4 * 1024 * 1024
"""Bytes that are read at one look."""
_IN_DATABASE = "opencode"
_BACK = 1024 * 1024
"""Bytes before a place to go on from that are read again, so that its reader knows what is under way."""


class File:
    """One transcript, read from `position` on."""

    def __init__(self, path: Path, format: str, position: int, agent: str = "") -> None:
        self.path = path
        self._format, self._agent = format, agent
        self._begin(position)

    def _begin(self, position: int) -> None:
        self._reader, self._lines = reader_of(self._format, self._agent), Lines()
        self.position = position
        """After the last line that was read."""
        self._read_to = position
        if position:
            with contextlib.suppress(OSError), opened(self.path) as file:
                first = file.readline(_BACK)
                file.seek(max(len(first), position - _BACK))
                for line in (first, *file.read(position - file.tell()).split(b"\n")):
                    read_line(self._reader, line)

    def look(self) -> list[Record]:
        """What has come since the last look."""
        try:
            size = self.path.stat().st_size
            if size < self._read_to:
                self._begin(0)  # it was written anew
            return list(self._news()) if size > self._read_to else []
        except OSError:
            return []

    def _news(self) -> Iterator[Record]:
        with opened(self.path) as file:
            file.seek(self._read_to)
            while data := file.read(_PIECE):
                self._read_to += len(data)
                for line in self._lines.feed(data):
                    yield from read_line(self._reader, line)
        self.position = self._read_to - self._lines.held


class Follower:
    """The transcript of one run and those of its sub-agents, from where the last run left off."""

    def __init__(self, place: Place, root: Path | None, cwd: str, begun: float, positions: dict[str, int]) -> None:
        self.place = place
        self.positions = positions
        """How far each transcript was read; kept over runs by who made this."""
        self._root, self._cwd, self._begun = root, cwd, begun
        self._session = ""
        self._main: File | None = None
        self._database: Database | None = None
        self._others: dict[Path, File] = {}
        self._awaited: dict[str, str] = {}
        """The names of the sub-agents whose transcripts are to be found, by their sessions."""

    @property
    def found(self) -> Path | None:
        source = self._database or self._main
        return source.path if source is not None else None

    def told(self, session: str, path: str = "") -> None:
        """The CLI itself says which session it is in, and perhaps where its transcript lies."""
        if path and Path(path) != self.found and Path(path).is_file():
            self._open(Path(path))
        if session != self._session:
            self._session = session
            if self._database is not None:
                self._database.session = session or self._database.session
                return
            if not path and self._root is not None and session:
                found = finding.of_session(self.place, self._root, session, self._cwd)
                if found is not None and found != self.found:
                    self._open(found)

    @property
    def is_sure(self) -> bool:
        """Whether the transcript that is followed is that of the session that the CLI has named."""
        if self._database is not None:
            return self._database.session != ""
        return self.found is not None and self._session[:8] in str(self.found)

    def seek(self) -> None:
        """Look for the transcript of the session, and until there is one for the newest of this folder: what a CLI
        reports first may be a session that it began for itself."""
        if self._root is None:
            return
        if self.place.format == _IN_DATABASE:
            self._open_database(self._root / self.place.files)
            return
        found = finding.of_session(self.place, self._root, self._session, self._cwd) if self._session else None
        if found is None and self.found is None:
            found = finding.newest(self.place, self._root, self._cwd, self._begun)
        if found is not None and found != self.found:
            self._open(found)

    def seek_newer(self) -> None:
        """Follow a later session of this folder, where the CLI tells of none: some begin another one once the folder is
        trusted, and on `/clear`."""
        if self._root is None or self._main is None:
            return
        found = finding.newest(self.place, self._root, self._cwd, self._begun)
        if found is not None and found != self._main.path:
            self._open(found)

    def look(self) -> list[Record]:
        """What all of them say that was not read yet, in the order of time."""
        if self._database is not None:
            return self._database.look()
        if self._main is None:
            return []
        records = self._main.look()
        for path in finding.subagents_of(self.place, self._main.path):
            if path not in self._others:
                self._others[path] = self._file(path, _name_of(path))
        self._find_awaited(records)
        for file in list(self._others.values()):
            records += file.look()
        if self._others:
            records.sort(key=lambda record: record.at)
        for file in (self._main, *self._others.values()):
            self.positions[str(file.path)] = file.position
        return records

    def _find_awaited(self, records: Sequence[Record]) -> None:
        """Open the transcripts of sub-agents that lie among all others."""
        begun = (each for each in records if each.kind is Kind.SUBAGENT and each.session)
        self._awaited |= {each.session: each.by for each in begun}
        for session, name in list(self._awaited.items()):
            found = finding.of_session(self.place, self._root, session, self._cwd) if self._root else None
            if found is not None:
                self._others.setdefault(found, self._file(found, name))
                del self._awaited[session]

    def _open_database(self, path: Path) -> None:
        if self._database is None and path.is_file():
            from agentdeck.system.transcripts.database import Database

            self._database = Database(path, self._cwd, self._begun, self._session, self.positions)

    def _open(self, path: Path) -> None:
        self._main, self._others, self._awaited = self._file(path), {}, {}

    def _file(self, path: Path, agent: str = "") -> File:
        return File(path, self.place.format, self._position(path), agent)

    def _position(self, path: Path) -> int:
        """How far it was read, perhaps with another account, from whose folder it was carried to this one."""
        ends = [at for name, at in self.positions.items() if Path(name).parts[-2:] == path.parts[-2:]]
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        return max((at for at in ends if at <= size), default=0)


def _name_of(path: Path) -> str:
    """What a sub-agent is called, from what lies beside its transcript."""
    try:
        facts = from_json(bytes_of(path.with_suffix(".meta.json")))
        return ": ".join(str(facts[key]) for key in ("agentType", "description") if facts.get(key)) or path.stem
    except (OSError, ValueError, TypeError, AttributeError):
        return path.stem
