from __future__ import annotations

import json
import os
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode
from agentdeck.errors import ConfigError, MissingToolError, NotFoundError
from agentdeck.system.config.profiles import SHIPPED, choose, found, load_profiles, require, wire_reports
from tests.support.retry import eventually

KNOWN = {"aider", "claude", "codex", "copilot", "cursor-agent", "demo", "gemini", "goose", "opencode", "qwen", "shell"}


def test_the_known_kinds_ship_with_the_program(tmp_path: Path) -> None:
    assert set(load_profiles(tmp_path)) >= KNOWN


def test_a_file_of_the_users_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "claude.toml").write_text('title = "Mine"\n[interactive]\nprompt = ["my-claude", "{prompt}"]\n')
    (tmp_path / "own.toml").write_text(
        'title = "Own"\ncommand = "sh"\ninstall = "-"\n[headless]\nprompt = ["sh", "-c", "{prompt}"]\n'
    )
    profiles = load_profiles(tmp_path)
    assert profiles["claude"].title == "Mine"
    assert profiles["claude"].interactive is not None
    assert profiles["claude"].interactive.prompt == ("my-claude", "{prompt}")
    assert profiles["claude"].interactive.resume[1] == "--resume"
    assert found(profiles["own"]) is not None


def test_a_user_without_a_home_has_the_profiles_that_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert set(load_profiles()) == KNOWN


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "own.toml"),
        ('title = "x"', "command"),
        ('title="x"\ncommand="x"\ninstall="x"\n', "neither"),
        ('title="x"\ncommand="x"\ninstall="x"\nwrong=1\n[headless]\nprompt=["x"]\n', "wrong"),
        ('title="x"\ncommand="x"\ninstall="x"\n[headless]\nprompt=["x"]\n[screen]\nwaiting=["("]\n', "regular"),
        ('title="x"\ncommand="x"\ninstall="x"\n[headless]\nprompt=[]\n', ":5: headless.prompt has too few values"),
        ('title="x"\ncommand="x"\ninstall="x"\n[headless]\nprompt="x"\n', ":5: headless.prompt must be a list"),
        ('title="x"\ncommand="x"\ninstall="x"\n[headless]\nprmpt=["x"]\n', "did you mean “prompt”?"),
        ('session_pattern="x"\ntitle="x"\ncommand="x"\ninstall="x"\n[headless]\nprompt=["x"]\n', ":1: session_pattern"),
    ],
)
def test_a_wrong_profile_is_named_with_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profiles(tmp_path)
    assert "own.toml" in str(caught.value)
    assert complaint in str(caught.value)


def test_a_missing_program_is_an_error_that_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = load_profiles(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="Claude Code is not installed") as caught:
        require(profiles, "claude")
    assert "npm install -g @anthropic-ai/claude-code" in caught.value.hint
    with pytest.raises(NotFoundError, match="no profile “clod”") as unknown:
        require(profiles, "clod")
    assert "claude" in unknown.value.hint
    assert require(profiles, "demo").name == "demo"


def test_claudes_hooks_are_wired_to_the_reporting_script(tmp_path: Path) -> None:
    folder = tmp_path / "it's ä folder"
    profile = load_profiles(tmp_path)["claude"]
    path = Path(wire_reports(profile, folder, Mode.HEADLESS))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    hooks = json.loads(path.read_text())["hooks"]
    line = hooks["PermissionRequest"][0]["hooks"][0]["command"]
    (folder / "inbox").mkdir()
    payload = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
    subprocess.run(["sh", "-c", line], input=json.dumps(payload), text=True, check=True, timeout=5)
    (dropped,) = (folder / "inbox").glob("*.json")
    assert json.loads(dropped.read_text()) == payload


def test_a_hook_that_asks_prints_what_it_is_told_or_nothing_once_the_question_is_over(tmp_path: Path) -> None:
    path = Path(wire_reports(load_profiles(tmp_path)["claude"], tmp_path / "it's", Mode.INTERACTIVE))
    line = json.loads(path.read_text())["hooks"]["PermissionRequest"][0]["hooks"][0]["command"]
    inbox = tmp_path / "it's" / "inbox"
    inbox.mkdir()
    for said in ('{"hookSpecificOutput": {}}', ""):
        hook = subprocess.Popen(["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert hook.stdin is not None
        hook.stdin.write("{}")
        hook.stdin.close()
        (dropped,) = eventually(lambda: list(inbox.glob("*.json")))
        dropped.unlink()
        waits = tmp_path / "it's" / "asking" / dropped.stem
        assert waits.is_fifo()
        waits.write_text(said)
        assert hook.stdout is not None
        assert hook.stdout.read() == said
        assert hook.wait(5) == 0
        assert not waits.exists()


def test_codex_gets_its_report_as_an_argument(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    (folder / "inbox").mkdir(parents=True)
    setting = wire_reports(load_profiles(tmp_path)["codex"], folder, Mode.HEADLESS)
    argv = json.loads(setting.removeprefix("notify="))
    subprocess.run([*argv, '{"type":"agent-turn-complete"}'], check=True, timeout=5)
    (dropped,) = (folder / "inbox").glob("codex-*.json")
    assert json.loads(dropped.read_text()) == {"type": "agent-turn-complete"}


def test_a_report_for_nobody_ends_at_once_and_without_a_word(tmp_path: Path) -> None:
    for folder in (tmp_path / "gone", tmp_path / "here"):
        if folder.name == "here":
            (folder / "inbox").mkdir(parents=True)
            os.mkfifo(folder / "inbox" / ".poke")
        argv = ["/bin/sh", str(SHIPPED / "report.sh"), str(folder), "claude", "{}"]
        done = subprocess.run(argv, capture_output=True, timeout=5, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_auto_is_the_first_agent_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = load_profiles(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose(profiles, "aider") == "aider"
    with pytest.raises(MissingToolError, match="No agent CLI is installed") as caught:
        choose(profiles, "auto")
    assert "demo" in caught.value.hint
    for program in ("aider", "codex"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
        assert choose(profiles, "auto") == program


def test_codex_runs_our_hooks_from_its_command_line_with_their_marks(tmp_path: Path) -> None:
    folder = tmp_path / 'it"s ü'
    (folder / "inbox").mkdir(parents=True)
    setting = wire_reports(load_profiles(tmp_path)["codex"], folder, Mode.INTERACTIVE)
    hooks = tomllib.loads(setting)["hooks"]
    known = hooks.pop("state")
    assert set(hooks) >= {"UserPromptSubmit", "PermissionRequest", "Stop", "Interrupt"}
    assert len(known) == len(hooks)
    assert "/<session-flags>/config.toml:user_prompt_submit:0:0" in known
    (hook,) = hooks["Stop"][0]["hooks"]
    subprocess.run(["sh", "-c", hook["command"]], input='{"hook_event_name":"Stop"}', text=True, check=True, timeout=5)
    (dropped,) = (folder / "inbox").glob("codex-*.json")
    assert json.loads(dropped.read_text()) == {"hook_event_name": "Stop"}


def test_the_status_line_of_a_person_is_shown_by_ours(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    (folder / "inbox").mkdir(parents=True)
    own = {"statusLine": {"type": "command", "command": "sed 's/./& /g'", "padding": 2}}
    path = Path(wire_reports(load_profiles(tmp_path)["claude"], folder, Mode.INTERACTIVE, own))
    line = json.loads(path.read_text())["statusLine"]
    assert line["padding"] == 2
    done = subprocess.run(["sh", "-c", line["command"]], input="{}", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{ }"
    (dropped,) = (folder / "inbox").glob("claude-*.json")
    assert dropped.read_text() == "{}"
