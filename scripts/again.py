"""What failed in the run before gets a second chance, alone: at most five tests, and their names are printed.

    python -m pytest -n 4 || python scripts/again.py

Four tests at once on few cores starve real terminals and servers at times. More failures than that have another cause.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 5
CACHE = Path(".pytest_cache/v/cache/lastfailed")


def main() -> int:
    try:
        failed = list(json.loads(CACHE.read_text()))
    except (OSError, ValueError):
        failed = []
    if not 0 < len(failed) <= MOST:
        print(f"{len(failed)} tests failed; none gets a second chance.")
        return 1
    print("These failed and run once more, alone:", *failed, sep="\n  ", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *failed], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
