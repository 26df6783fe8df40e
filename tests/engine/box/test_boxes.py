"""An agent in a box does its work, and nothing that it does there reaches what is not its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import MissingToolError, UntrustedError
from agentdeck.system.box.own_git import OwnGit
from agentdeck.system.files.files import state_home
from agentdeck.system.git.repository import Repository
from tests.support import destruction
from tests.support.accounts import with_acme
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.share import EVERY


@pytest.fixture(autouse=True)
def can_make_boxes() -> None:
    skip_without_box()


def ran(bench: Bench, script: str, name: str = "one") -> AgentView:
    deck = bench.deck()
    deck.start(StartRequest(name=name, argv=("sh", "-c", script), box="files"))
    return ended(deck, name)


def ended(deck: Deck, name: str) -> AgentView:
    eventually(lambda: not deck.agent(name).alive, 30)
    return deck.agent(name)


def said(bench: Bench, name: str = "one") -> str:
    return "\n".join(line.text for line in bench.deck().log_lines(name))


def test_it_commits_merges_and_rebases_and_lands(bench: Bench) -> None:
    bench.git("branch", "agentdeck/other")
    view = ran(
        bench,
        "set -ex; echo 1 > one.txt; git add one.txt; git commit -qm one; git switch -qc agentdeck/side; "
        "echo 2 > two.txt; git add two.txt; git commit -qm two; git switch -q agentdeck/one; "
        "git merge -q --no-ff -m both agentdeck/side; git rebase -q main; git log --oneline agentdeck/other; "
        "echo 3 > three.txt; git add three.txt",
    )
    assert view.status.state is State.DONE, said(bench)
    assert bench.git("log", "--format=%s", "main..agentdeck/one").splitlines() == ["two", "one"]
    assert bench.git("log", "--format=%s", "main..agentdeck/side").splitlines() == ["two", "one"]
    worktree = Path(bench.worktrees()[-1])
    assert bench.git("diff", "--cached", "--name-only", cwd=worktree) == "three.txt"
    bench.git("fsck", "--strict")
    bench.deck().land(LandRequest(("one",), commit=""))
    assert bench.git("show", "main:three.txt") == "3"


def test_its_commits_are_seen_while_it_works(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(
        StartRequest(name="one", argv=("sh", "-c", "git commit -q --allow-empty -m now; sleep 600"), box="files")
    )
    eventually(lambda: bench.git("log", "-1", "--format=%s", "agentdeck/one") == "now", 15)
    assert deck.agent("one").alive
    deck.stop("one")


ATTACKS = {
    "another branch": "git update-ref refs/heads/main HEAD~0 && git branch new",
    "a tag": "git tag mine",
    "git's configuration": "git config core.fsmonitor 'touch /tmp/owned'",
    "a hook": "echo 'touch owned' > \"$(git rev-parse --git-common-dir)/hooks/post-checkout\"",
    "the pointer of the worktree": "rm .git || mv .git x || echo 'gitdir: /nowhere' > .git",
    "the common folder": 'echo /nowhere > "$(git rev-parse --git-dir)/commondir"',
    "the store": 'touch "$(git rev-parse --git-common-dir)/agentdeck/agents/x"; '
    'test -e "$(git rev-parse --git-common-dir)/agentdeck/agents/one/orders.json"',
    "the main checkout": 'ls "$MAIN/a file"',
    "another worktree": 'ls "$MAIN/.worktrees/two"',
    "the home": 'ls "$PERSON/secret"',
    "objects": 'rm -rf "$OBJECTS"/?? "$OBJECTS"/pack/*',
    "processes of others": 'kill -TERM "$OUTSIDE"',
    "the list of processes": 'ps -e -o args= | grep "sleep 4[2]42"',
    "tmux": 'ls "$SOCKETS"/*',
    "a mount": "mount -t tmpfs none /usr",
    "a mount taken away": "umount /usr || umount -l .",
    "programs": "touch /usr/bin/owned",
    "the clock": "date -s 2001-01-01",
}


def state(bench: Bench) -> list[str]:
    refs = bench.git("for-each-ref", "refs/heads/main", "refs/heads/new", "refs/tags")
    return [refs, bench.git("config", "-l"), bench.git("count-objects", "-v")]


def test_no_attack_gets_out(bench: Bench) -> None:
    """Each is tried; its exit code says whether it did something."""
    import subprocess

    secret = bench.home / "secret"
    secret.write_text("key")
    bench.git("pack-refs", "--all")
    bench.write("a file", "mine")
    bench.commit()
    bench.deck().start(StartRequest(name="two", argv=("sleep", "600")))
    outside = subprocess.Popen(["sleep", "4242"])
    places = {
        "MAIN": bench.root,
        "PERSON": bench.home,
        "OBJECTS": bench.root / ".git/objects",
        "OUTSIDE": outside.pid,
        "SOCKETS": f"/tmp/tmux-{os.getuid()}",
    }
    before = (
        bench.git("for-each-ref", "refs/heads/main", "refs/tags", "refs/heads/new"),
        bench.git("config", "-l"),
        bench.git("count-objects", "-v"),
    )
    lines = [f'({script}) >/dev/null 2>&1 && echo "got out: {name}"' for name, script in ATTACKS.items()]
    variables = "; ".join(f"{name}='{value}'" for name, value in places.items())
    try:
        ran(bench, f"{variables}; " + "\n".join(lines) + "\necho all tried")
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()
    assert "all tried" in said(bench)
    told = {line for line in said(bench).splitlines() if "got out" in line}
    # Its own copy of the objects is empty, so that there is nothing to remove.
    assert {line.partition("got out: ")[2] for line in told} <= {"objects"}
    assert (
        bench.git("for-each-ref", "refs/heads/main", "refs/tags", "refs/heads/new"),
        bench.git("config", "-l"),
        bench.git("count-objects", "-v"),
    ) == before
    assert secret.read_text() == "key"
    bench.git("fsck", "--strict")


def test_what_it_does_to_branches_of_others_is_gone(bench: Bench) -> None:
    bench.git("branch", "agentdeck/other")
    tip = bench.git("rev-parse", "agentdeck/other")
    ran(bench, "git commit -q --allow-empty -m x; git branch -f agentdeck/other HEAD; git branch -D agentdeck/other")
    assert bench.git("rev-parse", "agentdeck/other") == tip
    assert bench.git("log", "-1", "--format=%s", "agentdeck/one") == "x"


def test_damaged_objects_stay_outside_of_the_repository(bench: Bench) -> None:
    tip = bench.git("rev-parse", "HEAD")
    script = """
git commit -q --allow-empty -m bad
top=$(git rev-parse --git-common-dir)/objects
commit=$(git rev-parse HEAD)
file=$top/$(echo $commit | cut -c1-2)/$(echo $commit | cut -c3-)
chmod u+w "$file"; echo garbage > "$file"
"""
    # At once, before the commit can be taken in as it was.
    ran(bench, script)
    found = bench.git("rev-parse", "agentdeck/one")
    assert found == tip or bench.git("log", "-1", "--format=%s", "agentdeck/one") == "bad"
    bench.git("fsck", "--strict", "--no-reflogs")  # HEAD's log in its worktree is its own


def test_links_to_the_objects_of_another_repository_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bench.git("init", "-q", str(other))
    (other / "f").write_text("secret")
    secret = bench.git("-C", str(other), "hash-object", "-w", "f")
    repo = Repository.find(bench.root)
    own = OwnGit(repo.common, tmp_path / "own", "agentdeck")
    own.prepare(repo, "")
    fan = own.objects / secret[:2]
    fan.symlink_to(other / ".git/objects" / secret[:2])
    (own.objects / "aa").mkdir()
    (own.objects / "aa" / ("0" * 38)).symlink_to(other / ".git/objects" / secret[:2] / secret[2:])
    own.take_in(repo)
    assert repo.kinds([secret]) == {}


def test_an_object_stays_where_its_program_found_it_until_its_next_start(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repository.find(bench.root)
    own = OwnGit(repo.common, tmp_path / "own", "agentdeck")
    own.prepare(repo, "")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(own.objects))
    oid = bench.git("hash-object", "-w", str(bench.write("new.txt", "new")))
    monkeypatch.delenv("GIT_OBJECT_DIRECTORY")
    places = [folder / oid[:2] / oid[2:] for folder in (own.objects, repo.common / "objects")]
    assert own.has_news()
    own.take_in(repo)
    assert [place.exists() for place in places] == [True, True]
    assert not own.has_news()
    own.forget_taken()
    assert [place.exists() for place in places] == [False, True]


def test_a_login_is_the_persons_and_settings_are_copied(bench: Bench) -> None:
    (bench.home / ".claude").mkdir()
    (bench.home / ".claude/.credentials.json").write_text("old")
    (bench.home / ".claude/settings.json").write_text("{}")
    (bench.home / ".claude/history.jsonl").write_text("private")
    bench.deck()
    program = bench.home / "bin/claude"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nls -A ~/.claude; cat ~/.claude/.credentials.json; echo new > ~/.claude/.credentials.json\n"
        "echo changed > ~/.claude/settings.json\n"
    )
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    deck = bench.deck()
    deck.start(StartRequest(task="x", name="one", profile="claude", box="files", env={"PATH": path}))
    ended(deck, "one")
    assert (bench.home / ".claude/.credentials.json").read_text() == "new\n"
    assert (bench.home / ".claude/settings.json").read_text() == "{}"
    assert "history.jsonl" not in said(bench)


def test_a_stop_lets_it_end_in_its_own_way(bench: Bench) -> None:
    deck = bench.deck()
    script = "trap 'echo bye; exit 0' INT; touch ready; while :; do sleep 0.1; done"
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: Path(bench.worktrees()[-1], "ready").exists())
    deck.stop("one")
    assert ended(deck, "one").status.state is State.STOPPED
    assert "bye" in said(bench)


def test_it_can_give_its_worktree_no_configuration_of_its_own(bench: Bench) -> None:
    bench.git("config", "extensions.worktreeConfig", "true")
    ran(bench, 'git config --worktree core.fsmonitor "touch owned" && echo got out')
    assert "got out" not in said(bench)


def test_a_daemon_ends_with_it(bench: Bench) -> None:
    ran(bench, "setsid env -i sleep 987 >/dev/null 2>&1 & sleep 0.3")
    import psutil

    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "987"]]


def test_a_killed_runner_takes_all_with_it_and_its_commits_come(bench: Bench) -> None:
    deck = bench.deck()
    script = "git commit -q --allow-empty -m late; touch ready; sleep 600"
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: Path(bench.worktrees()[-1], "ready").exists())
    os.kill(deck.store.runner_pid("one") or 0, signal.SIGKILL)
    ended(deck, "one")
    deck.remove("one")
    deck.undo()
    assert bench.git("log", "-1", "--format=%s", "agentdeck/one") == "late"


def test_without_bubblewrap_nothing_starts(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("git", "tmux", "sh", "env"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="bubblewrap"):
        bench.deck().start(StartRequest(name="one", argv=("sh", "-c", "true"), box="files"))
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]


def test_a_repository_may_not_open_the_box(bench: Bench) -> None:
    bench.own('[box]\nmode = "files"\n')
    bench.write("agentdeck.toml", '[box]\nmode = "off"\n')
    bench.commit()
    bench.own().unlink()
    bench.write(".config/agentdeck/config.toml", '[box]\nmode = "files"\n', cwd=bench.home)
    with pytest.raises(UntrustedError):
        bench.deck().start(StartRequest(name="one", argv=("true",)))


def test_a_branch_beside_main_is_its_own_and_main_is_not(bench: Bench) -> None:
    bench.git("branch", "agentdeck/other")
    deck, main = bench.deck(), bench.git("rev-parse", "main")
    script = "git commit -q --allow-empty -m mine; git log -1 agentdeck/other; git branch -f main HEAD"
    deck.start(StartRequest(name="one", branch="fix", argv=("sh", "-ec", script), box="files"))
    ended(deck, "one")
    assert bench.git("log", "-1", "--format=%s", "fix") == "mine"
    assert bench.git("rev-parse", "main") == main
    assert "Start" in said(bench)


def test_the_gate_and_what_is_run_at_a_removal_are_in_it_too(bench: Bench) -> None:
    secret = bench.home / "secret"
    secret.write_text("key")
    gate = f"git log -1 && ! cat '{secret}' && echo ok > result"
    bench.write("agentdeck.toml", f'[hooks]\nteardown = ["! cat {secret} && cp made.txt {bench.home}/out"]\n')
    bench.commit()
    ran(bench, "echo 1 > made.txt; git add made.txt; git commit -qm made")
    bench.deck().land(LandRequest(("one",), gate=(gate,)))
    assert bench.git("show", "main:made.txt") == "1"
    bench.deck().remove("one")
    assert not (bench.home / "out").exists()


@pytest.mark.parametrize("seed", range(10 if EVERY else 1))
def test_a_thousand_acts_of_destruction_hurt_nobody_else(bench: Bench, seed: int) -> None:
    bench.write("destroy.py", Path(destruction.__file__).read_text())
    bench.commit()
    bench.git("pack-refs", "--all")
    ran(bench, "echo 2 > two.txt; git add two.txt; git commit -qm two", "two")
    others = ("refs/heads/main", "refs/heads/agentdeck/two", "refs/agentdeck")
    before = bench.git("for-each-ref", *others), bench.git("config", "-l")
    ran(bench, f"{shlex.quote(sys.executable)} -I destroy.py {seed} 1000")
    assert "did " in said(bench)
    assert (bench.git("for-each-ref", *others), bench.git("config", "-l")) == before
    bench.git("rev-list", "--objects", "main", "agentdeck/two")
    deck = bench.deck()
    deck.land(LandRequest(("two",)))
    deck.remove("one")
    bench.git("fsck", "--strict")
    assert bench.git("show", "main:two.txt") == "2"


@pytest.mark.parametrize("box", ["files", "full"])
def test_it_has_the_login_of_its_account_and_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch, box: str) -> None:
    """Nor of the one that goes on for it at a limit, which in turn does not see the first."""
    if box == "full":
        skip_without_box(alone=True)
    accounts = ("work", "spare")
    with_acme(bench, monkeypatch, "".join(f'[accounts.{name}]\nprofile = "acme"\n' for name in accounts))
    for name in accounts:
        bench.write("login", name, cwd=state_home() / "accounts" / name)
    bench.write(".acme/settings.json", "{}", cwd=bench.home)
    limit, logins = int(time.time()) + 3600, state_home() / "accounts"
    place = bench.root.parent / "tools"
    place.mkdir()
    program = place / "acme"
    program.write_text(
        f"""#!/bin/sh
echo session 0b1d
(cat "$ACME_HOME/login" "$ACME_HOME/settings.json" {bench.home}/.acme/login; cat {logins}/*/login) >>seen
case $ACME_HOME in */spare) ;; *) echo "limit reached, resets at {limit}"; exit 1 ;; esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    deck = bench.deck()
    deck.start(StartRequest(task="x", profile="acme", account="work", name="one", mode=Mode.HEADLESS, box=box))
    view = ended(deck, "one")
    assert view.worktree is not None
    assert (view.worktree / "seen").read_text() == "work{}work" + "spare{}spare", said(bench)
