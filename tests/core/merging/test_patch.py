"""Patches as git prints them become values, whatever the names and the lines are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.merging.patch import LINE_MAX, parse, unquoted
from agentdeck.system.git.patches import EMPTY_TREE, Source, reading
from tests.support.repos import MakeRepo

NAMES = ["plain.txt", "with blank.txt", "ünï 漢字.txt", 'quo"te.txt', "tab\there.txt", "new\nline.txt", "a b b.txt"]


def test_numbers_kinds_and_counts(repo: MakeRepo) -> None:
    box = repo()
    box.write("a.txt", "".join(f"{number}\n" for number in range(1, 21)))
    box.commit()
    box.write("a.txt", "".join(f"{number}\n" for number in range(1, 21) if number != 3) + "last")
    file = parse(box.git("diff"))[0]
    assert (file.path, file.status, file.added, file.deleted) == ("a.txt", "M", 1, 1)
    assert [line.old for line in file.lines if line.kind == "-"] == [3]
    assert [(line.new, line.text) for line in file.lines if line.kind == "+"] == [(20, "last")]
    assert file.lines[-1].kind == "\\"
    assert [line.kind for line in file.lines].count("@") == 2


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_in_every_status(repo: MakeRepo, name: str) -> None:
    box = repo()
    box.write(f"old/{name}", "".join(f"{number}\n" for number in range(30)))
    box.write(f"gone/{name}", "x\ny\n")
    box.write(f"same/{name}", "x\n")
    box.commit()
    (box.folder / "new").mkdir()
    box.git("mv", f"old/{name}", f"new/{name}")
    box.git("rm", "-q", f"gone/{name}")
    box.write(f"same/{name}", "y\n", mode=0o755)
    box.write(f"bin/{name}", b"\0\1")
    box.write(f"empty/{name}", "")
    with reading(box.repo, box.folder) as source:
        found = {file.path: file for file in source.patch("HEAD", None)}
        counted = {file.path: file for file in source.counts("HEAD", None)}
        assert source.untracked == {f"bin/{name}", f"empty/{name}"}
    assert {path: file.status for path, file in found.items()} == {
        f"new/{name}": "R",
        f"gone/{name}": "D",
        f"same/{name}": "M",
        f"bin/{name}": "A",
        f"empty/{name}": "A",
    }
    assert found.keys() == counted.keys()
    assert found[f"new/{name}"].old_path == f"old/{name}"
    assert found[f"bin/{name}"].is_binary
    assert counted[f"bin/{name}"].is_binary
    assert "new mode 100755" in found[f"same/{name}"].note
    assert (found[f"same/{name}"].added, found[f"same/{name}"].deleted) == (1, 1)


def test_lines_that_look_like_heads_are_lines(repo: MakeRepo) -> None:
    box = repo()
    box.write("a.txt", "diff --git a/x b/x\n@@ -1 +1 @@\n--- a/x\n+++ b/x\n")
    box.commit()
    source = Source(box.repo, box.repo.run)
    files = source.patch(EMPTY_TREE, "HEAD")
    assert [file.path for file in files] == ["README.md", "a.txt"]
    assert [line.text for line in files[1].lines[1:]] == ["diff --git a/x b/x", "@@ -1 +1 @@", "--- a/x", "+++ b/x"]
    box.write("a.txt", "")
    box.commit()
    files = source.patch("HEAD^", "HEAD")
    assert [line.kind for line in files[0].lines] == ["@", "-", "-", "-", "-"]


def test_a_very_long_line_is_cut_and_files_can_be_left_out(repo: MakeRepo) -> None:
    box = repo()
    box.write("long.txt", "x" * 100_000)
    box.write("*[a].txt", "y\n")
    with reading(box.repo, box.folder) as source:
        found = source.patch("HEAD", None, {"*[a].txt"})
    assert [file.path for file in found] == ["long.txt"]
    assert len(found[0].lines[1].text) == LINE_MAX + 1


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    parse("diff --git " + text)
    parse(text)
    unquoted(text)
