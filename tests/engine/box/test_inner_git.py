"""What an agent in a box puts into repositories inside of its worktree runs nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.system.git import changes
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually

ARM = """
cd "$REPOSITORY"
git config core.fsmonitor "touch '$HOME_OUTSIDE/fsmonitor'; false"
git config filter.x.clean "touch '$HOME_OUTSIDE/clean'; cat"
git config filter.x.smudge "touch '$HOME_OUTSIDE/smudge'; cat"
git config filter.x.process "touch '$HOME_OUTSIDE/process'; false"
git config filter.x.required false
git config core.sshCommand "touch '$HOME_OUTSIDE/ssh'; false"
git config diff.external "touch '$HOME_OUTSIDE/external'"
git config core.pager "touch '$HOME_OUTSIDE/pager'"
git config core.hooksPath "$PWD/hooks"
git config submodule.recurse true
mkdir hooks
for hook in post-index-change pre-commit post-checkout reference-transaction; do
    printf "#!/bin/sh\\ntouch '$HOME_OUTSIDE/hook'\\n" > hooks/$hook
    chmod +x hooks/$hook
done
echo '* filter=x diff=x' > .gitattributes
echo changed >> file
"""
MAKE = """
set -e
mkdir -p linked && cd linked && git init -q && echo 1 > file && git add . && git commit -qm in && cd ..
git -c advice.addEmbeddedRepo=false add linked
printf '[submodule "linked"]\\n\\tpath = linked\\n\\turl = ./linked\\n\\tignore = none\\n' > .gitmodules
echo mine > mine.txt
git add mine.txt .gitmodules
git commit -qm "With a repository inside"
mkdir loose && cd loose && git init -q && echo 1 > file && git add . && git commit -qm in && cd ..
top=$PWD
"""


@pytest.fixture(autouse=True)
def can_make_boxes() -> None:
    skip_without_box()


def armed(bench: Bench) -> None:
    """An agent that made two repositories in its worktree, one known to the index, and put programs into both."""
    lines = [MAKE]
    for name in ("linked", "loose"):
        lines.append(f"REPOSITORY=$top/{name}; HOME_OUTSIDE='{bench.home}/owned'; ( {ARM} )")
    (bench.home / "owned").mkdir()
    script = "\n".join([*lines, "echo armed"])
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: not deck.agent("one").alive, 30)
    assert "armed" in [line.text for line in deck.log_lines("one")]


def owned(bench: Bench) -> list[str]:
    return sorted(path.name for path in (bench.home / "owned").iterdir())


def test_the_trap_would_work_without_a_guard(bench: Bench) -> None:
    armed(bench)
    bench.git("status", "--porcelain", cwd=Path(bench.worktrees()[-1]))
    assert "fsmonitor" in owned(bench)


def test_no_look_and_no_act_enters_it_without_a_box(bench: Bench) -> None:
    armed(bench)
    deck = bench.deck()
    view = deck.agent("one")
    worktree = Path(bench.worktrees()[-1])

    def check(what: str) -> None:
        assert owned(bench) == [], what

    assert any("linked" in line for line in changes.uncommitted(world_of(deck).repo.at(worktree)))
    check("status")
    deck.agents()
    check("ls")
    deck.review.text("one")
    deck.review.diff(view)
    check("diff")
    deck.radar.look()
    check("radar")
    deck.land(LandRequest(("one",), commit="", gate=("git status; git -C linked status; true",)))
    check("a landing and its gate")
    deck.remove("one")
    check("rm")
    deck.undo()
    check("undo")
    assert (worktree / "linked/file").read_text() == "1\nchanged\n"
    assert (worktree / "loose/file").read_text() == "1\nchanged\n"
    changes.uncommitted(world_of(deck).repo.at(worktree))
    deck.remove("one")
    check("a second rm")
    bench.git("status", "--porcelain")
    check("status of the main checkout")


def test_a_submodule_of_the_person_works_in_it(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bench.git("init", "-q", "-b", "main", str(other))
    bench.write("lib.py", "1\n", cwd=other)
    bench.commit(cwd=other)
    bench.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "lib")
    bench.commit("A submodule")
    script = "set -e; cd lib; echo 2 >> lib.py; git commit -qam two; cd ..; git add lib; git commit -qm L"
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: not deck.agent("one").alive, 30)
    told = "\n".join(line.text for line in deck.log_lines("one"))
    assert bench.git("log", "-1", "--format=%s", "agentdeck/one") == "L", told
    deck.land(LandRequest(("one",)))
    commit = bench.git("rev-parse", "main:lib")
    assert bench.git("cat-file", "-t", commit, cwd=bench.root / "lib") == "commit"
    deck.remove("one")
