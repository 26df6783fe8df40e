"""Deeds, not only module names: what ends processes and deletes trees is done in `system`, where it is guarded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src" / "agentdeck"
DEEDS = {"os.fork", "os.forkpty", "os.kill", "os.killpg", "shutil.rmtree", "tempfile"}
ALLOWED = {
    "engine/runner/guardian.py": {"os.fork", "os.kill"},  # the runner forks itself, before it has a thread
    "gateway/guardian.py": {"os.fork", "os.kill"},  # so does the gateway's
    "demo/tour.py": {"tempfile"},  # a program of its own
    "demo/hosts.py": {"tempfile"},  # the same
}


def deeds_in(text: str) -> Iterator[str]:
    """Those that the source names, by whatever way it imports them."""
    names: dict[str, str] = {}
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield names.get(node.id, "")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{names.get(node.value.id, '')}.{node.attr}"


def found_in(text: str) -> set[str]:
    return {deed for name in deeds_in(text) for deed in DEEDS if name == deed or name.startswith(f"{deed}.")}


def test_only_system_does_what_cannot_be_taken_back() -> None:
    found = {}
    for path in SOURCES.rglob("*.py"):
        place = path.relative_to(SOURCES).as_posix()
        if not place.startswith("system/") and (deeds := found_in(path.read_text())):
            found[place] = deeds
    assert found == ALLOWED


def test_every_way_to_name_a_deed_is_seen() -> None:
    assert found_in("import os\nos.kill(1, 2)") == {"os.kill"}
    assert found_in("from os import kill as end\nend(1, 2)") == {"os.kill"}
    assert found_in("import shutil as sh\nact = sh.rmtree") == {"shutil.rmtree"}
    assert found_in("def f():\n    import tempfile\n    tempfile.mkdtemp()") == {"tempfile"}
    assert found_in("from tempfile import mkdtemp\nmkdtemp()") == {"tempfile"}
    assert found_in("import os\nos.getpid()\nkill = 1") == set()
