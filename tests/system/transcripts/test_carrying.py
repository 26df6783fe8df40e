"""A conversation goes to another account whole, never over another one, and a kill in the middle can be repeated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdeck.core.transcripts.formats import Place
from agentdeck.system.config.profiles import load_profiles
from agentdeck.system.transcripts.carrying import carry

PLACE = Place("claude", ("$CLAUDE_CONFIG_DIR", "~/.claude"), "projects/*/{session}.jsonl")
SESSION = "0b1d"
CWD = "/w/my repo"


class Two:
    def __init__(self, folder: Path) -> None:
        self.one, self.two = folder / "one", folder / "two ünd 'more'"
        self.old, self.new = (each / "projects" / "-w-my-repo" / f"{SESSION}.jsonl" for each in (self.one, self.two))
        self.old.parent.mkdir(parents=True)
        self.two.mkdir()

    def go(self, *, back: bool = False) -> bool:
        left, to = (self.two, self.one) if back else (self.one, self.two)
        return carry(PLACE, SESSION, CWD, {"CLAUDE_CONFIG_DIR": str(left)}, {"CLAUDE_CONFIG_DIR": str(to)})


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_it_comes_along_with_what_its_subagents_wrote(two: Two) -> None:
    two.old.write_text("a\nb\n")
    two.old.chmod(0o600)
    agent = two.old.with_suffix("") / "subagents" / "agent-1.jsonl"
    agent.parent.mkdir(parents=True)
    agent.write_text("c\n")
    assert two.go()
    assert two.new.read_text() == "a\nb\n"
    assert two.new.stat().st_mode & 0o777 == 0o600
    assert (two.new.with_suffix("") / "subagents" / "agent-1.jsonl").read_text() == "c\n"
    assert [path.name for path in two.new.parent.iterdir() if path.is_file()] == [two.new.name], "no draft is left"


def test_it_comes_back_as_far_as_it_went(two: Two) -> None:
    two.old.write_text("a\n")
    assert two.go()
    two.new.write_text("a\nb\n")
    assert two.go(back=True)
    assert two.old.read_text() == "a\nb\n"


def test_what_is_newer_there_stays(two: Two) -> None:
    two.old.write_text("a\n")
    two.new.parent.mkdir(parents=True)
    two.new.write_text("a\nb\n")
    assert two.go()
    assert two.new.read_text() == "a\nb\n"


@pytest.mark.parametrize("there", ["x\n", "x\ny\nz\n"])
def test_another_conversation_is_not_overwritten(two: Two, there: str) -> None:
    two.old.write_text("a\nb\n")
    two.new.parent.mkdir(parents=True)
    two.new.write_text(there)
    assert not two.go()
    assert two.new.read_text() == there


def test_a_copy_that_was_cut_short_is_finished(two: Two) -> None:
    two.old.write_text("a\nb\n")
    two.new.parent.mkdir(parents=True)
    (two.new.parent / f".{two.new.name}.agentdeck").write_text("a\n")
    assert two.go()
    assert two.new.read_text() == "a\nb\n"


def test_where_it_can_not_be_it_is_told(two: Two) -> None:
    assert not two.go(), "there is none"
    two.old.write_text("a\n")
    (two.two / "projects").write_text("a file in the way")
    assert not two.go()


def test_accounts_in_one_folder_need_no_copy(two: Two) -> None:
    two.old.write_text("a\n")
    here = {"CLAUDE_CONFIG_DIR": str(two.one)}
    assert carry(PLACE, SESSION, CWD, here, here)
    assert [each for each in os.listdir(two.old.parent) if each.startswith(".")] == []  # noqa: PTH208


@pytest.mark.parametrize("planted", ["source", "folder", "draft", "target folder"])
def test_no_link_of_an_agents_is_followed(two: Two, tmp_path: Path, planted: str) -> None:
    person = tmp_path / "person"
    (person / two.old.parent.name).mkdir(parents=True)
    secret = person / two.old.parent.name / two.old.name
    secret.write_text("secret\n")
    two.old.write_text("a\n")
    two.new.parent.mkdir(parents=True)
    draft = two.new.with_name(f".{two.new.name}.agentdeck")
    if planted == "source":
        two.old.unlink()
        two.old.symlink_to(secret)
    elif planted == "folder":
        two.old.unlink()
        two.old.parent.rmdir()
        two.old.parent.parent.rmdir()
        two.old.parent.parent.symlink_to(person)
    elif planted == "draft":
        draft.symlink_to(secret)
    else:
        two.new.parent.rmdir()
        two.new.parent.parent.rmdir()
        two.new.parent.parent.symlink_to(person)
    assert two.go() is (planted == "draft")
    assert secret.read_text() == "secret\n"
    assert sorted(person.rglob("*")) == [secret.parent, secret]
    assert two.new.exists() is (planted in ("draft", "target folder"))


def test_a_conversation_of_copilots_is_the_file_of_its_events(tmp_path: Path) -> None:
    place = load_profiles()["copilot"].place
    events = tmp_path / "one" / "session-state" / SESSION / "events.jsonl"
    events.parent.mkdir(parents=True)
    events.write_text("x\n")
    (tmp_path / "two").mkdir()
    one, two = ({"COPILOT_HOME": str(tmp_path / name)} for name in ("one", "two"))
    assert carry(place, SESSION, CWD, one, two)
    assert (tmp_path / "two" / "session-state" / SESSION / "events.jsonl").read_text() == "x\n"


def test_one_of_qwens_is_found_by_its_id(tmp_path: Path) -> None:
    place = load_profiles()["qwen"].place
    chat = tmp_path / "one" / "projects" / "-w-my-repo" / "chats" / f"{SESSION}.jsonl"
    chat.parent.mkdir(parents=True)
    chat.write_text("x\n")
    one, two = ({"QWEN_HOME": str(tmp_path / name)} for name in ("one", "two"))
    (tmp_path / "two").mkdir()
    assert carry(place, SESSION, CWD, one, two)
    assert (tmp_path / "two" / chat.relative_to(tmp_path / "one")).read_text() == "x\n"


@pytest.mark.parametrize(
    ("known", "comes"),
    [({}, True), ({"my-repo": CWD}, True), ({"my-repo": "/x/my repo"}, False), ({"my-repo-1": CWD}, False)],
    ids=["nothing", "the same name", "that name for another folder", "another name for this folder"],
)
def test_one_of_geminis_comes_where_its_folder_has_the_same_name(
    tmp_path: Path, known: dict[str, str], comes: bool
) -> None:
    place, session = load_profiles()["gemini"].place, "f214855f-b8b8-47ed-8788-0377a14a9206"
    one, two = (tmp_path / name / ".gemini" / "tmp" for name in ("one", "two"))
    chat = one / "my-repo" / "chats" / "session-2026-11-30T22-31-f214855f.jsonl"
    chat.parent.mkdir(parents=True)
    chat.write_text("x\n")
    (one / "my-repo" / ".project_root").write_text(CWD)
    for name, folder in known.items():
        (two / name).mkdir(parents=True)
        (two / name / ".project_root").write_text(folder)
    two.mkdir(parents=True, exist_ok=True)
    homes = ({"GEMINI_CLI_HOME": str(tmp_path / name)} for name in ("one", "two"))
    assert carry(place, session, CWD, *homes) is comes
    assert (two / chat.relative_to(one)).exists() is comes
    assert not comes or (two / "my-repo" / ".project_root").read_text() == CWD
