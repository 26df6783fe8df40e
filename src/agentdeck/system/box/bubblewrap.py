"""Whether this machine can make boxes."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache

from agentdeck.core.box.box import Box, NetworkReach, empty, read
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.core.box.syscalls import filter_for
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import MissingToolError, RefusedError
from agentdeck.system.files.files import private_folder, state_home, write_atomic
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


@cache
def syscall_filter() -> str:
    """The file with the filter of what programs in boxes may ask of this kernel, which is made where it is missing.
    Raise where it is not known for this kind of machine."""
    machine = os.uname().machine
    content = filter_for(machine, root=os.geteuid() == 0)
    if content is None:
        raise RefusedError(
            f"A box can't be made on {machine}: the numbers of its system calls are not known here.",
            hint="“agentdeck run --no-box …” starts the agent without one.",
        )
    path = private_folder(state_home() / "boxes") / f"{sha256(content).hexdigest()[:16]}.bpf"
    if not path.exists():
        write_atomic(path, content.decode("utf-8", "surrogateescape"))
    return str(path)


@cache  # what it raises is not kept
def _try(program: str, reach: NetworkReach) -> None:
    tried = run([*wrap(Box((read("/"), empty("/run")), reach), program, syscall_filter()), "true"], timeout=_SECONDS)
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
