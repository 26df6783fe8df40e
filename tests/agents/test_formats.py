"""Real CLIs finish a task of five steps while the provider, and with it the format, changes in the middle and back.

Two calls side by side of which one fails, a picture, a free-form tool, and a note: the first and the last step on the
CLI's own format, those between on another one.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.agents.setups import QUIET, no_updates
from tests.support.decks import Bench, world_of
from tests.support.share import diagonal
from tests.support.strict_model import PICTURE, strict_model

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FORMATS = ("messages", "chat", "responses", "gemini")
RULES = """
[gateway]
retries = 0
backoff = 0.1
retry_budget = 4.0
hold = 1.0
breaker_failures = 9
"""


@dataclass(frozen=True)
class Client:
    own: str
    model: str
    sees_pictures: bool = True


CLIENTS = {
    "claude": Client("messages", "claude-opus-4-8"),
    "codex gpt-5-codex": Client("responses", "gpt-5-codex"),
    "codex gpt-5.5": Client("responses", "gpt-5.5"),
    "codex gpt-6-sol": Client("responses", "gpt-6-sol", sees_pictures=False),
}
MORE_CLIENTS = {
    # These send no picture to a model that they don't know.
    "opencode": Client("chat", "gpt-4o", sees_pictures=False),
    "qwen": Client("chat", "gpt-4o", sees_pictures=False),
    "copilot": Client("chat", "gpt-5.5", sees_pictures=False),
    "gemini": Client("gemini", "gemini-3.8-flash"),
}


def provider(name: str, url: str, form: str) -> str:
    path = "/v1beta" if form == "gemini" else "/v1"
    return f'\n[providers.{name}]\nbase_url = "{url}{path}"\napis = ["{form}"]\nkey_env = "{name.upper()}_KEY"\n'


@pytest.fixture
def quiet(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC", "CLAUDE", "OPENAI", "CODEX", "GEMINI"))]:
        monkeypatch.delenv(name)
    keys = {"MAIN_KEY": "sk-main-0123456789abcdef", "SPARE_KEY": "sk-spare-fedcba9876543210"}
    for name, value in {**QUIET, **keys, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    bench.write(".claude/settings.json", '{"permissions": {"defaultMode": "bypassPermissions"}}', cwd=bench.home)
    bench.write(
        ".codex/config.toml", 'sandbox_mode = "danger-full-access"\napproval_policy = "never"\n', cwd=bench.home
    )
    (bench.root / PICTURE).write_bytes(base64.b64decode(PIXEL))
    bench.git("add", "-A")
    bench.git("commit", "-qm", "A picture")
    return bench


@pytest.mark.parametrize(("client", "form"), diagonal(CLIENTS, FORMATS))
def test_a_task_goes_on_in_another_format_and_back(quiet: Bench, client: str, form: str) -> None:
    finish(quiet, client, CLIENTS[client], form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("client", MORE_CLIENTS)
def test_so_it_does_with_more_clis(
    quiet: Bench, more_programs: Path, client: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (more_programs / client).exists():
        pytest.skip(f"npm could not install {client}")
    no_updates(quiet, monkeypatch)
    monkeypatch.setenv("PATH", f"{more_programs}:{os.environ['PATH']}")
    finish(quiet, client, MORE_CLIENTS[client], form)


def finish(quiet: Bench, client: str, what: Client, form: str) -> None:
    """Let the CLI do the task; its provider is down in two of the five steps, and a backup speaks `form`."""
    with (
        strict_model(what.own, "main", frozenset({1, 2})) as (main_api, main),
        strict_model(form, "spare") as (spare_api, spare),
    ):
        main.cwd = spare.cwd = str(quiet.root / ".worktrees/fox")
        tiers = f'\n[tiers]\nwork = ["main:{what.model}", "spare:backup-model"]\n'
        quiet.own(provider("main", main_api.url, what.own) + provider("spare", spare_api.url, form) + RULES + tiers)
        deck = quiet.deck()
        profile = client.split(maxsplit=1)[0]
        task = StartRequest(
            task="Do it", profile=profile, name="fox", tier="work", mode=Mode.HEADLESS, permission="all", box="off"
        )
        deck.start(replace(task, permission="all", box="off", sure=True))
        view = deck.wait("fox")
        tree = view.worktree
        assert tree is not None
        log = "\n".join(line.text for line in deck.log_lines("fox"))[-3000:]
        gateways.stop(world_of(deck))
    assert (main.refused, spare.refused) == ([], []), log
    assert view.outcome is ExitCode.UNCOMMITTED, log
    assert (sorted(set(main.steps)), sorted(set(spare.steps))) == ([0, 3, 4], [1, 2]), log
    made = {name: (tree / f"{name}.txt").read_text() for name in ("made", "patched", "noted")}
    assert made == {"made": "made\n", "patched": "patched\n", "noted": "noted\n"}
    assert "no-such-file" in spare.seen["failure"]
    if what.sees_pictures:
        assert spare.seen.get("picture"), "the picture was lost on the way"
