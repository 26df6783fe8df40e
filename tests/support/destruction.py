"""A program that does random damage to the git folders it can reach: `destruction.py SEED ACTS`, run in a worktree."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def places(common: Path, git_dir: Path) -> list[Path]:
    found = [Path(".git"), common, git_dir]
    for top in (common, git_dir):
        for folder, folders, files in os.walk(top):
            found += [Path(folder, name) for name in (*folders, *files)]
    return found


def put(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)  # a FIFO would wait for a reader
    os.write(descriptor, data)
    os.close(descriptor)


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_link(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


def acts(chance: random.Random) -> list[Callable[[Path], object]]:
    text = bytes(chance.randrange(256) for _ in range(chance.randrange(60)))
    return [
        lambda path: path.unlink(),
        lambda path: path.rmdir(),
        lambda path: put(path, text),
        lambda path: put(path, b"ref: refs/heads/main\n"),
        lambda path: put(path, b"0" * 40 + b"\n"),
        lambda path: path.rename(path.with_name(f"{path.name}.away")),
        lambda path: path.chmod(chance.choice((0o000, 0o444, 0o777))),
        as_fifo,
        lambda path: as_link(path, chance.choice(("/etc/passwd", "/", "..", "nowhere"))),
        lambda path: os.truncate(path, chance.randrange(100)),
        lambda path: (path / f"new-{chance.randrange(1000)}").write_bytes(text),
        lambda path: (path / f"{chance.randrange(256):02x}").mkdir(),
    ]


def main(seed: int, count: int) -> None:
    chance = random.Random(seed)
    told = subprocess.run(
        ["git", "rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir"],
        capture_output=True,
        text=True,
        check=True,
    )
    common, git_dir = map(Path, told.stdout.splitlines())
    done = 0
    for number in range(count):
        if number % 50 == 0:
            known = places(common, git_dir)
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", str(number)], check=False, timeout=3)
        with suppress(OSError):
            chance.choice(acts(chance))(chance.choice(known))
            done += 1
    sys.stdout.write(f"did {done} of {count}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
