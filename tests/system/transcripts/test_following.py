"""Transcripts are found and followed on disk, over runs."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from agentdeck.core.transcripts.formats import Place
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.system.config.profiles import load_profiles
from agentdeck.system.transcripts.finding import root_of
from agentdeck.system.transcripts.following import Follower

RECORDED = Path(__file__).parents[2] / "core" / "transcripts" / "recorded"
PLACES = {name: profile.place for name, profile in load_profiles(Path("/nowhere")).items() if profile.transcript}
CWD = "/work/repo"


def follow(name: str, home: Path, positions: dict[str, int], cwd: str = CWD, begun: float = 0.0) -> Follower:
    place = PLACES[name]
    return Follower(place, root_of(place, {"HOME": str(home)}), cwd, begun, positions)


def said(records: list[Record]) -> list[str]:
    return [record.text for record in records if record.kind in (Kind.USER, Kind.TEXT)]


def claude(home: Path, session: str, *texts: str, cwd: str = CWD) -> Path:
    path = home / ".claude" / "projects" / "-work-repo" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for text in texts:
            message = {"role": "user", "content": text}
            file.write(json.dumps({"type": "user", "sessionId": session, "cwd": cwd, "message": message}) + "\n")
    return path


@pytest.mark.parametrize(
    ("root", "environment", "found"),
    [
        ("$CODEX_HOME", {"CODEX_HOME": "/x"}, "/x"),
        ("$CODEX_HOME", {"CODEX_HOME": "", "HOME": "/h"}, "/h/.codex"),
        ("$XDG/opencode", {"XDG": "/d"}, "/d/opencode"),
    ],
)
def test_a_cli_keeps_its_transcripts_where_its_own_environment_says(
    root: str, environment: dict[str, str], found: str
) -> None:
    assert root_of(Place("codex", (root, "~/.codex")), environment) == Path(found)


def test_the_newest_transcript_of_this_folder_is_followed_until_the_session_is_known(tmp_path: Path) -> None:
    claude(tmp_path, "other", "elsewhere", cwd="/work-repo")
    claude(tmp_path, "mine", "one")
    follower = follow("claude", tmp_path, {})
    follower.seek()
    assert said(follower.look()) == ["one"]
    assert follower.look() == []
    claude(tmp_path, "mine", "two")
    assert said(follower.look()) == ["two"]
    claude(tmp_path, "named", "three")
    follower.told("named")
    assert said(follower.look()) == ["three"]


def test_what_was_written_before_the_run_began_is_not_its_transcript(tmp_path: Path) -> None:
    path = claude(tmp_path, "old", "one")
    os.utime(path, (1000.0, 1000.0))
    follower = follow("claude", tmp_path, {}, begun=time.time() - 10)
    follower.seek()
    assert follower.found is None


def test_a_session_that_the_cli_began_for_itself_does_not_lead_away(tmp_path: Path) -> None:
    claude(tmp_path, "mine", "one")
    follower = follow("claude", tmp_path, {})
    follower.told("hidden")
    follower.seek()
    assert said(follower.look()) == ["one"]
    assert not follower.is_sure


def test_the_next_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    source = (RECORDED / "codex-headless.jsonl").read_bytes().replace(b"/work/repo", CWD.encode())
    lines = source.splitlines(keepends=True)
    whole = _all(tmp_path / "whole", source, {})
    for cut in (4, 12, len(lines) - 2):
        home, positions = tmp_path / str(cut), dict[str, int]()
        first = _all(home, b"".join(lines[:cut]) + lines[cut][:30], positions)
        second = _all(home, b"".join([lines[cut][30:], *lines[cut + 1 :]]), positions)
        assert first + second == whole, "its tools are known by name although another run began them"


def test_what_another_account_has_read_is_not_read_again(tmp_path: Path) -> None:
    """A carried transcript has the old requests in it, whose tokens are counted already."""
    source = (RECORDED / "codex-headless.jsonl").read_bytes().replace(b"/work/repo", CWD.encode())
    lines = source.splitlines(keepends=True)
    whole, positions = _all(tmp_path / "whole", source, {}), dict[str, int]()
    first = _all(tmp_path / "one", b"".join(lines[:12]), positions)
    second = _all(tmp_path / "two", source, positions)
    third = _all(tmp_path / "one", b"".join(lines[12:]), positions)
    assert first + second == whole
    assert third == []


def _all(home: Path, data: bytes, positions: dict[str, int]) -> list[Record]:
    path = home / ".codex" / "sessions" / "2026" / "11" / "30" / "rollout-x-01a22b89-2730-7392-bece-9c2645eb2194.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
    follower = follow("codex", home, positions)
    follower.told("01a22b89-2730-7392-bece-9c2645eb2194")
    return follower.look()


def test_sub_agents_are_read_too(tmp_path: Path) -> None:
    main = claude(tmp_path, "mine", "one")
    folder = main.with_suffix("") / "subagents"
    folder.mkdir(parents=True)
    line = {"type": "user", "isSidechain": True, "agentId": "a1", "message": {"content": "look for x"}}
    (folder / "agent-a1.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "agent-a1.meta.json").write_text('{"agentType": "Explore", "description": "look"}')
    follower = follow("claude", tmp_path, {})
    follower.told("mine")
    assert [(record.agent, record.text) for record in follower.look() if record.kind is Kind.USER] == [
        ("", "one"),
        ("Explore: look", "look for x"),
    ]


def test_geminis_folder_is_named_beside_its_transcript(tmp_path: Path) -> None:
    for name, folder in (("a", "/elsewhere"), ("b", CWD)):
        chats = tmp_path / ".gemini" / "tmp" / name / "chats"
        chats.mkdir(parents=True)
        (chats.parent / ".project_root").write_text(folder)
        (chats / "session-2026-11-30T09-07-11111111.jsonl").write_bytes(
            (RECORDED / "gemini-headless.jsonl").read_bytes()
        )
    follower = follow("gemini", tmp_path, {})
    follower.seek()
    assert follower.found is not None
    assert follower.found.parts[-3] == "b"
    assert said(follower.look()) == ["Make the file", "I have made the file."]


def test_opencodes_database_is_read_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        database.executescript((Path(__file__).parent / "opencode.sql").read_text())
    before, positions = path.read_bytes(), dict[str, int]()
    follower = follow("opencode", tmp_path, positions)
    follower.seek()
    records = follower.look()
    assert said(records) == ['"Make the file"', "I have made the file."]
    assert sum(record.kind is Kind.USAGE for record in records) == 2
    assert follower.look() == []
    again = follow("opencode", tmp_path, positions)
    again.seek()
    assert said(again.look()) == []
    assert path.read_bytes() == before
    elsewhere = follow("opencode", tmp_path, {}, cwd="/elsewhere")
    elsewhere.seek()
    assert elsewhere.look() == []


def test_what_opencode_took_over_from_another_account_is_not_read_again(tmp_path: Path) -> None:
    """It writes the old messages as rows of that moment; their tokens are counted already."""
    script, session = (Path(__file__).parent / "opencode.sql").read_text(), "ses_dd44b1abdffesUHZOaYZQrq181"
    positions = dict[str, int]()

    def read(home: str, moved: int, more: str = "") -> list[Record]:
        path = tmp_path / home / ".local" / "share" / "opencode" / "opencode.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as database:
            database.executescript(script)
            database.execute("UPDATE part SET time_updated = time_updated + ?", (moved,))
            database.executescript(more)
        follower = follow("opencode", tmp_path / home, positions)
        follower.told(session)
        follower.seek()
        return follower.look()

    later = 1796029700000
    new = f"INSERT INTO message VALUES ('m9','{session}',{later},{later},'{{}}');"
    new += f"INSERT INTO part VALUES ('p9','m9','{session}',{later},{later},"
    new += """'{"type":"text","text":"On it goes.","time":{"end":1}}');"""
    assert len(said(read("one", 0))) == 2
    assert said(read("two", 30_000, new)) == ["On it goes."]
    assert read("one", 90_000, new) == [], "it came back with the words of the other account"
