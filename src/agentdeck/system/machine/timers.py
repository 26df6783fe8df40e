"""The one timer of the user that calls `agentdeck schedule tick` each minute: systemd's, else cron's; launchd's on
macOS."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from agentdeck.errors import MissingToolError, RefusedError
from agentdeck.system.files.files import write_atomic

MARK = "# agentdeck schedules"
UNIT, LABEL = "agentdeck-schedule", "agentdeck.schedule"
_PASSED = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "AGENTDECK_TMUX_SOCKET", "TMUX_TMPDIR", "LANG")


def command() -> list[str]:
    """What the timer runs, with the search path of now: timers have a poor one."""
    passed = [f"{name}={os.environ[name]}" for name in _PASSED if os.environ.get(name)]
    path = f"PATH={os.environ.get('PATH', os.defpath)}"
    return ["/usr/bin/env", path, *passed, sys.executable, "-I", "-m", "agentdeck", "schedule", "tick"]


def kind() -> str:
    """`launchd`, `systemd` or `cron`. Raise MissingToolError where there is none of them."""
    if sys.platform == "darwin":
        return "launchd"
    if shutil.which("systemctl") and _calls("systemctl", "--user", "show-environment"):
        return "systemd"
    if shutil.which("crontab"):
        return "cron"
    raise MissingToolError(
        "There is neither a systemd of the user nor cron on this machine.",
        hint="Install cron, or call “agentdeck schedule tick” each minute by other means.",
    )


def install() -> str:
    """Set the timer up, or anew; return how, in a phrase."""
    found = kind()
    {"systemd": _install_systemd, "cron": _install_cron, "launchd": _install_launchd}[found]()
    return {"systemd": f"the systemd timer {UNIT}", "cron": "a line of your crontab", "launchd": f"launchd's {LABEL}"}[
        found
    ]


def remove() -> None:
    """Take away whatever `install` made."""
    if shutil.which("crontab") and MARK in _crontab():
        _put_crontab(_without_ours(_crontab()))
    for path in _units():
        if path.exists():
            _calls("systemctl", "--user", "disable", "--now", f"{UNIT}.timer")
            path.unlink(missing_ok=True)
    if _plist().exists():
        _calls("launchctl", "bootout", f"gui/{os.getuid()}/{LABEL}")
        _plist().unlink(missing_ok=True)


def is_installed() -> bool:
    return _units()[1].exists() or _plist().exists() or bool(shutil.which("crontab") and MARK in _crontab())


def _units() -> tuple[Path, Path]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    return home / f"{UNIT}.service", home / f"{UNIT}.timer"


def _plist() -> Path:
    return Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def units() -> tuple[str, str]:
    """The service and the timer, as systemd reads them."""
    words = " ".join(_quoted(word) for word in command())
    # What a tick starts goes on when the tick is over.
    head = "[Unit]\nDescription=AgentDeck schedules"
    service = f"{head}\n\n[Service]\nType=oneshot\nKillMode=process\nExecStart={words}\n"
    timer = (
        f"{head}, each minute\n\n[Timer]\nOnCalendar=*-*-* *:*:00\nAccuracySec=5s\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return service, timer


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _install_systemd() -> None:
    for path, text in zip(_units(), units(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text, 0o644)
    if not (
        _calls("systemctl", "--user", "daemon-reload")
        and _calls("systemctl", "--user", "enable", "--now", f"{UNIT}.timer")
    ):
        raise RefusedError("systemd does not start the timer.", hint=f"systemctl --user status {UNIT}.timer")


def cron_line() -> str:
    return f"* * * * * {shlex.join(command())} >/dev/null 2>&1 {MARK}".replace("%", r"\%")


def _install_cron() -> None:
    _put_crontab(f"{_without_ours(_crontab())}{cron_line()}\n")


def _crontab() -> str:
    done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, errors="surrogateescape", check=False)
    return done.stdout if done.returncode == 0 else ""


def _without_ours(text: str) -> str:
    kept = [line for line in text.splitlines() if not line.endswith(MARK)]
    return "".join(f"{line}\n" for line in kept)


def _put_crontab(text: str) -> None:
    done = subprocess.run(
        ["crontab", "-"], input=text, capture_output=True, text=True, errors="surrogateescape", check=False
    )
    if done.returncode != 0:
        raise RefusedError("Your crontab can't be changed.", detail=done.stderr, hint="crontab -e")


def plist() -> bytes:
    """As launchd reads it."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": command(),
            "StartInterval": 60,
            "RunAtLoad": True,
            "AbandonProcessGroup": True,
        }
    )


def _install_launchd() -> None:
    path = _plist()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plist())
    _calls("launchctl", "bootout", f"gui/{os.getuid()}/{LABEL}")
    if not _calls("launchctl", "bootstrap", f"gui/{os.getuid()}", str(path)):
        raise RefusedError("launchd does not start the timer.", hint=f"launchctl print gui/$(id -u)/{LABEL}")


def _calls(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
