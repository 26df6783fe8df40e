"""Programs for tests, and a PATH on which some are missing, whatever this machine has."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def path_without(folder: Path, *missing: str) -> Path:
    """Make `folder`, with links to all programs of the system but the `missing` ones."""
    folder.mkdir(parents=True)
    for place in ("/usr/bin", "/bin", "/usr/local/bin"):
        for program in Path(place).glob("*"):
            link = folder / program.name
            if program.name not in missing and not os.path.lexists(link):
                link.symlink_to(program)
    return folder


def python_program(path: Path, text: str) -> Path:
    """A program at `path` that runs `text`; a first line can't name an interpreter whose path has a space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    script = path.with_name(f"{path.name}.text")
    script.write_text(text)
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(script)])} "$@"\n')
    path.chmod(0o755)
    return path
