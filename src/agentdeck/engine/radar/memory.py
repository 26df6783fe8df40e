"""A cache of the conflict radar's results, in one file. It can be deleted at any time and is computed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict
from agentdeck.core.merging.conflicts import Conflict
from agentdeck.core.merging.radar import conflict_from_json, conflict_to_json
from agentdeck.system.files.files import from_json, sign, text_of, write_atomic
from agentdeck.system.git.wholework import WholeWork

_FORMAT = 3


class Memory:
    """Results keyed by commit ids, which never become wrong; `wholes` and `told` are keyed by agents' names instead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        """Identifies the version of the file that was read or written last."""
        self._text = ""
        self.live: set[str] = set()
        """The commits of the current scan; `prune` keeps their results."""
        self.clear()
        self.told: set[tuple[str, str, str]] = set()
        """The conflicts already reported as events: `pair` or `base`, agent, agent or branch."""

    def clear(self) -> None:
        self.wholes: dict[str, WholeWork] = {}
        """The commit of each agent's whole work at the last scan."""
        self.forks: dict[tuple[str, str], str] = {}
        """The merge base of two commits; empty if they have none."""
        self.changes: dict[tuple[str, str], frozenset[str]] = {}
        """The paths that differ between a merge base and a commit."""
        self.merges: dict[tuple[str, str], tuple[Conflict, ...] | None] = {}
        """The conflicts of two commits; None where they can't be merged."""

    def load(self) -> None:
        """Read the file if another process has changed it; a file that can't be read counts as empty."""
        now = sign(self._path)
        if now == self._seen:
            return
        self._seen = now
        self.clear()
        self.told = set()
        try:
            self._text = text_of(self._path)
            data = from_json(self._text)
            if data["format"] == _FORMAT:
                self._take(data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._text = ""
            self.clear()

    def _take(self, data: dict[str, Any]) -> None:
        self.told = {(kind, a, b) for kind, a, b in data["told"]}
        self.forks = {(a, b): fork for a, b, fork in data["forks"]}
        self.changes = {(a, b): frozenset(paths) for a, b, paths in data["changes"]}
        self.merges = {(a, b): _conflicts(found) for a, b, found in data["merges"]}
        self.wholes = {
            name: WholeWork(commit, note, tuple(parents), tree, tuple(index), tuple(ours), tuple(repositories), *rest)
            for name, (commit, note, parents, tree, index, ours, repositories, *rest) in data["wholes"].items()
        }

    def prune(self, names: set[str]) -> None:
        """Drop the results of agents that are gone, and of commits that no agent or base is at."""
        self.wholes = {name: whole for name, whole in self.wholes.items() if name in names}
        live = self.live | {whole.commit for whole in self.wholes.values()}
        self.merges = {pair: found for pair, found in self.merges.items() if live.issuperset(pair)}
        self.forks = {pair: fork for pair, fork in self.forks.items() if live.issuperset(pair)}
        forks = set(self.forks.values())
        self.changes = {pair: each for pair, each in self.changes.items() if pair[0] in forks and pair[1] in live}

    def save(self) -> None:
        """Write the file if something changed."""
        data = {
            "format": _FORMAT,
            "told": sorted(self.told),
            "forks": [[*pair, fork] for pair, fork in self.forks.items()],
            "changes": [[*pair, sorted(paths)] for pair, paths in self.changes.items()],
            "merges": [
                [*pair, None if found is None else [conflict_to_json(each) for each in found]]
                for pair, found in self.merges.items()
            ],
            "wholes": {name: list(asdict(each).values()) for name, each in self.wholes.items()},
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        if text != self._text or not self._seen:
            write_atomic(self._path, text)
            self._text, self._seen = text, sign(self._path)


def _conflicts(data: list[Any] | None) -> tuple[Conflict, ...] | None:
    return None if data is None else tuple(conflict_from_json(each) for each in data)
