"""Fixtures that tests in more than one folder use."""

from __future__ import annotations

import contextlib
import signal

from tests.support.databases import deck_id, open_
from tests.support.decks import bench
from tests.support.repos import isolated_git, repo
from tests.support.scripted import scripted
from tests.support.servers import postgres, redis_url, template

__all__ = ["bench", "deck_id", "isolated_git", "open_", "postgres", "redis_url", "repo", "scripted", "template"]

# Where these tests run in the background of a shell or under nohup, signals are ignored, and what they start would
# inherit that.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
