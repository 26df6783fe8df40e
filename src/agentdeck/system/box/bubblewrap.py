"""Whether this machine can make boxes."""

from __future__ import annotations

import shutil
import sys
from functools import cache

from agentdeck.core.box.box import Box, NetworkReach, empty, read
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.errors import MissingToolError, RefusedError
from agentdeck.system.machine.process import run

_SECONDS = 20.0


def require_box(*, alone: bool = False) -> str:
    """The path of bubblewrap. Raise where no box can be made, with what to do about it: a box is tried out; `alone`:
    one with a network of its own."""
    program = find_bubblewrap()
    _try(program, NetworkReach.NONE if alone else NetworkReach.OPEN)
    return program


def find_bubblewrap() -> str:
    """The path of bubblewrap, which may work or not; raise where there can be none."""
    if sys.platform != "linux":
        raise RefusedError("A box needs Linux.", hint="“agentdeck run --no-box …” starts the agent without one.")
    program = shutil.which("bwrap")
    if program is None:
        hint = "Install it: sudo apt install bubblewrap (or dnf, pacman, zypper install bubblewrap)."
        raise MissingToolError("A box needs bubblewrap, and there is no program “bwrap” in PATH.", hint=hint)
    return program


@cache  # what it raises is not kept
def _try(program: str, reach: NetworkReach) -> None:
    tried = run([*wrap(Box((read("/"), empty("/run")), reach), program), "true"], timeout=_SECONDS)
    if not tried:
        raise RefusedError("bubblewrap can't make a box here.", hint=_way_out(tried.complaint), detail=tried.complaint)


def _way_out(complaint: str) -> str:
    """What helps, by bubblewrap's words for how the kernel refused."""
    if "setting up uid map" in complaint or "RTM_NEWADDR" in complaint:
        return (
            "AppArmor forbids it: sudo cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
            "sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict (package apparmor-profiles)"
        )
    if "No permissions to create new namespace" in complaint or "Creating new namespace failed" in complaint:
        return (
            "User namespaces are off: sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
        )
    return "“agentdeck run --no-box …” starts the agent without one."
