"""The real CLIs, installed once for all test processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from tests.agents.setups import QUIET, codex_config
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi, fake_api

PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex"}
"""What `make test` runs."""
MORE = {
    "opencode": "opencode-ai",
    "qwen": "@qwen-code/qwen-code",
    "gemini": "@google/gemini-cli",
    "copilot": "@github/copilot",
}
"""What `make test-agents` runs as well; AGENTDECK_TEST_MORE_AGENTS is the folder to install them in."""


@pytest.fixture(scope="session")
def more_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of the CLIs in `MORE`; one that npm could not install is not in it."""
    if os.environ.get("AGENTDECK_TEST_MORE_AGENTS") is None:
        pytest.skip("only “make test-agents” runs these: they are 600 MB to download")
    prefix = Path(os.environ["AGENTDECK_TEST_MORE_AGENTS"])
    with FileLock(f"{prefix}.lock"):
        for name, package in MORE.items():
            if (prefix / "node_modules" / ".bin" / name).exists() or (prefix / f"{name}.failed").exists():
                continue
            if shutil.which("npm") is None:
                pytest.skip("npm is not installed")
            argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(prefix), package]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                (prefix / f"{name}.failed").write_text(done.stderr[-300:])
        _install_aider(prefix)
    return prefix / "node_modules" / ".bin"


def _install_aider(prefix: Path) -> None:
    own, link, failed = prefix / "aider", prefix / "node_modules/.bin/aider", prefix / "aider.failed"
    if link.exists() or failed.exists():
        return
    venv.create(own, with_pip=True)
    argv = [str(own / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", AIDER]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        failed.write_text(done.stderr[-300:])
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(own / "bin/aider")


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the CLIs' programs; installed once for all test processes."""
    shared = tmp_path_factory.getbasetemp().parent / "agent-clis"
    prefix = Path(os.environ.get("AGENTDECK_TEST_AGENTS") or shared)
    programs = prefix / "node_modules" / ".bin"
    with FileLock(f"{shared}.lock"):
        if not programs.exists():
            if shutil.which("npm") is None:
                pytest.skip("npm is not installed")
            argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(prefix), *PACKAGES.values()]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm could not install them: {done.stderr[-300:]}")
    return programs


EVERY = (*PACKAGES, *MORE, "aider")
"""All CLIs that are run as they are sold."""
AIDER = "aider-chat"
"""What pip installs for it."""


def programs_of(request: pytest.FixtureRequest, cli: str) -> Path:
    """The folder with the program of that CLI; skip where it could not be installed, or is only run on demand."""
    folder: Path = request.getfixturevalue("programs" if cli in PACKAGES else "more_programs")
    if not (folder / cli).exists():
        pytest.skip(f"{cli} could not be installed")
    return folder


@contextmanager
def provider(
    bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch, sandbox: str = 'sandbox_mode = "danger-full-access"'
) -> Iterator[FakeApi]:
    """A provider that the CLIs find by their own settings, in a throw-away home; `sandbox` is what Codex' say of it."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC", "CLAUDE", "OPENAI", "CODEX"))]:
        monkeypatch.delenv(name)
    with fake_api() as served:
        variables = {"ANTHROPIC_BASE_URL": served.url, "ANTHROPIC_AUTH_TOKEN": "dummy", "OPENAI_API_KEY": "dummy"}
        for name, value in {**QUIET, **variables, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
            monkeypatch.setenv(name, value)
        bench.write(".codex/config.toml", codex_config(served.url, sandbox), cwd=bench.home)
        yield served


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(bench, programs, monkeypatch) as served:
        yield served
