"""The gates of a queue go on in one worktree, and none sees anything of the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.records.landings import Landing, LandRequest
from tests.support.decks import Bench
from tests.support.finished import finished

SPOIL = {
    "leaves files": "echo x > junk; mkdir -p build/deep; touch build/deep/o; chmod 0 build",
    "changes files": "echo more >> README.md; rm -rf base.txt; mkdir base.txt; touch base.txt/in",
    "commits": "git commit -q --allow-empty -m mine; git switch -q -c side-$AGENTDECK_GATE",
    "begins a merge": "git switch -q --detach HEAD~1; git commit -q --allow-empty -m y; git rebase -x false HEAD@{1}",
    "hides a change": "git update-index --assume-unchanged README.md; echo hidden >> README.md",
    "makes it sparse": "git sparse-checkout set --no-cone nothing 2>/dev/null",
    "makes a repository": "git init -q inner; touch inner/file",
    "cuts it off": "rm .git",
    "writes for the moment": 'touch "$TMPDIR/left"; echo X=1 >> .env.local; touch .git-ignored',
}
LOOK = """
test -z "$(git status --porcelain)" || { git status; exit 1; }
git rev-parse HEAD
test "$(git symbolic-ref -q HEAD)" = ""
find . -mindepth 1 -not -path ./.git -not -path ./.env.local -not -type d | sort | sed s,^./,, > "$0.is"
git ls-tree -r --name-only HEAD | sort > "$0.wanted"
comm -3 "$0.is" "$0.wanted" > "$0.extra"
test -e "$0.extra-of-a-new-one" || cp "$0.extra" "$0.extra-of-a-new-one"
diff "$0.extra" "$0.extra-of-a-new-one"
git ls-files -v | grep -v ^H && exit 1
test "$(git hash-object --no-filters README.md)" = "$(git rev-parse HEAD:README.md)"
test ! -e "$TMPDIR/left"
! grep -q X=1 .env.local
ls -id . >> "$0.inodes"
"""


def land(bench: Bench, *names: str, gate: tuple[str, ...]) -> Landing:
    return bench.deck().land(LandRequest(names, gate=gate))


@pytest.mark.parametrize("how", SPOIL)
def test_a_gate_finds_what_a_new_worktree_would_have(bench: Bench, how: str) -> None:
    deck, look = bench.deck(), bench.home / "look"
    bench.write(".gitignore", "build\n.git-ignored\n")
    bench.write("base.txt", "base\n")
    bench.commit("Base")
    look.write_text(LOOK)
    for name in ("one", "two", "three"):
        finished(bench, name, {f"{name}.txt": name})
    landing = land(bench, "one", "two", "three", gate=(f"sh -e '{look}'", f"({SPOIL[how]}) || true"))
    assert [entry.reason for entry in landing.entries] == ["", "", ""], Path(landing.entries[-1].gate).read_text()
    assert len(Path(f"{look}.inodes").read_text().splitlines()) == 3
    assert not any(name.startswith("gate-") for name in deck.store.names())
    assert not any("gate-" in path for path in bench.worktrees())


def test_most_go_on_in_the_same_folder(bench: Bench) -> None:
    told = bench.home / "told"
    for name in ("one", "two", "three"):
        finished(bench, name, {f"{name}.txt": name})
    gate = (f"echo $(ls -id .) $(git rev-parse HEAD) $AGENTDECK_GATE >> '{told}'", "test ! -e two.txt")
    landing = land(bench, "one", "two", "three", gate=gate)
    assert [bool(entry.reason) for entry in landing.entries] == [False, True, False]
    seen = [line.split() for line in told.read_text().splitlines()]
    assert len({inode for inode, *_ in seen}) == 1
    assert [name for *_, name in seen] == ["one", "two", "three"]
    assert len({commit for _, _, commit, _ in seen}) == 3
    assert len({entry.gate for entry in landing.entries}) == 3


def test_files_are_written_anew_where_the_rules_of_their_writing_change(bench: Bench) -> None:
    bench.write("text.txt", "a\n")
    bench.commit("Base")
    finished(bench, "one", {"one.txt": "1"})
    finished(bench, "two", {".gitattributes": "*.txt eol=crlf\n"})
    look = 'test "$AGENTDECK_GATE" = one || test "$(od -An -c text.txt | tr -d \' \')" = "a\\\\r\\\\n"'
    landing = land(bench, "one", "two", gate=(look,))
    assert [entry.reason for entry in landing.entries] == ["", ""]
