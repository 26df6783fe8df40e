"""The command line of bubblewrap, which makes a box of namespaces on Linux without being root."""

from __future__ import annotations

from agentdeck.core.box.box import Box, Mount, NetworkReach, View

_SIGNALS = "HUP,INT,QUIT,TERM"
"""What ends an agent in its own way. bubblewrap would die of them at once, and take the agent along."""
_START = f'trap \'\' {_SIGNALS.replace(",", " ")}; exec "$@" 9<"$0"'
"""Starts bubblewrap without those signals, and with the filter to read."""

_IN_MEMORY = 512 * 1024 * 1024
"""Bytes that an empty folder takes at most."""
INFO, BLOCK = "{info}", "{block}"
"""Words to be replaced by the descriptors that a joined box tells its process to, and waits for."""


def wrap(box: Box, program: str, syscalls: str) -> tuple[str, ...]:
    """The words to put before a command line so that it runs in `box`, in the folder where it is started. `syscalls` is
    the file with the filter of what it may ask of the kernel: without one nothing starts.

    It sees no process but its own, and all of them end with it. Its exit code is the command's; one that a signal ended
    has 128 and the signal's number.
    """
    own = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    kept = ("--die-with-parent", "--cap-drop", "ALL")
    net = () if box.reach is NetworkReach.OPEN else ("--unshare-net",)
    waits = ("--info-fd", INFO, "--block-fd", BLOCK) if box.reach is NetworkReach.JOINED else ()
    mounts = (word for mount in box.mounts for word in _words(mount))
    return (
        *("sh", "-c", _START, syscalls, program, "--seccomp", "9", *own, *net, *kept, *waits),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(_IN_MEMORY), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108 - its own
        *("--remount-ro", "/dev", *mounts, "--remount-ro", "/", "--"),
        *("env", f"--default-signal={_SIGNALS}"),
    )


def _words(mount: Mount) -> tuple[str, ...]:
    if mount.view is View.EMPTY:
        return "--size", str(_IN_MEMORY), "--tmpfs", mount.path
    if mount.view is View.LINK:
        return "--symlink", mount.source, mount.path
    option = "--bind" if mount.view is View.WRITE else "--ro-bind"
    return f"{option}-try" if mount.optional else option, mount.source or mount.path, mount.path
