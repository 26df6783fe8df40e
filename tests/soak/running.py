"""The command line of random kills."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.soak.acts import Violation


def main(module: str, kills: Callable[..., Counter[str]], *flags: str) -> int:
    """Call `kills` with the seed, the most kills, the most seconds, who is told, and each of `flags` as a keyword."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=120)
    for flag in flags:
        parser.add_argument(f"--{flag}", action="store_true")
    args = parser.parse_args()
    _tell(f"seed {args.seed}")
    more = {flag: getattr(args, flag) for flag in flags}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # what was started is ended all the same
    try:
        done = kills(args.seed, args.kills, 60 * args.minutes, _tell, **more)
    except Violation as error:
        _tell(f"violation: {error}")
        return 1
    _tell("\n".join(f"{count:5} {what}" for what, count in sorted(done.items())))
    return 0


def kept(folder: Path) -> str:
    """Copy what a violation left; return where to."""
    copy = tempfile.mkdtemp(prefix="kills-", dir=folder.parent)
    shutil.copytree(
        folder,
        copy,
        symlinks=True,
        dirs_exist_ok=True,
        ignore_dangling_symlinks=True,
        ignore=lambda at, names: [name for name in names if not (Path(at, name).is_file() or Path(at, name).is_dir())],
    )
    return copy


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
