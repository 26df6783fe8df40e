"""Fixtures that tests in more than one folder use."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import settings

from agentdeck.system.git.repository import ASTRAY
from tests.support.databases import deck_id, open_
from tests.support.decks import bench
from tests.support.hosts import fleet
from tests.support.repos import isolated_git, repo
from tests.support.scripted import scripted
from tests.support.servers import postgres, redis_url, template
from tests.support.share import EVERY, examples

__all__ = [
    "bench",
    "deck_id",
    "fleet",
    "isolated_git",
    "open_",
    "postgres",
    "redis_url",
    "repo",
    "scripted",
    "template",
]

# How long an example takes says nothing of it where several tests run at once on few cores.
settings.register_profile("agentdeck", deadline=None, max_examples=examples(40))
settings.load_profile("agentdeck")

# `git bisect run` and hooks set these; a test's git would work on the repository of whoever runs the tests.
for _name in ASTRAY:
    os.environ.pop(_name, None)

# What is kept for this user's next call is kept for these tests alone.
_STATE = tempfile.mkdtemp(prefix="agentdeck-tests-state-")
os.environ["XDG_STATE_HOME"] = _STATE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items if EVERY else ():  # a hundred steps in place of five take their time
        limit = item.get_closest_marker("timeout")
        seconds = float(limit.args[0] if limit else config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds * 30), append=False)


def pytest_unconfigure() -> None:
    shutil.rmtree(_STATE, ignore_errors=True)


# Where these tests run in the background of a shell or under nohup, signals are ignored, and what they start would
# inherit that.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
