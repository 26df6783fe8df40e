"""`agentdeck accounts` and `run --account`, with a CLI that has logins; every hint is obeyed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.accounts.meters import FIVE_HOURS, Window
from agentdeck.errors import ExitCode
from agentdeck.system.files.files import state_home
from agentdeck.system.state.meters import Meters, folder
from tests.support.accounts import with_acme
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.hints import obey

WORK = '[accounts.work]\nprofile = "acme"\n'


@pytest.fixture
def acme(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    with_acme(bench, monkeypatch)
    return bench


def told(bench: Bench, *args: str) -> dict[str, Any]:
    (found,) = objects(agentdeck(*args, "--json", cwd=bench.root).stdout)
    return found


def own_file(bench: Bench) -> str:
    return (bench.home / ".config/agentdeck/config.toml").read_text()


def test_an_account_is_added_logged_in_checked_and_removed(acme: Bench) -> None:
    said = agentdeck("accounts", cwd=acme.root)
    assert "No accounts beside" in said.stderr
    done = agentdeck("accounts", "add", "work", "--agent", "acme", cwd=acme.root)
    assert done.returncode == 0, done.stderr
    assert "[accounts.work]" in own_file(acme)
    place = state_home() / "accounts" / "work"
    assert (place / "login").exists()
    usual, work = told(acme, "accounts")["accounts"]
    assert (usual["name"], work["name"], work["login"], work["meter"]) == ("acme", "acme@work", True, None)
    assert agentdeck("accounts", "check", cwd=acme.root).returncode == 0
    (place / "login").unlink()
    lost = agentdeck("accounts", "check", "work", cwd=acme.root)
    assert lost.returncode == ExitCode.FAILED
    obey(lost.stderr, acme.root)
    assert (place / "login").exists()
    gone = told(acme, "accounts", "rm", "work")
    assert gone["kept"] == str(place)
    assert (place / "login").exists()
    assert "[accounts.work]" not in own_file(acme)
    agentdeck("accounts", "add", "work", "--agent", "acme", cwd=acme.root)
    assert told(acme, "accounts", "rm", "work", "--login")["kept"] is None
    assert not place.exists()


def test_a_folder_of_the_persons_own_is_never_deleted(acme: Bench) -> None:
    own = acme.write("my accounts/ünd 'so'/login", "", cwd=acme.home).parent
    done = agentdeck("accounts", "add", "work", "--agent", "acme", "--folder", str(own), cwd=acme.root)
    assert done.returncode == 0, done.stderr
    assert told(acme, "accounts", "rm", "work", "--login")["kept"] == str(own)
    assert (own / "login").exists()


def test_what_can_not_be_is_refused_and_changes_nothing(acme: Bench) -> None:
    before = own_file(acme)
    for args in (
        ("add",),
        ("rm",),
        ("ls", "work"),
        ("rm", "ghost"),
        ("check", "ghost"),
        ("add", "work"),
        ("add", "work", "--agent", "shell"),
        ("add", "Bad Name", "--agent", "acme"),
        ("add", "default", "--agent", "acme"),
        ("add", "work", "--agent", "acme", "--key", "A", "--tier", "deep"),
        ("check", "--agent", "acme"),
    ):
        done = agentdeck("accounts", *args, cwd=acme.root)
        assert done.returncode in (ExitCode.USAGE, ExitCode.NOT_FOUND, ExitCode.REFUSED, ExitCode.CONFIG), (
            args,
            done.stderr,
        )
        assert "Traceback" not in done.stderr
        assert "bug in AgentDeck" not in done.stderr
        assert own_file(acme).strip() == before.strip(), args


def test_a_run_takes_the_account_asked_for_or_the_one_with_most_left(acme: Bench) -> None:
    acme.own(WORK)
    agentdeck("accounts", "add", "work", cwd=acme.root)
    Meters(folder()).told("acme", [Window(FIVE_HOURS, 0.85, time.time() + 3600)])
    for name, account, profile in (
        ("one", None, "acme@work"),
        ("two", "default", "acme"),
    ):
        more = ["--account", account] if account else []
        done = agentdeck("run", "-a", "acme", *more, "-n", name, "--headless", "do it", cwd=acme.root)
        assert "did not" not in done.stderr
        assert told(acme, "show", name)["profile"] == profile
    made = (acme.root / ".worktrees/one/conversation").read_text()
    assert json.loads(made) == {"said": "do it", "by": "work"}
    wrong = agentdeck("run", "-a", "acme", "--account", "ghost", "x", cwd=acme.root)
    assert "Available: default, work." in wrong.stderr
    foreign = agentdeck("run", "-a", "shell", "--account", "work", "x", cwd=acme.root)
    assert "agentdeck run --agent acme --account work" in foreign.stderr
    listed = agentdeck("ls", cwd=acme.root)
    assert "acme: 5h 85%" in listed.stderr
    assert told(acme, "ls")["accounts"][0]["meter"]["windows"][0]["used"] == 0.85
    assert told(acme, "spend")["accounts"][0]["name"] == "acme"
    assert "5h 85%" in agentdeck("show", "two", cwd=acme.root).stdout


def test_accounts_that_are_wrong_are_told(acme: Bench) -> None:
    acme.own('[accounts.bad]\nprofile = "nobody"\n')
    said = agentdeck("accounts", cwd=acme.root)
    assert "“bad” can't be an account: there is no profile “nobody”." in said.stderr
    missing = agentdeck("run", "-a", "acme", "--account", "bad", "x", cwd=acme.root)
    assert missing.returncode == ExitCode.NOT_FOUND
    obey(missing.stderr, acme.root)


def test_no_login_ever_leaves_its_folder(acme: Bench) -> None:
    secret = "the-usual-login-0123456789"
    acme.write(".acme/login", secret, cwd=acme.home)
    acme.own(WORK)
    agentdeck("accounts", "add", "work", cwd=acme.root)
    agentdeck("run", "-a", "acme", "--account", "work", "-n", "fox", "--headless", "do it", cwd=acme.root)
    for path in Path(state_home()).rglob("*"):
        assert path.is_symlink() or not path.is_file() or secret.encode() not in path.read_bytes(), path
