"""One JSON file that all decks of this user share, changed under a lock."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentdeck.errors import StoreError
from agentdeck.system.files.files import locked, private_folder, read_json, write_json

FORMAT = 1


class Registry:
    """A list of records, each a JSON object; a file that can't be read, or that a newer agentdeck wrote, is refused and
    never overwritten. `keys` are those that every record has."""

    def __init__(self, path: Path, keys: tuple[str, ...]) -> None:
        self.path = path
        self._keys = keys

    def records(self) -> list[dict[str, Any]]:
        try:
            data = read_json(self.path)
            if data["format"] > FORMAT:
                raise StoreError(f"{self.path} was written by a newer agentdeck.", hint="Upgrade; nothing was changed.")
            return [{**record, **{key: record[key] for key in self._keys}} for record in data["records"]]
        except FileNotFoundError:
            return []
        except NotADirectoryError as error:
            raise self._no_folder(error) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{self.path} can't be read.",
                detail=str(error),
                hint="Move it away; “agentdeck doctor” then lists the agents to resume.",
            ) from error

    def _no_folder(self, error: OSError) -> StoreError:
        title = f"{self.path.parent} can't be created."
        return StoreError(title, detail=error.strerror or str(error), hint="Set XDG_STATE_HOME to a folder of yours.")

    @contextlib.contextmanager
    def changing(self) -> Iterator[list[dict[str, Any]]]:
        """The records, to be changed in place; written back when the block ends well."""
        try:
            private_folder(self.path.parent)
        except OSError as error:
            raise self._no_folder(error) from error
        with locked(self.path.with_suffix(".lock"), wait=30, what=str(self.path)):
            records = self.records()
            before = json.dumps(records)
            yield records
            if json.dumps(records) != before:
                write_json(self.path, {"format": FORMAT, "records": records})
