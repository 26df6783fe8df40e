"""Work that changes what a repository's configuration runs lands only where a person says so, and is not used then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentdeck.core.config.trust import Change
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode, UntrustedError
from tests.support.cli import agentdeck
from tests.support.decks import Bench, bench_in, world_of
from tests.support.finished import finished
from tests.support.retry import eventually

GATE = "[landing]\ngate = [%s]\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A repository whose gate, which leaves a trace, is approved."""
    with bench_in(tmp_path, monkeypatch, config="", trusted=False) as bench:
        bench.write("agentdeck.toml", gate(bench, "first"))
        bench.commit("A gate")
        approve(bench.deck())
        yield bench


def gate(bench: Bench, name: str) -> str:
    return GATE % json.dumps(f"touch {bench.home}/ran-{name}")


def approve(deck: Deck) -> None:
    deck.trust.approve(deck.trust.standing().values)


def traces(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.home.glob("ran-*"))


def request(bench: Bench, name: str = "fix", **more: object) -> LandRequest:
    return replace(LandRequest((name,)), **more)  # type: ignore[arg-type]


def test_without_a_person_it_is_set_aside_with_the_diff(shop: Bench) -> None:
    finished(shop, "fix", {"agentdeck.toml": gate(shop, "second")})
    before = shop.git("rev-parse", "main")
    for dry_run in (True, False):
        entry = shop.deck().land(request(shop, dry_run=dry_run)).entry("fix")
        assert entry.stage is Stage.SET_ASIDE
        assert entry.exit_code is ExitCode.UNTRUSTED
        assert entry.reason == "it changes what runs on your machine"
        assert f'- "touch {shop.home}/ran-first"' in entry.detail
        assert f'+ "touch {shop.home}/ran-second"' in entry.detail
        assert entry.hint == "agentdeck merge --accept-config fix"
    assert shop.git("rev-parse", "main") == before
    assert traces(shop) == []


def test_with_one_it_lands_through_the_approved_gate_and_is_not_used_until_approved(shop: Bench) -> None:
    finished(shop, "fix", {"agentdeck.toml": gate(shop, "second")})
    finished(shop, "next", {"next.txt": "more\n"})
    asked: list[tuple[str, tuple[Change, ...]]] = []

    def confirm(name: str, changes: tuple[Change, ...]) -> bool:
        asked.append((name, changes))
        return True

    deck = shop.deck()
    assert deck.land(request(shop, confirm=confirm)).entry("fix").stage is Stage.LANDED
    assert traces(shop) == ["ran-first"]
    ((name, changes),) = asked
    assert (name, [change.key for change in changes]) == ("fix", ["landing.gate"])
    for act in (
        lambda: deck.land(request(shop, "next")),
        lambda: deck.start(StartRequest(name="new", argv=("true",))),
        lambda: deck.remove("next"),
    ):
        with pytest.raises(UntrustedError, match="not approved"):
            act()
    assert traces(shop) == ["ran-first"]
    approve(deck)
    assert deck.land(request(shop, "next")).entry("next").stage is Stage.LANDED
    assert traces(shop) == ["ran-first", "ran-second"]
    assert [each.entry("next").stage for each in deck.landings.all()[-1:]] == [Stage.LANDED]


def test_it_can_be_taken_back_without_approval_of_what_it_brought(shop: Bench) -> None:
    finished(shop, "gone", {"gone.txt": "text\n"})
    shop.deck().remove("gone")
    finished(shop, "fix", {"agentdeck.toml": gate(shop, "second")})
    before = shop.git("rev-parse", "main")
    shop.deck().land(request(shop, confirm=lambda name, changes: True))
    refused = agentdeck("undo", "--step", "1", cwd=shop.root)
    assert refused.returncode == ExitCode.UNTRUSTED, "a removal's agent would be made as the configuration says"
    done = agentdeck("undo", cwd=shop.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert shop.git("rev-parse", "main") == before
    assert shop.deck().trust.standing().counts
    assert traces(shop) == ["ran-first"]


def test_a_person_who_says_no_is_listened_to(shop: Bench) -> None:
    finished(shop, "fix", {"agentdeck.toml": ""})
    entry = shop.deck().land(request(shop, confirm=lambda name, changes: False)).entry("fix")
    assert entry.stage is Stage.SET_ASIDE
    assert f'- "touch {shop.home}/ran-first"' in entry.detail, "a gate that goes is a change, too"


@pytest.mark.parametrize(
    "files",
    [
        {"agentdeck.toml": "# other words\n" + "%s" + "timeout = 60.0\nmethod = 'squash'\n"},
        {"sub/agentdeck.toml": "[hooks]\nsetup = ['true']\n"},
        {"fix.txt": "text\n"},
    ],
    ids=["harmless", "elsewhere", "none"],
)
def test_what_changes_nothing_of_it_lands_without_a_question(shop: Bench, files: dict[str, str]) -> None:
    finished(shop, "fix", {name: text.replace("%s", gate(shop, "first")) for name, text in files.items()})
    assert shop.deck().land(request(shop)).entry("fix").stage is Stage.LANDED
    assert shop.deck().trust.standing().counts


@pytest.mark.parametrize(
    ("base", "files", "key"),
    [
        ({}, {".worktreeinclude": "secrets/\n"}, ".worktreeinclude"),
        ({"keys.env": "A=1\n"}, {"keys.env": "A=1\nPATH=/evil\n"}, "agent.env_file contents.PATH"),
        ({"keys.env": "A=1\n"}, {"keys.env": "A=2\n"}, "agent.env_file contents.A"),
    ],
)
def test_the_other_files_that_the_configuration_reads_count_too(
    shop: Bench, base: dict[str, str], files: dict[str, str], key: str
) -> None:
    shop.write("agentdeck.toml", '[agent]\nenv_file = "keys.env"\n')
    for name, text in base.items():
        shop.write(name, text)
    shop.commit("An env file")
    shop.write("keys.env", base.get("keys.env", "A=1\n"))
    approve(shop.deck())
    finished(shop, "fix", files)
    entry = shop.deck().land(request(shop)).entry("fix")
    assert entry.exit_code is ExitCode.UNTRUSTED, entry
    assert key in entry.detail


def test_a_configuration_behind_a_link_counts(shop: Bench) -> None:
    (shop.root / "agentdeck.toml").rename(shop.root / "real.toml")
    (shop.root / "agentdeck.toml").symlink_to("real.toml")
    shop.commit("A link")
    assert shop.deck().trust.standing().counts
    finished(shop, "fix", {"real.toml": gate(shop, "second")})
    assert shop.deck().land(request(shop)).entry("fix").exit_code is ExitCode.UNTRUSTED


def test_in_a_batch_only_those_are_set_aside_that_change_it(shop: Bench) -> None:
    finished(shop, "fix", {"fix.txt": "text\n"})
    finished(shop, "evil", {"agentdeck.toml": gate(shop, "second")})
    finished(shop, "more", {"more.txt": "text\n"})
    landing = shop.deck().land(LandRequest(("fix", "evil", "more"), batch=True))
    assert [entry.stage for entry in landing.entries] == [Stage.LANDED, Stage.SET_ASIDE, Stage.LANDED]
    assert traces(shop) == ["ran-first"]


def test_a_worktree_has_no_say_and_the_persons_own_pull_asks_again(shop: Bench) -> None:
    view = finished(shop, "fix", {"fix.txt": "text\n"})
    assert view.worktree is not None
    (view.worktree / "agentdeck.toml").write_text(gate(shop, "third"))
    assert agentdeck("ls", cwd=view.worktree).stderr == ""
    shop.git("checkout", "-q", "agentdeck.toml", cwd=view.worktree)
    shop.write("agentdeck.toml", gate(shop, "pulled"))
    shop.commit("As a pull brings it")
    assert agentdeck("merge", "fix", cwd=shop.root).returncode == ExitCode.UNTRUSTED
    shop.git("reset", "-q", "--hard", "HEAD~1")
    assert agentdeck("merge", "fix", cwd=shop.root).returncode == ExitCode.OK, "it is as it was approved"
    assert traces(shop) == ["ran-first"]


def test_the_file_is_replaced_after_the_check_and_what_was_checked_is_used(shop: Bench) -> None:
    finished(shop, "fix", {"fix.txt": "text\n"})
    deck = shop.deck()
    world = world_of(deck)
    world.check_trust()
    shop.write("agentdeck.toml", gate(shop, "swapped"))
    assert world.settings.config.landing.gate == [f"touch {shop.home}/ran-first"]
    with pytest.raises(UntrustedError):
        deck.land(request(shop))
    values = deck.trust.standing().values
    shop.write("agentdeck.toml", gate(shop, "swapped again"))
    deck.trust.approve(values)
    with pytest.raises(UntrustedError):
        deck.land(request(shop))


def test_the_command_line_says_so_and_a_flag_accepts_it(shop: Bench) -> None:
    finished(shop, "fix", {"agentdeck.toml": gate(shop, "second")})
    done = agentdeck("merge", "fix", cwd=shop.root)
    assert done.returncode == ExitCode.UNTRUSTED
    assert "fix was not landed: it changes what runs on your machine" in done.stderr
    (hint,) = [line.removeprefix("→ agentdeck ") for line in done.stderr.splitlines() if line.startswith("→ ")]
    inside = {"AGENTDECK_RUN": "1", "AGENTDECK_AGENT": "fix"}
    assert agentdeck(*hint.split(), cwd=shop.root, env=inside).returncode == ExitCode.REFUSED
    done = agentdeck(*hint.split(), cwd=shop.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "fix changes what runs on your machine:" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Not approved, so not used: landing.gate. To approve: agentdeck ")
    assert traces(shop) == ["ran-first"]


def test_a_person_is_asked_once_and_before_anything_is_stopped_or_committed(shop: Bench) -> None:
    lines = "printf '[landing]\\ngate = [\"true\"]\\n' > agentdeck.toml && touch ready && exec sleep 1000"
    view = shop.deck().start(StartRequest(name="fix", argv=("sh", "-c", lines)))
    assert view.worktree is not None
    eventually((view.worktree / "ready").exists)
    before, asked = shop.git("rev-parse", view.branch), []

    def answer(name: str, changes: tuple[Change, ...]) -> bool:
        assert shop.deck().agent(name).alive
        asked.append(name)
        return len(asked) > 1

    wanted = request(shop, commit="", stop=True)
    for confirm in (None, answer):
        entry = shop.deck().land(replace(wanted, confirm=confirm)).entry("fix")
        assert entry.exit_code is ExitCode.UNTRUSTED
        assert (shop.deck().agent("fix").alive, shop.git("rev-parse", view.branch)) == (True, before)
    assert shop.deck().land(replace(wanted, confirm=answer)).entry("fix").stage is Stage.LANDED
    assert asked == ["fix", "fix"], "once by each landing"
