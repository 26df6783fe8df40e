"""Whether the repository knows what is in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentdeck.system.git.repository import Repository


def known_blobs(repo: Repository, files: Sequence[Path]) -> list[Path]:
    """Those of the files whose content is among the repository's objects, on whatever path."""
    plain = [path for path in files if "\n" not in str(path)]
    if not plain:
        return []
    names = "".join(f"{path}\n" for path in plain).encode("utf-8", "surrogateescape")
    ids = repo.git("hash-object", "--no-filters", "--stdin-paths", stdin=names).split()
    there = repo.kinds(set(ids))
    return [path for path, oid in zip(plain, ids, strict=True) if oid in there]
