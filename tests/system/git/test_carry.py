from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.system.git.carry import carry_over
from tests.support.repos import MakeRepo, Sandbox

IGNORED = ".env*\nnode_modules/\ncerts/\n*.key\n.worktrees/\n.tool/\n/data\n"


@pytest.fixture
def pair(repo: MakeRepo, tmp_path: Path) -> tuple[Sandbox, Sandbox]:
    main = repo()
    main.write(".gitignore", IGNORED)
    main.commit()
    main.git("worktree", "add", "--quiet", "-b", "work", tmp_path / "work")
    return main, Sandbox(tmp_path / "work")


def carry(pair: tuple[Sandbox, Sandbox], *copy: str, link: tuple[str, ...] = ()) -> list[str]:
    return carry_over(pair[0].repo, pair[0].folder, pair[1].folder, copy=list(copy), link=list(link))


def test_ignored_files_that_match_are_copied(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write(".env", "SECRET=1\n", 0o600)
    main.write("packages/api/.env.local", "PORT=2\n")
    main.write("untracked.txt")
    main.write("a.key")
    assert carry(pair, ".env", ".env.*", "*.txt", "README.md") == [".env", "packages/api/.env.local"]
    copied = work.folder / ".env"
    assert copied.read_text() == "SECRET=1\n"
    assert copied.stat().st_mode & 0o777 == 0o600
    assert not work.git("status", "--porcelain")


def test_patterns_are_those_of_a_gitignore(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write("certs/dev.pem", "pem")
    main.write("certs/sub/dev.pem", "pem")
    main.write("in/a.key", "key")
    main.write("in/test.key", "key")
    main.write(".env")
    assert carry(pair, "certs/", "**/*.key", "!test.key") == ["certs", "in/a.key"]
    assert (work.folder / "certs/sub/dev.pem").read_text() == "pem"


def test_single_files_inside_ignored_folders(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write("certs/dev.pem")
    main.write("certs/dev.txt")
    main.write("node_modules/some/.env")
    assert carry(pair, "*.pem", ".env") == ["certs/dev.pem"]
    assert not (work.folder / "node_modules").exists()
    assert carry(pair, "node_modules") == ["node_modules"]
    assert (work.folder / "node_modules/some/.env").exists()


def test_nothing_is_overwritten(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write(".env", "theirs")
    main.write("certs/a", "theirs")
    main.write("certs/b", "theirs")
    main.write("data", "theirs")
    work.write(".env", "mine")
    work.write("certs/a", "mine")
    (work.folder / "data").mkdir()
    assert carry(pair, ".env", "certs", "data") == ["certs/b"]
    assert [(work.folder / name).read_text() for name in (".env", "certs/a", "certs/b")] == ["mine", "mine", "theirs"]


def test_links_are_kept_and_never_followed_out(pair: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    main, work = pair
    main.write("certs/real")
    (main.folder / "certs/link").symlink_to("real")
    (main.folder / ".env").symlink_to("/nowhere")
    (tmp_path / "outside").mkdir()
    main.write("packages/.env")
    (work.folder / "packages").symlink_to(tmp_path / "outside")
    assert carry(pair, "certs", ".env") == [".env", "certs"]
    assert (work.folder / "certs/link").readlink() == Path("real")
    assert (work.folder / ".env").readlink() == Path("/nowhere")
    assert not list((tmp_path / "outside").iterdir())


def test_linked_folders_stay_out_of_git(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write("node_modules/some/file", "x")
    main.write("data", "x")
    assert carry(pair, "node_modules", link=("node_modules", "/data")) == ["data", "node_modules"]
    assert (work.folder / "node_modules").readlink() == main.folder / "node_modules"
    assert (work.folder / "node_modules/some/file").read_text() == "x"
    assert not work.git("status", "--porcelain")
    assert carry(pair, link=("node_modules", "/data")) == []


def test_other_worktrees_are_left_out(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.git("worktree", "add", "--quiet", "-b", "two", main.folder / ".worktrees/two")
    main.git("worktree", "add", "--quiet", "-b", "three", main.folder / ".tool/worktrees/three")
    main.write(".worktrees/two/.env", "x")
    main.write(".tool/settings", "x")
    assert carry(pair, "*") == [".tool/settings"]
    assert not (work.folder / ".worktrees").exists()


def test_names_that_are_not_easy(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    names = sorted([".env ü", ".env new\nline", ".env-\udcff", "-dir/.env"])
    for name in names:
        main.write(name, "x")
    assert carry(pair, ".env*") == names
    assert all((work.folder / name).read_text() == "x" for name in names)


def test_more_names_than_a_command_line_takes(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    names = [f".env.{number:05}{'x' * 240}" for number in range(9000)]
    for name in names:
        (main.folder / name).touch()
    assert carry(pair, ".env.*") == names
    assert all((work.folder / name).exists() for name in names)


def test_what_a_crash_left_is_cleared_and_completed(pair: tuple[Sandbox, Sandbox]) -> None:
    main, work = pair
    main.write("certs/a", "whole")
    work.write(".agentdeck-carry-dead/certs/a", "ha")
    assert carry(pair, "certs") == ["certs"]
    assert (work.folder / "certs/a").read_text() == "whole"
    assert sorted(entry.name for entry in work.folder.iterdir()) == [".git", ".gitignore", "README.md", "certs"]
    assert carry(pair, "certs") == []
