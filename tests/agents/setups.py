"""How each CLI is led to a model on loopback, by its own settings in a throw-away home."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.decks import Bench
from tests.support.scripted_model import Block, Script, scripted_model

QUIET = {
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "IS_SANDBOX": "1",  # Claude Code wants to know that it may run as root
}
OWN = ("ANTHROPIC", "CLAUDE", "OPENAI", "CODEX", "OPENCODE", "QWEN", "GEMINI", "COPILOT", "AIDER")
"""The beginnings of variables that would lead a CLI to the account of whoever runs the tests."""


@dataclass(frozen=True)
class Setup:
    """Variables, and files below the home: text, or what is written as JSON."""

    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, object] = field(default_factory=dict)


def codex_config(url: str, more: str = "") -> str:
    return (
        f'model = "gpt-5-codex"\nmodel_provider = "x"\n{more}\n'
        f'[model_providers.x]\nname = "x"\nbase_url = "{url}/v1"\nwire_api = "responses"\n'
        'env_key = "OPENAI_API_KEY"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
    )


def setup_of(cli: str, url: str) -> Setup:
    chat = f"{url}/v1"
    return {
        "claude": lambda: Setup({"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": "dummy"}),
        "codex": lambda: Setup({"OPENAI_API_KEY": "dummy"}, {".codex/config.toml": codex_config(url)}),
        "opencode": lambda: Setup(
            # Else it begins with an installation of what its plugins need, which takes minutes on a busy machine.
            {
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                "OPENCODE_DISABLE_AUTOUPDATE": "1",
                "npm_config_registry": "http://127.0.0.1:9",
                "npm_config_fetch_retries": "0",
            },
            {
                ".config/opencode/opencode.json": {
                    "provider": {
                        "x": {
                            "npm": "@ai-sdk/openai-compatible",
                            "name": "x",
                            "options": {"baseURL": chat, "apiKey": "dummy"},
                            "models": {"m": {"name": "m"}},
                        }
                    },
                    "model": "x/m",
                    "small_model": "x/m",
                    "autoupdate": False,
                    "share": "disabled",
                }
            },
        ),
        "qwen": lambda: Setup(
            {"OPENAI_BASE_URL": chat, "OPENAI_API_KEY": "dummy", "OPENAI_MODEL": "m"},
            {
                ".qwen/settings.json": {
                    "usageStatisticsEnabled": False,
                    "disableAutoUpdate": True,
                    "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False},
                    "security": {"auth": {"selectedType": "openai"}},
                }
            },
        ),
        "gemini": lambda: Setup(
            {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "dummy", "GEMINI_MODEL": "gemini-2.5-pro"},
            {
                ".gemini/settings.json": {
                    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
                    "privacy": {"usageStatisticsEnabled": False},
                    "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
                }
            },
        ),
        "copilot": lambda: Setup(
            {
                "COPILOT_PROVIDER_BASE_URL": chat,
                "COPILOT_PROVIDER_API_KEY": "dummy",
                "COPILOT_MODEL": "m",
                "COPILOT_OFFLINE": "true",
            }
        ),
        "aider": lambda: Setup(
            {
                "OPENAI_API_BASE": chat,
                "OPENAI_API_KEY": "dummy",
                "AIDER_MODEL": "openai/m",
                "AIDER_ANALYTICS_DISABLE": "true",
                "AIDER_SHOW_MODEL_WARNINGS": "false",
                "AIDER_CHECK_UPDATE": "false",
                "AIDER_SHOW_RELEASE_NOTES": "false",
            }
        ),
    }[cli]()


def no_updates(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the CLIs from updating themselves for the whole machine, and from asking whether a folder is trusted."""
    for cli in ("qwen", "gemini", "opencode"):
        setup = setup_of(cli, "")
        for path in (".qwen/settings.json", ".gemini/settings.json"):
            if path in setup.files:
                bench.write(path, json.dumps(setup.files[path]), cwd=bench.home)
        for name in (each for each in setup.env if each.startswith("OPENCODE_DISABLE")):
            monkeypatch.setenv(name, setup.env[name])
    monkeypatch.setenv("GEMINI_CLI_TRUST_WORKSPACE", "true")
    for name in ("GEMINI_CLI_NO_RELAUNCH", "QWEN_CODE_NO_RELAUNCH"):  # else they start twice, each time for seconds
        monkeypatch.setenv(name, "true")


def set_up(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch, setup: Setup) -> None:
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    for name, value in {**QUIET, **setup.env, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    for path, content in setup.files.items():
        bench.write(path, content if isinstance(content, str) else json.dumps(content), cwd=bench.home)


@contextmanager
def modelled(
    bench: Bench, cli: str, programs: Path, monkeypatch: pytest.MonkeyPatch, *answers: list[Block]
) -> Iterator[Script]:
    """A model that gives these answers, to which the CLI is led."""
    with scripted_model(*answers) as (api, script):
        set_up(bench, programs, monkeypatch, setup_of(cli, api.url))
        script.is_plain = cli == "aider"
        yield script
