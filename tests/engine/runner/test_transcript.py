"""The log of a headless run, whose transcript may be found long after the first that it prints."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode
from agentdeck.core.agents.orders import Orders
from agentdeck.core.transcripts.formats import Place
from agentdeck.engine.runner import transcript
from agentdeck.engine.runner.transcript import TranscriptLog
from agentdeck.system.state.recording import Recorder

PLACE = Place("claude", ("~/chats",), "{session}.jsonl", "*.jsonl", prints="claude")
SAID = {"model": "opus", "content": [{"type": "text", "text": "Made."}], "stop_reason": "end_turn"}
REFUSED = {"model": "<synthetic>", "content": [{"type": "text", "text": "API Error (429)"}]}


class Run:
    """A headless run, of which only the CLI is missing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        orders = Orders(
            "fix", "run", "deck", ("claude",), str(home), "/", "/log", "/runs", mode=Mode.HEADLESS, transcript=PLACE
        )
        recorder = Recorder(home / "cast", home / "log", maximum=10**6, keep=0, size=(80, 24))
        self.log = TranscriptLog(orders, recorder, home / "usage", lambda records: None)
        (home / "chats").mkdir()
        self.log.launched(orders, str(home), {"HOME": str(home)}, "")

    def prints(self, message: Mapping[str, object], **more: object) -> None:
        line = json.dumps({"type": "assistant", "session_id": "s1", "message": message, **more}) + "\n"
        self.log.output(line.encode(), line)

    def writes(self, kind: str, message: Mapping[str, object], **more: object) -> None:
        with (self.home / "chats/s1.jsonl").open("a") as file:
            facts = {"type": kind, "sessionId": "s1", "cwd": str(self.home), "message": message, **more}
            file.write(json.dumps(facts) + "\n")

    @property
    def said(self) -> list[str]:
        return [line.partition(" ")[2] for line in (self.home / "log").read_text().splitlines()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path)


def test_a_slow_start_does_not_put_what_is_printed_before_the_transcript(run: Run) -> None:
    begun = time.monotonic()
    run.log._begun -= 3 * transcript._PATIENCE  # it took so long until it printed anything
    run.log.look(begun)
    run.prints(REFUSED, error="rate_limit")
    run.log.look(begun + 0.25)
    run.writes("user", {"content": "Make the file"})
    run.writes("assistant", REFUSED, isApiErrorMessage=True)
    run.log.ended(1)  # sooner than the transcript would have been looked for again
    assert run.said == ["you: Make the file", "error: API Error (429)"]


def test_what_is_printed_is_the_log_once_and_for_all_where_no_transcript_comes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.prints(SAID)
    run.log.look(time.monotonic())
    monkeypatch.setattr(transcript, "_PATIENCE", -1.0)
    run.log.look(time.monotonic())
    assert run.said == ["agent: Made."]
    run.writes("user", {"content": "Make the file"})
    run.writes("assistant", SAID)
    run.prints(REFUSED, error="rate_limit")
    run.log.look(time.monotonic() + 10)
    run.log.ended(1)
    assert run.said == ["agent: Made.", "error: API Error (429)"]
