"""Send a notice: by Apprise to the addresses, and to the program of the user's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from urllib.parse import quote

from agentdeck.core.notices.notice import Notice

_TIMEOUT = 60


def send(notice: Notice, urls: Sequence[str], command: Sequence[str], buttons: str = "") -> list[str]:
    """Return what went wrong, a sentence each. `buttons` are those of ntfy."""
    wrong = _by_apprise(notice, urls, buttons) if urls else []
    if command:
        wrong += _by_command(notice, command)
    return wrong


def _by_apprise(notice: Notice, urls: Sequence[str], buttons: str) -> list[str]:
    if find_spec("apprise") is None:
        return ["Apprise is not installed: pip install 'agentdeck[notify]'"]
    from apprise import Apprise, NotifyFormat, NotifyType

    wrong = []
    kind = NotifyType.FAILURE if notice.kind in ("failed", "budget") else NotifyType.INFO
    for url in urls:
        target = Apprise()
        is_ntfy = buttons and url.startswith(("ntfy://", "ntfys://"))
        more = f"{'&' if '?' in url else '?'}actions={quote(buttons)}" if is_ntfy else ""
        if not target.add(f"{url}{more}"):
            wrong.append(f"{_shown(url)} is not an address that Apprise knows.")
        elif not target.notify(
            body=notice.body or notice.title, title=notice.title, notify_type=kind, body_format=NotifyFormat.TEXT
        ):
            wrong.append(f"{_shown(url)} did not take the notice.")
    return wrong


def _shown(url: str) -> str:
    """Without what may be a token."""
    return f"{url.partition('://')[0]}://…"


def _by_command(notice: Notice, command: Sequence[str]) -> list[str]:
    told = {"agent": notice.agent, "kind": notice.kind, "title": notice.title, "body": notice.body}
    try:
        done = subprocess.run(list(command), input=json.dumps(told).encode(), timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{command[0]} can't be run: {error}"]
    return [] if done.returncode == 0 else [f"{command[0]} exited with {done.returncode}."]
