"""One JSON file that all decks of this user share, changed under a lock."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentdeck.errors import StoreError
from agentdeck.system.files import locked, private_folder, write_json


class Registry:
    """A list of records, each a JSON object; a file that can't be read is refused and never overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> list[dict[str, Any]]:
        try:
            data = json.loads(self.path.read_text("utf-8"))
            return [dict(record) for record in data["records"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self.path} can't be read.",
                detail=str(error),
                hint="Move it away; “agentdeck doctor” then says which agents have to be resumed.",
            ) from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[list[dict[str, Any]]]:
        """The records, to be changed in place; written back when the block ends well."""
        private_folder(self.path.parent)
        with locked(self.path.with_suffix(".lock"), wait=30, what=str(self.path)):
            records = self.records()
            before = json.dumps(records)
            yield records
            if json.dumps(records) != before:
                write_json(self.path, {"format": 1, "records": records})
