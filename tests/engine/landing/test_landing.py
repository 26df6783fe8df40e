"""Finished branches come to the base branch: methods, refusals, gates, queues, and the way back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import Landing, LandRequest, Stage
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode, NotFoundError, RefusedError
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.pictures import picture
from tests.support.retry import eventually


def land(bench: Bench, *names: str, **options: object) -> Landing:
    return bench.deck().land(LandRequest(names, **options))  # type: ignore[arg-type]


def stages(landing: Landing) -> dict[str, str]:
    return {entry.agent: str(entry.stage) for entry in landing.entries}


def body(bench: Bench, revision: str = "main") -> str:
    return bench.git("log", "-1", "--format=%B", revision)


@pytest.mark.parametrize("method", list(Method))
def test_each_method_brings_the_work_to_the_base_and_its_checkout(bench: Bench, method: Method) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    before = bench.git("rev-parse", "main")
    landing = land(bench, "fix", method=method)
    assert stages(landing) == {"fix": "landed"}
    assert (bench.root / "fix.txt").read_text() == "fixed\n"
    assert bench.git("status", "--porcelain") == ""
    parents = bench.git("log", "-1", "--format=%P", "main").split()
    assert parents[0] == before
    assert len(parents) == (2 if method is Method.MERGE else 1)
    assert bench.deck().agent("fix").state is State.LANDED
    if method is Method.MERGE:
        assert body(bench).startswith("Merge fix: ")
    if method is not Method.FF_ONLY:
        assert "Agentdeck-Agent: fix\nAgentdeck-Profile: command" in body(bench)


def test_the_message_can_be_given_and_the_trailers_left_out(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    land(bench, "fix", message="As I say\n\nAnd more.", trailers=False)
    assert body(bench).strip() == "As I say\n\nAnd more."


def test_a_dry_run_tells_and_changes_nothing(bench: Bench) -> None:
    finished(bench, "one", {"a.txt": "1\n"})
    finished(bench, "two", {"a.txt": "2\n"})
    before = bench.git("rev-parse", "main")
    landing = land(bench, "one", "two", dry_run=True, gate=("false",))
    assert stages(landing) == {"one": "would land", "two": "set aside"}
    assert bench.git("rev-parse", "main") == before
    assert bench.deck().agent("one").state is State.DONE
    assert bench.deck().history.steps() == []


def test_uncommitted_work_refuses_or_is_committed_and_an_undo_brings_all_of_it_back(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    bench.write("README.md", "# staged\n", cwd=view.worktree)
    bench.git("add", "README.md", cwd=view.worktree)
    bench.write("README.md", "# staged, then more\n", cwd=view.worktree)
    bench.write("new ü.txt", "untracked\n", cwd=view.worktree)
    before, main = picture(view.worktree), bench.git("rev-parse", "main")
    refused = land(bench, "fix").entry("fix")
    assert (refused.stage, refused.exit_code) == (Stage.SET_ASIDE, ExitCode.REFUSED)
    assert "MM README.md" in refused.detail
    assert picture(view.worktree) == before
    landing = land(bench, "fix", commit="All of it")
    assert stages(landing) == {"fix": "landed"}
    assert (bench.root / "new ü.txt").read_text() == "untracked\n"
    assert bench.git("log", "-1", "--format=%s", "main^2") == "All of it"
    bench.deck().undo()
    assert bench.git("rev-parse", "main") == main
    assert not (bench.root / "new ü.txt").exists()
    assert picture(view.worktree) == before
    again = bench.deck().undo(2)
    assert (bench.root / "new ü.txt").exists()
    assert bench.deck().agent("fix").state is State.LANDED
    bench.deck().undo(again.number)
    assert picture(view.worktree).files == before.files


def test_a_refused_commit_leaves_the_index_as_it_was(bench: Bench) -> None:
    hook = bench.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'too ugly'; exit 1\n")
    hook.chmod(0o755)
    view = finished(bench, "fix", {"fix.txt": "fixed\n"}, commit=False)
    assert view.worktree is not None
    before = picture(view.worktree)
    entry = land(bench, "fix", commit="").entry("fix")
    assert "could not be committed" in entry.reason
    assert "too ugly" in entry.detail
    assert picture(view.worktree) == before


def test_a_running_agent_refuses_unless_it_is_to_be_stopped(bench: Bench) -> None:
    deck = bench.deck()
    view = deck.start(StartRequest(name="busy", argv=("sleep", "600")))
    assert view.worktree is not None
    bench.write("b.txt", "b\n", cwd=view.worktree)
    bench.commit("Work", cwd=view.worktree)
    eventually(lambda: deck.agent("busy").state is State.WORKING)
    assert "working" in land(bench, "busy").entry("busy").reason
    assert stages(land(bench, "busy", stop=True)) == {"busy": "landed"}
    assert not deck.agent("busy").alive


def test_the_gate_runs_on_the_result_in_a_world_of_its_own(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    bench.write("base.txt", "base\n")
    bench.commit("The base goes on")
    seen = bench.root.parent / "seen"
    look = f'test -f fix.txt && test -f base.txt && test -n "$DATABASE_URL" && env > "{seen}"'
    landing = land(bench, "fix", gate=(look, "echo all good"))
    assert stages(landing) == {"fix": "landed"}
    seen_by_gate = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    agent = bench.deck().agent("fix")
    assert int(seen_by_gate["PORT"]) not in agent.ports
    assert seen_by_gate["AGENTDECK_GATE"] == "fix"
    assert seen_by_gate["AGENTDECK_WORKTREE"] != str(agent.worktree)
    assert "all good" in Path(landing.entry("fix").gate).read_text()
    assert bench.worktrees() == [str(bench.root), str(agent.worktree)]
    assert [view.name for view in bench.deck().agents()] == ["fix"]
    assert [ref for ref in bench.trash_refs() if "gate" in ref] == []


def test_what_fails_its_gate_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    finished(bench, "bad", {"bad.txt": "bad\n"})
    finished(bench, "good", {"good.txt": "good\n"})
    landing = land(bench, "bad", "good", gate=("test ! -f bad.txt",))
    assert stages(landing) == {"bad": "set aside", "good": "landed"}
    entry = landing.entry("bad")
    assert entry.reason == "its gate failed: test ! -f bad.txt (exit 1)"
    assert entry.exit_code is ExitCode.FAILED
    assert not (bench.root / "bad.txt").exists()
    assert bench.deck().agent("bad").state is State.DONE


def test_a_gate_that_takes_too_long_fails(bench: Bench) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + "\n[landing]\ntimeout = 0.5\n")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    entry = land(bench, "fix", gate=("sleep 60",)).entry("fix")
    assert "did not finish within 0.5 s" in entry.reason


def test_a_conflict_names_files_and_lines_and_changes_nothing(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "print('one')\n"})
    finished(bench, "two", {"src/app.py": "print('two')\n", "other.txt": "x\n"})
    finished(bench, "three", {"three.txt": "3\n"})
    before = bench.git("rev-parse", "agentdeck/two")
    landing = land(bench, "one", "two", "three")
    assert stages(landing) == {"one": "landed", "two": "set aside", "three": "landed"}
    entry = landing.entry("two")
    assert "src/app.py:1" in entry.reason
    assert [conflict.path for conflict in entry.conflicts] == ["src/app.py"]
    assert not (bench.root / "other.txt").exists()
    assert bench.git("rev-parse", "agentdeck/two") == before


def test_a_base_with_changes_in_the_way_stops_it_and_others_stay(bench: Bench) -> None:
    finished(bench, "fix", {"src/app.py": "print('fixed')\n"})
    bench.write("src/app.py", "print('mine')\n")
    before = picture(bench.root)
    entry = land(bench, "fix").entry("fix")
    assert "with changes that this would overwrite" in entry.reason
    assert picture(bench.root).files["src/app.py"] == before.files["src/app.py"]
    bench.git("checkout", "src/app.py")
    bench.write("README.md", "# my own change\n")
    assert stages(land(bench, "fix")) == {"fix": "landed"}
    assert (bench.root / "README.md").read_text() == "# my own change\n"
    assert bench.git("status", "--porcelain") == " M README.md"


def test_a_base_that_moves_while_the_gate_runs_starts_it_over(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    once = bench.root.parent / "once"
    move = f'test -e "{once}" || {{ touch "{once}"; git -C "{bench.root}" commit -q --allow-empty -m meanwhile; }}'
    heard: list[str] = []
    deck = bench.deck()
    landing = deck.land(LandRequest(("fix",), gate=(move,)), lambda event: heard.append(event.kind))
    assert stages(landing) == {"fix": "landed"}
    assert heard.count("landing.again") == 1
    assert heard.count("landing.gate") == 2
    assert bench.git("log", "-1", "--format=%s", "main^1") == "meanwhile"


def test_a_base_that_never_rests_ends_it(bench: Bench) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + "\n[landing]\nretries = 1\n")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    move = f'git -C "{bench.root}" commit -q --allow-empty -m meanwhile'
    assert "kept moving" in land(bench, "fix", gate=(move,)).entry("fix").reason


def test_landed_with_remove_is_one_step_back(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    before, main = picture(view.worktree), bench.git("rev-parse", "main")
    land(bench, "fix", remove=True)
    assert bench.deck().agents() == []
    assert bench.branches() == ["main"]
    assert bench.deck().undo().text == "undid step 1: landed fix on main, removed fix"
    assert bench.git("rev-parse", "main") == main
    after = picture(view.worktree)
    assert (after.status, after.index, after.head) == (before.status, before.index, before.head)
    assert bench.deck().agent("fix").state is State.DONE


def test_an_undo_is_refused_when_the_base_has_moved_on(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    land(bench, "fix")
    bench.write("more.txt", "more\n")
    tip = bench.commit("More")
    with pytest.raises(RefusedError, match="has moved on since") as caught:
        bench.deck().undo()
    assert "revert --no-edit -m 1" in caught.value.hint
    assert bench.git("rev-parse", "main") == tip


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH, Method.REBASE])
def test_what_was_done_after_a_landing_lands_alone(bench: Bench, method: Method) -> None:
    view = finished(bench, "fix", {"fix.txt": "one\n"})
    assert view.worktree is not None
    land(bench, "fix", method=method)
    bench.write("fix.txt", "one\ntwo\n", cwd=view.worktree)
    bench.commit("More", cwd=view.worktree)
    landing = land(bench, "fix", method=method)
    assert stages(landing) == {"fix": "landed"}
    assert (bench.root / "fix.txt").read_text() == "one\ntwo\n"
    assert bench.git("diff", "--name-only", "main^1", "main") == "fix.txt"
    assert landing.entry("fix").commits == 1, "the other one has landed before"
    stood = bench.deck().agent("fix").reason
    bench.write("other.txt", "other\n")
    bench.commit("Somebody else's")
    nothing = land(bench, "fix", method=method).entry("fix")
    assert (nothing.stage, nothing.reason) == (Stage.LANDED, "main already has all of it")
    assert nothing.has_nothing_new
    assert bench.deck().agent("fix").reason == stood, "where it landed, not where main is now"


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH, Method.REBASE])
def test_what_has_landed_is_not_counted_as_still_to_land(bench: Bench, method: Method) -> None:
    view = finished(bench, "fix", {"fix.txt": "one\n"})
    assert view.worktree is not None

    def facts() -> tuple[int, int, int, bool]:
        deck = bench.deck()
        found = deck.review.facts(deck.agent("fix"))
        return found.ahead, found.added, found.files, found.is_in_base

    assert facts() == (1, 1, 1, False)
    land(bench, "fix", method=method)
    assert facts() == (0, 0, 0, True)
    bench.write("fix.txt", "one\ntwo\nthree\n", cwd=view.worktree)
    bench.commit("More", cwd=view.worktree)
    bench.write("other.txt", "other\n")
    bench.commit("Somebody else's")
    assert facts() == (1, 2, 1, False)
    bench.git("merge", "-q", "--no-edit", "-X", "ours", "main", cwd=view.worktree)
    assert facts()[1:] == (2, 1, False), "what it merged from main is not its own"


def test_into_another_branch_that_nobody_has_checked_out(bench: Bench) -> None:
    bench.git("branch", "release/1.x")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert stages(land(bench, "fix", into="release/1.x")) == {"fix": "landed"}
    assert bench.git("show", "release/1.x:fix.txt") == "fixed"
    assert not (bench.root / "fix.txt").exists()


def test_refusals_say_what_to_do(bench: Bench) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + '\n[landing]\nprotected = ["rel/*"]\n')
    bench.git("branch", "rel/1")
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    finished(bench, "idle", {})
    assert "protected" in land(bench, "fix", into="rel/1").entry("fix").reason
    assert "no branch" in land(bench, "fix", into="nowhere").entry("fix").reason
    assert "committed nothing" in land(bench, "idle").entry("idle").reason
    assert "itself" in land(bench, "fix", into="agentdeck/fix").entry("fix").reason
    assert view.worktree is not None
    with pytest.raises(NotFoundError):
        land(bench, "nobody")


def test_a_detached_head_in_the_main_worktree_is_asked_for_a_branch(bench: Bench) -> None:
    bench.git("checkout", "-q", "--detach")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    entry = land(bench, "fix").entry("fix")
    assert "not a branch" in entry.reason
    assert "--into" in entry.hint
    assert stages(land(bench, "fix", into="main")) == {"fix": "landed"}
    assert not (bench.root / "fix.txt").exists()


def test_commits_are_signed_where_git_is_told_to(bench: Bench) -> None:
    key = bench.home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in {"gpg.format": "ssh", "user.signingkey": f"{key}.pub", "commit.gpgsign": "true"}.items():
        bench.git("config", name, value)
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    finished(bench, "more", {"more.txt": "more\n"})
    assert stages(land(bench, "fix")) == {"fix": "landed"}
    assert "BEGIN SSH SIGNATURE" in bench.git("cat-file", "commit", "main")
    bench.git("config", "user.signingkey", "/nowhere.pub")
    entry = land(bench, "more").entry("more")
    assert "can't be signed" in entry.reason


def test_the_repositorys_hooks_have_their_say(bench: Bench) -> None:
    for name, text in {
        "commit-msg": 'grep -q "^Merge" "$1" || { echo "say Merge"; exit 1; }\necho "Checked: yes" >> "$1"\n',
        "post-merge": f'touch "{bench.root.parent}/merged"\n',
    }.items():
        bench.write(f".git/hooks/{name}", f"#!/bin/sh\n{text}").chmod(0o755)
    view = bench.deck().start(StartRequest(name="fix", argv=("sh", "-c", "touch fix.txt")))
    bench.deck().wait("fix")
    assert view.worktree is not None
    bench.git("add", "-A", cwd=view.worktree)
    bench.git("commit", "-q", "--no-verify", "-m", "work", cwd=view.worktree)
    assert "commit-msg hook refused" in land(bench, "fix", message="Other").entry("fix").reason
    assert stages(land(bench, "fix")) == {"fix": "landed"}
    assert "Checked: yes" in body(bench)
    assert (bench.root.parent / "merged").exists()
