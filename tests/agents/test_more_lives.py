"""Whole lives of opencode, Qwen Code, Copilot and Gemini, in which what the deck says is compared with what they do."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.question import Asks
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError, UsageError
from agentdeck.system.terminal.tmux import Tmux
from tests.agents.answering import press_enter_until
from tests.agents.conftest import MORE, programs_of
from tests.agents.setups import Setup, modelled, set_up, setup_of
from tests.agents.test_lives import DWELL, LONG, Life
from tests.agents.truth import watched
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted_model import Block, ask, call, run, say, scripted_model, think
from tests.support.verdicts import assert_ok

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE = 240.0
"""Seconds for a turn: some of them take more than one of their cores for themselves."""
SIZES = [(80, 24), (120, 36)]


def trusting(cli: str, url: str) -> Setup:
    """With settings in which each folder has to be trusted first."""
    plain, path = setup_of(cli, url), f".{cli}/settings.json"
    settings = json.loads(json.dumps(plain.files[path]))
    settings["security"]["folderTrust"] = {"enabled": True}
    return replace(plain, files={**plain.files, path: settings})


def script_of(cli: str) -> list[list[Block]]:
    # Qwen Code's model has to look up the tool first.
    found = [[call("tool_search", query="select:ask_user_question")]] if cli == "qwen" else []
    return [
        [think("First a look."), say("I look around."), run("echo allowed > allowed.txt")],
        [run("echo denied > denied.txt")],
        *found,
        [ask("Which colour?", "Red", "Green", "Blue")],
        [ask("Which colour now?", "Red", "Green", "Blue")],
        [say(LONG), run("git add -A")],
        [run("git commit -qm Committed")],
        [say("All is done.")],
    ]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cli", MORE)
def test_what_the_deck_says_is_so_at_every_moment_of_a_life(
    bench: Bench, cli: str, size: tuple[int, int], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, deck = programs_of(request, cli), bench.deck()
    with scripted_model(*script_of(cli)) as (api, script):
        set_up(bench, programs, monkeypatch, setup_of(cli, api.url))
        script.delay = DWELL
        deck.start(StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE, permission="ask"))
        Tmux(bench.socket).command("resize-window", "-t", f"={deck.name}:it", "-x", str(size[0]), "-y", str(size[1]))
        with watched(deck, "it", cli) as truth:
            life = Life(deck, "it", script, truth, PATIENCE)
            life.answer("yes", "allowed.txt")
            life.reach(State.WAITING, "denied.txt")
            with pytest.raises(RefusedError, match="asks a question"):
                deck.send("it", "1")
            life.answer("no", "denied.txt")
            truth.ends()
            life.reach(State.DONE)
            time.sleep(DWELL)
            life.tell("Go on")
            view = life.reach(State.WAITING, "Which colour?")
            question = view.status.question
            assert question is not None
            assert [option.label for option in question.options][:3] == ["Red", "Green", "Blue"]
            assert question.kind is Asks.CHOICE
            with pytest.raises(RefusedError, match="not for a yes or a no"):
                deck.answer("it", "yes")
            life.answer("2", "Which colour?")
            view = life.reach(State.WAITING, "Which colour now?")
            question = view.status.question
            assert question is not None
            if question.own_words is not None:
                with pytest.raises(UsageError, match="answer in words"):
                    deck.answer("it", str(question.own_words))
                truth.asks = ""
                truth.now(None)
                deck.answer("it", text="A dark violet")
            else:  # the list is longer than what there is room for
                life.answer("1", "Which colour now?")
            life.answer("yes", "git add")
            life.answer("yes", "git commit")
            eventually(lambda: not script.answers and life.view().state is State.DONE, PATIENCE)
            time.sleep(DWELL)
        pairs, wrong = list(truth.pairs()), truth.wrong()
        assert len(pairs) > 20
        assert len(wrong) <= len(pairs) // 20, truth.told()
        view = life.view()
        worktree = view.worktree
        assert worktree is not None
        assert (worktree / "allowed.txt").exists()
        assert not (worktree / "denied.txt").exists()
        assert bench.git("log", "-1", "--format=%s", view.branch) == "Committed"
        eventually(lambda: (life.view().reason, life.view().status.result) == ("", ""), 5)
        told = json.dumps(script.told)
        assert "Green" in told
        assert question.own_words is None or "A dark violet" in told
        log = [line.text for line in deck.log_lines("it")]
        assert {"you: Make it", "agent: I look around.", "  line 120 of a long answer", "you: Go on"} <= set(log)
        assert any(line.startswith("denied by user: ") and "denied.txt" in line for line in log)
        activity, sent, took = deck.store.activity("it"), script.sent, script.usage
        assert activity is not None
        wanted = Usage(sent * took["input"], sent * took["output"], sent * took["cache_read"], 0)
        assert (activity.requests, activity.usage) == (sent, wanted)
        assert activity.context == took["input"] + took["cache_read"] + took["output"]
        _go_on_after_a_kill_and_land(bench, life)


def _go_on_after_a_kill_and_land(bench: Bench, life: Life) -> None:
    deck, script, agent = life.deck, life.script, life.view().status.agent_pid
    runner = life.deck.store.runner_pid("it")
    assert runner is not None
    os.kill(runner, 9)
    eventually(lambda: not Path(f"/proc/{agent}").exists() and not life.view().alive, 20)
    before = script.sent
    deck.resume("it", "And again")
    press_enter_until(
        deck, "it", lambda view: script.sent > before and view.state is State.DONE, PATIENCE, about="trust"
    )
    told = json.dumps(script.told[-1])
    assert "And again" in told
    assert "Make it" in told, "the context was lost"
    deck.stop("it")
    assert_ok(agentdeck("merge", "it", cwd=bench.root))
    assert bench.git("show", "main:allowed.txt") == "allowed"


@pytest.mark.parametrize("cli", ["gemini", "qwen"])
def test_the_question_whether_to_trust_the_folder_is_answered_and_the_task_goes_on(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, deck = programs_of(request, cli), bench.deck()
    with scripted_model([say("All is done.")], [say("All is done.")]) as (api, script):
        set_up(bench, programs, monkeypatch, trusting(cli, api.url))
        deck.start(StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE))
        eventually(lambda: "Do you trust" in deck.agent("it").reason, PATIENCE, pause=0.3)
        assert not script.sent
        with pytest.raises(RefusedError, match="asks for one of its options"):
            deck.answer("it", text="Go on")
        deck.answer("it", "yes")
        press_enter_until(deck, "it", lambda view: script.sent > 0 and view.state is State.DONE, PATIENCE, about="?")
        eventually(lambda: "agent: All is done." in [line.text for line in deck.log_lines("it")], 20)
        deck.stop("it")


@pytest.mark.parametrize("cli", [*MORE, "aider"])
def test_an_agent_is_told_where_it_works_and_no_file_of_the_repository_says_it(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck = bench.deck()
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, [say("All is done.")]) as script:
        deck.start(StartRequest(task="Look at it", profile=cli, name="it", mode=Mode.HEADLESS))
        view = deck.wait("it")
        told = json.dumps(script.told, ensure_ascii=False)
        wanted = ("Other agents work on the same repository", str(view.worktree), f"ports: {view.ports[0]}")
        assert all(text in told for text in wanted), told
        assert bench.git("status", "--porcelain", cwd=view.worktree) == ""


# Without a login opencode would send the task to the free models of its makers.
@pytest.mark.parametrize("cli", [cli for cli in MORE if cli != "opencode"])
def test_a_missing_login_is_told_before_anything_is_made(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(bench, programs_of(request, cli), monkeypatch, Setup())
    done = agentdeck("run", "-a", cli, "-n", "it", "--headless", "--permission", "edit", "Go", cwd=bench.root)
    told = done.stderr.splitlines()
    at = next((index for index, line in enumerate(told) if "seems to have no login here" in line), None)
    assert at is not None, done.stderr
    assert at < next(index for index, line in enumerate(told) if "worktree" in line), done.stderr
    assert done.returncode


def test_the_life_of_aider(bench: Bench, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks with letters, commits by itself, and its log is what its terminal has kept."""
    answers = [
        [say("I look.\n\nnote.txt\n```\nnote\n```\n")],
        [say("Another one.\n\ndenied.txt\n```\ndenied\n```\n")],
        [say(LONG)],
    ]
    deck = bench.deck()
    with modelled(bench, "aider", programs_of(request, "aider"), monkeypatch, *answers) as script:
        script.delay = DWELL
        deck.start(StartRequest(task="Make a note", profile="aider", name="it", mode=Mode.INTERACTIVE))
        Tmux(bench.socket).command("resize-window", "-t", f"={deck.name}:it", "-x", "80", "-y", "24")
        with watched(deck, "it", "aider") as truth:
            life = Life(deck, "it", script, truth, PATIENCE)

            def answered(blocks: list[Block]) -> None:
                name = next((name for name in ("note.txt", "denied.txt") if name in blocks[0]["text"]), "")
                truth.asks = name
                truth.now(None) if name else truth.ends()

            script.on_answer = answered
            question = life.reach(State.WAITING, "Create new file?").status.question
            assert question is not None
            assert [option.label for option in question.options] == ["Yes", "No"]
            with pytest.raises(RefusedError, match="asks a question"):
                deck.send("it", "y")
            time.sleep(DWELL)
            truth.now(None)
            assert deck.answer("it", "1") == "Yes"
            truth.ends()
            view = life.reach(State.DONE)
            assert view.worktree is not None
            assert (view.worktree / "note.txt").read_text() == "note\n"
            assert bench.git("rev-list", "--count", f"main..{view.branch}") == "1"
            time.sleep(DWELL)
            life.tell("Make another one")
            life.reach(State.WAITING, "Create new file?")
            time.sleep(DWELL)
            truth.now(None)
            deck.answer("it", text="Explain it first")
            eventually(lambda: script.sent == 3, PATIENCE, pause=0.3)
            life.reach(State.DONE)
            time.sleep(DWELL)
        pairs, wrong = list(truth.pairs()), truth.wrong()
        assert len(pairs) > 20
        assert len(wrong) <= len(pairs) // 20, truth.told()
        assert "Explain it first" in json.dumps(script.told[-1])
        assert not (view.worktree / "denied.txt").exists()

        def log() -> str:
            return "\n".join(line.text for line in deck.log_lines("it"))

        # What has scrolled away is looked at now and then.
        for text in ("Create new file? (Y)es/(N)o [Yes]: Y", "line 120 of a long answer"):
            eventually(lambda: text in log(), 10)  # noqa: B023
        deck.stop("it")
        assert_ok(agentdeck("merge", "it", cwd=bench.root))
        assert bench.git("show", "main:note.txt") == "note"


RESOLVE = "git merge --no-edit main; echo both > made.txt; git add -A; git commit -qm Merged"


@pytest.mark.parametrize("cli", MORE)
def test_a_conflict_is_handed_back_and_what_the_agent_makes_of_it_lands(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [run("echo mine > made.txt && git add -A && git commit -qm Made")]
    deck = bench.deck()
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, made, [say("It is made.")]) as script:
        start = StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE, permission="all", box="off")
        deck.start(replace(start, sure=True))
        press_enter_until(
            deck, "it", lambda view: script.sent == 2 and view.state is State.DONE, PATIENCE, about="trust"
        )
        bench.write("made.txt", "theirs\n")
        bench.commit("Made here too")
        script.answers += [[run(RESOLVE)], [say("It is resolved.")]]
        assert_ok(agentdeck("merge", "--hand-back", "it", cwd=bench.root, timeout=PATIENCE))
        assert bench.git("show", "main:made.txt") == "both"
        assert any("conflicts with main" in line.text for line in deck.log_lines("it"))
