"""The map of the house shows every room, and the glossary no word twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
HOUSE = (TREE / "CONTRIBUTING.md").read_text("utf-8")


@pytest.mark.parametrize("floor", ["core", "system", "engine", "tui"])
def test_every_room_is_on_the_map(floor: str) -> None:
    (picture,) = re.findall(r"```text\n(.*?)```", HOUSE, re.DOTALL)
    for room in (TREE / "src" / "agentdeck" / floor).iterdir():
        if room.is_dir() and (room / "__init__.py").exists():
            assert re.search(rf"\b{room.name}\b", picture), f"{floor}/{room.name} is missing"


def test_every_path_and_target_that_it_names_is_there() -> None:
    code = TREE / "src" / "agentdeck"
    for name in re.findall(r"`([a-z_./]+/[a-z_./]*)`", HOUSE):
        places = (TREE / name, code / name, TREE / "tests" / name)
        assert any(place.exists() for place in places) or name.startswith("build/"), name
    targets = re.findall(r"^([a-z-]+):", (TREE / "Makefile").read_text("utf-8"), re.MULTILINE)
    for target in re.findall(r"`make ([a-z-]+)", HOUSE):
        assert target in targets


def test_the_glossary_has_each_word_once_and_in_few_words() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", (TREE / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE)[
        1:
    ]
    words = [word for word, _ in rows]
    assert len(set(words)) == len(words) >= 15
    assert all(len(meaning) < 120 for _, meaning in rows)
