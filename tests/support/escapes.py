"""Tried by a program in a box: what would reach other processes, other users' rights, or the machine itself.

Standard library only. Each way out prints “got out: …” where it works.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.attacks import abstract, tried

_PTRACE_ATTACH, _MS_REMOUNT, _MS_BIND = 16, 32, 4096
_CLONE_NEWNS, _CLONE_NEWCGROUP, _CLONE_NEWUSER = 0x20000, 0x2000000, 0x10000000
_ADD_KEY, _KEYCTL = (248, 250) if platform.machine() == "x86_64" else (217, 219)
_READ_KEY, _IO_URING_SETUP = 11, 425
_libc = ctypes.CDLL(None, use_errno=True)


def ran(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False, timeout=10).returncode == 0


def key_of_the_session() -> bool:
    """A key of the person's session, or of its user, such as one of Kerberos."""
    for line in Path("/proc/keys").read_text().splitlines():
        number = ctypes.c_int32(int(line.split()[0], 16)).value
        told = ctypes.create_string_buffer(100)
        if line.split()[7:8] == ["user"] and int(_libc.syscall(_KEYCTL, _READ_KEY, number, told, 100)) > 0:
            return True
    return int(_libc.syscall(_ADD_KEY, b"user", b"left for others", b"x", 1, -3)) > 0


def vsock() -> bool:
    """A way to the machine that this one runs on: it has no network namespaces."""
    with socket.socket(socket.AF_VSOCK) as found:
        return found.fileno() > 0


def mounted_in_own_namespace(kind: bytes) -> bool:
    """As the first user of a namespace of its own: whether files of control groups can be written there."""
    pid = os.fork()
    if pid == 0:
        done = _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWCGROUP) == 0
        place = tempfile.mkdtemp()
        done = done and _libc.mount(b"x", place.encode(), kind, 0, None if kind == b"cgroup2" else b"memory") == 0
        os._exit(0 if done and os.access(f"{place}/cgroup.procs", os.W_OK) else 1)
    return os.waitpid(pid, 0)[1] == 0


def other_environments(word: str) -> bool:
    """A token of another agent's in the environment or the command line of a process that can be seen."""
    wanted = word.encode()
    for entry in Path("/proc").iterdir():
        for name in ("environ", "cmdline"):
            path = entry / name
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if wanted in path.read_bytes():
                        return True
                except OSError:
                    continue
    return False


def signalled(pid: int) -> bool:
    os.kill(pid, signal.SIGKILL)
    return True


def traced(pid: int) -> bool:
    return bool(_libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) == 0)


def mounted() -> bool:
    return bool(_libc.mount(b"none", b"/usr", b"tmpfs", 0, None) == 0)


def remounted(path: str) -> bool:
    return bool(_libc.mount(None, path.encode(), None, _MS_REMOUNT | _MS_BIND, None) == 0)


def clock() -> bool:
    before = time.time()
    try:
        time.clock_settime(time.CLOCK_REALTIME, before + 86400)
    except OSError:
        return False
    return abs(time.time() - before) > 3600


def rooted() -> bool:
    """Whether a program that is root's to everybody gives rights here, or an own one can be made."""
    os.setuid(0)
    return Path("/etc/agentdeck-test").write_text("x") > 0


def set_uid_bit() -> bool:
    """A file that is root's to run, made in the worktree: does it give rights?"""
    path = Path("own-program")
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o4755)
    told = Path("/proc/self/status").read_text()
    return "NoNewPrivs:\t1" not in told


def through_link(target: str, name: str = "") -> bool:
    """A link in the worktree that leads out of the box, to a file or to the folder of the file `name`."""
    link = Path(f"link-to-{name}")
    link.symlink_to(target)
    return bool((link / name).read_text())


def through_proc_root(target: str) -> bool:
    return any(Path(f"/proc/{pid}/root{target}").exists() for pid in ("1", "self"))


def through_descriptor(target: str) -> bool:
    """A descriptor that was left open and leads out."""
    for entry in Path("/proc/1/fd").iterdir():
        try:
            found = str(entry.readlink())
        except OSError:
            continue
        if found.startswith("/") and Path(found).is_dir() and (entry / "..").resolve() != Path("/"):
            return (Path(found) / target.lstrip("/")).exists()
    return False


def socketed(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as found:
        found.settimeout(1)
        found.connect(path)
        return True


def bombed() -> bool:
    """Whether more processes can be started than the limit allows."""
    children = []
    try:
        for _ in range(300):
            pid = os.fork()
            if pid == 0:
                time.sleep(20)
                os._exit(0)
            children.append(pid)
    except OSError:
        return False
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return len(children) >= 300


def filled(path: str) -> bool:
    """Whether a folder outside of its own can be filled."""
    with (Path(path) / "filler").open("wb") as file:
        file.write(bytes(1024))
    return Path(path, "filler").exists()


def escapes(outside: int, secret: str, tmux: str, word: str) -> dict[str, Callable[[], bool]]:
    """`outside` is a process of the machine, `secret` a file, `tmux` a socket, `word` a token of another agent."""
    folder = str(Path(secret).parent)
    return {
        "keys of the session": key_of_the_session,
        "the machine below by vsock": vsock,
        "io_uring": lambda: _libc.syscall(_IO_URING_SETUP, 4, ctypes.create_string_buffer(200)) > 0,
        "control groups": lambda: mounted_in_own_namespace(b"cgroup2"),
        "control groups of the old kind": lambda: mounted_in_own_namespace(b"cgroup"),
        "an abstract socket": lambda: abstract(word),
        "devices to fill": lambda: filled("/dev"),
        "another agent's token in /proc": lambda: other_environments(word),
        "a signal to a process outside": lambda: signalled(outside),
        "a signal to everything": lambda: ran("sh", "-c", f"kill -0 {outside}"),
        "ptrace of a process outside": lambda: traced(outside),
        "its memory": lambda: bool(Path(f"/proc/{outside}/mem").read_bytes()),
        "a mount": mounted,
        "a mount made writable": lambda: remounted("/usr"),
        "umount": lambda: _libc.umount2(b"/usr", 2) == 0,
        "pivot_root": lambda: ran("pivot_root", ".", "."),
        "chroot": lambda: ran("chroot", "/", "true"),
        "mknod": lambda: ran("mknod", "disk", "b", "8", "0"),
        "the machine's disk": lambda: bool(next(Path("/dev").glob("[sv]d[a-z]"), None)),
        "kernel memory": lambda: bool(Path("/dev/mem").read_bytes()),
        "a kernel setting": lambda: bool(Path("/proc/sys/kernel/hostname").write_text("evil")),
        "sysrq": lambda: bool(Path("/proc/sysrq-trigger").write_text("h")),
        "a module": lambda: ran("modprobe", "dummy"),
        "the clock": clock,
        "root by setuid": rooted,
        "a set-uid program": set_uid_bit,
        "sudo": lambda: ran("sudo", "-n", "true") and rooted(),
        "a link to a file outside": lambda: through_link(secret),
        "a link to a folder outside": lambda: through_link(folder, Path(secret).name),
        "the root of another process": lambda: through_proc_root(secret),
        "a descriptor that was left open": lambda: through_descriptor(secret),
        "tmux": lambda: socketed(tmux),
        "the docker socket": lambda: socketed("/var/run/docker.sock"),
        "the system bus": lambda: socketed("/run/dbus/system_bus_socket"),
        "the programs of the machine to fill": lambda: filled("/usr"),
        "the root of the box to fill": lambda: filled("/"),
        "a password file": lambda: bool(Path("/etc/shadow").read_text().strip()),
        "core dumps by the kernel": lambda: bool(Path("/proc/sys/kernel/core_pattern").write_text("|/bin/true")),
        "to outlive others when memory ends": lambda: Path("/proc/self/oom_score_adj").write_text("-1") > 0,
        "cgroups": lambda: filled("/sys/fs/cgroup"),
    }


if __name__ == "__main__":
    if sys.argv[1] == "bomb":
        tried({"a fork bomb": bombed})
    else:
        outside, *words = Path(sys.argv[1]).read_text().splitlines()
        tried(escapes(int(outside), *words))
