from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agentdeck.system.config.clifiles import allows_edits, codex_writable_roots, has_login, trusts
from agentdeck.system.config.profiles import load_profiles


def logged_in(cli: str, variables: dict[str, str]) -> bool:
    profile = load_profiles()[cli]
    return has_login(profile.files, profile.login.variables, profile.login.paths, variables)


@pytest.mark.skipif(sys.platform == "darwin", reason="a login may be in the keychain")
@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_a_login_is_a_variable_or_a_file(cli: str, tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path)}
    assert not logged_in(cli, variables)
    key = {"claude": "ANTHROPIC_API_KEY", "codex": "OPENAI_API_KEY"}[cli]
    assert not logged_in(cli, {**variables, key: ""})
    assert logged_in(cli, {**variables, key: "x"})
    place = tmp_path / {"claude": ".claude/.credentials.json", "codex": ".codex/auth.json"}[cli]
    place.parent.mkdir(exist_ok=True)
    place.write_text("{}")
    assert logged_in(cli, variables)
    folder = {"claude": "CLAUDE_CONFIG_DIR", "codex": "CODEX_HOME"}[cli]
    assert logged_in(cli, {"HOME": "/nowhere", folder: str(place.parent)})


@pytest.mark.skipif(sys.platform == "darwin", reason="a login may be in the keychain")
def test_a_provider_or_a_helper_of_the_person_s_own_is_a_login(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".codex/config.toml").write_text('model_provider = "mine"\n')
    (tmp_path / ".claude/settings.json").write_text(json.dumps({"apiKeyHelper": "pass key"}))
    assert logged_in("codex", {"HOME": str(tmp_path)})
    assert logged_in("claude", {"HOME": str(tmp_path)})


@pytest.mark.parametrize("broken", ["", "[", '{"permissions": 3}', "[1]", "\x00"])
def test_files_that_can_t_be_read_say_nothing(tmp_path: Path, broken: str) -> None:
    for name in (".codex/config.toml", ".claude/settings.json", ".claude.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(broken)
    variables = {"HOME": str(tmp_path)}
    assert codex_writable_roots(variables) == ()
    assert not allows_edits("claude", variables, tmp_path)
    assert not allows_edits("codex", variables, tmp_path)


def test_what_the_person_has_allowed_is_read(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path)}
    for text, allowed in (
        ('{"permissions": {"defaultMode": "acceptEdits"}}', True),
        ('{"permissions": {"allow": ["Edit(src/**)"]}}', True),
        ('{"permissions": {"allow": ["Bash(ls)"]}}', False),
    ):
        (tmp_path / ".claude").mkdir(exist_ok=True)
        (tmp_path / ".claude/settings.json").write_text(text)
        assert allows_edits("claude", variables, tmp_path / "repo") is allowed
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text(
        'sandbox_mode = "workspace-write"\n[sandbox_workspace_write]\nwritable_roots = ["/a", "/b"]\n'
    )
    assert allows_edits("codex", variables, tmp_path)
    assert codex_writable_roots(variables) == ("/a", "/b")


def test_gemini_trusts_what_its_file_of_trusted_folders_says(tmp_path: Path) -> None:
    repo, variables = tmp_path / "work" / "repo", {"HOME": str(tmp_path)}
    for told, trusted in (
        ({str(repo): "TRUST_FOLDER"}, True),
        ({str(repo.parent): "TRUST_FOLDER"}, True),
        ({str(repo): "TRUST_PARENT"}, True),
        ({str(repo.parent): "TRUST_FOLDER", str(repo): "DO_NOT_TRUST"}, False),
        ({str(repo / "sub"): "TRUST_FOLDER"}, False),
        ({f"{repo}-two": "TRUST_FOLDER"}, False),
        ({}, False),
    ):
        (tmp_path / ".gemini").mkdir(exist_ok=True)
        (tmp_path / ".gemini/trustedFolders.json").write_text(json.dumps(told))
        assert trusts("gemini", variables, repo) is trusted, told
    assert not trusts("claude", variables, repo)
