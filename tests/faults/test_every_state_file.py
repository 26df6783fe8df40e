"""Whatever a file of the state holds, each verb says what is wrong in a sentence, or does without it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from agentdeck.cli import main as cli
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.review.comments import Comments
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.review import Comment
from agentdeck.errors import ExitCode
from agentdeck.system.git import bases
from tests.support.decks import Bench, world_of
from tests.support.finished import finished
from tests.support.retry import eventually
from tests.support.share import EVERY

DAMAGE: dict[str, bytes] = {
    "deep": b"[" * 200_000,
    "binary": b"\x00\xff\xfe\x80" * 64,
    "a list": b"[1, 2]",
    "numbers": b'{"format": 1e999, "agents": {"good": [1, 2, 3, 4]}, "records": [7], "step": null, "branch": 1}',
}
VERBS = ("ls", "show good", "doctor", "undo --list", "prune --dry-run", "spend")


def agentdeck(line: str) -> tuple[int, str]:
    """The verb in this process, and all that it says."""
    told = io.BytesIO()
    stream = io.TextIOWrapper(told, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = cli.main(line.split())
    return code, told.getvalue().decode("utf-8", "replace")


@pytest.fixture
def lived(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A deck with something in each file that it ever writes."""
    monkeypatch.chdir(bench.root)
    for name in ("good", "landed", "gone", "back"):
        finished(bench, name, {f"{name}.txt": "made\n"})
    deck = bench.deck()
    deck.start(StartRequest(name="named", id="an id", argv=("true",)))
    deck.wait("named")
    deck.land(LandRequest(("landed",), gate=("true",)))
    deck.remove("gone", keep_database=True)
    deck.remove("back")
    deck.undo()
    deck.radar.look()
    Comments(deck.store, "good").add(Comment("good.txt", 1, "made", "Why?"))
    gateway = bench.home / ".local/state/agentdeck/gateway"
    gateway.mkdir(parents=True, exist_ok=True)
    (gateway / "config.json").write_text(json.dumps({"decks": {}, "stores": {}}))
    (gateway / "gateway.json").write_text(json.dumps({"pid": 1, "port": 1, "started": 1.0}))
    return bench


def state_files(bench: Bench) -> list[Path]:
    roots = (bench.root / ".git" / "agentdeck", bench.home / ".local/state/agentdeck")
    found = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix != ".lock")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", DAMAGE)
def test_no_file_that_is_damaged_ends_a_verb_with_a_bug(lived: Bench, kind: str) -> None:
    files = state_files(lived)
    deck = lived.deck()
    notes = [bases.file_of(world_of(deck).repo, "main", each) for each in (bases.MOVE, bases.STEP)]
    journals = [deck.store.folder / "steps" / "undo", *notes]
    assert len(files) > 25
    # By default each file has one kind of damage.
    for path in [*files, *journals] if EVERY else [*files, *journals][list(DAMAGE).index(kind) :: len(DAMAGE)]:
        whole = path.read_bytes() if path.exists() else None
        path.write_bytes(DAMAGE[kind])
        for verb in VERBS:
            code, said = agentdeck(verb)
            assert code != ExitCode.INTERNAL, (path, verb, said)
            assert "Traceback" not in said, (path, verb, said)
        if whole is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(whole)
        for aside in path.parent.glob("*.damaged-*"):
            aside.unlink()
    code, said = agentdeck("ls")
    assert code == 0, said


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_something_else_where_worktrees_go_is_refused_and_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(bench.root)
    place = bench.root / ".worktrees"
    place.write_text("mine\n") if kind == "file" else place.symlink_to(bench.root / "nowhere")
    code, said = agentdeck("run -n one -- true")
    assert code == ExitCode.REFUSED, said
    assert f"{place} is not a folder" in said
    assert os.path.lexists(place)
    assert bench.branches() == ["main"]
    assert bench.deck().agents() == []


def test_a_gateway_that_died_and_that_nobody_needs_is_no_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench.root)
    finished(bench, "one", {})
    assert agentdeck("gateway start")[0] == 0
    address = gateways.files().address()
    assert address is not None
    guardian = psutil.Process(address.pid).ppid()  # killed first: it would start another one at once
    os.kill(guardian, signal.SIGKILL)
    os.kill(address.pid, signal.SIGKILL)
    eventually(lambda: not gateways.files().alive())
    agentdeck("ls")
    code, said = agentdeck("doctor")
    assert "it died" not in said
    assert code == 0, said
