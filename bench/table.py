"""Run all benches, and write docs/figures.md.

    python bench/table.py [--quick]

`--quick` is for a look at whether they run: fewer agents and runs, and nothing is written.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROWS

QUICK = {
    "verbs": ["3"],
    "landing": ["1"],
    "removal": ["1000"],
    "hosts": ["2"],
    "radar": ["4", "300"],
    "ingest": ["2"],
    "gateway": ["10"],
    "dashboard": ["3", "3"],
    "box": ["5"],
    "peers": ["1"],
    "gatewaypeers": ["5"],
}
"""All benches, each with the arguments of a quick run."""
HERE = Path(__file__).parent
FIGURES = HERE.parent / "docs" / "figures.md"
HEAD = """# What it costs

Measured by `make bench`, which writes this file, on {date} with {cores} processors ({machine}), Python {python} and
{git}; the load was {before:.1f} before and {after:.1f} after. Each figure of time is the median of several runs, taken
in turn with its yardstick in the same repository, so that what else the machine does falls on both. The ratio is what
can be compared between machines. What was done in each is said at the top of the file in `bench/`.
"""


def main() -> None:
    quick = sys.argv[1:] == ["--quick"]
    before, begun = os.getloadavg()[0], time.monotonic()
    text, failed = "", []
    for name, argv in QUICK.items():
        rows, is_whole = rows_of(name, argv if quick else [])
        failed += [] if is_whole else [name]
        text += table(name, rows, is_whole)
        if not quick:  # after each, so that one that fails costs no other's figures
            FIGURES.write_text(head(before) + text, "utf-8")
    print(f"{time.monotonic() - begun:.0f} s in all" + ("" if quick else f"; written to {FIGURES}"))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def rows_of(name: str, argv: list[str]) -> tuple[list[list[str]], bool]:
    """What a bench told, and whether it came to its end."""
    with tempfile.NamedTemporaryFile() as file:
        environment = os.environ | {ROWS: file.name}
        done = subprocess.run([sys.executable, HERE / f"{name}.py", *argv], check=False, env=environment)
        return [json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines()], not done.returncode


def head(before: float) -> str:
    git = subprocess.check_output(["git", "--version"], text=True).strip()
    return HEAD.format(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        git=git,
        before=before,
        after=os.getloadavg()[0],
    )


def table(name: str, rows: list[list[str]], is_whole: bool) -> str:
    lines = ["what", "here", "yardstick", "there", "ratio"], ["---", "--:", "---", "--:", "--:"], *rows
    end = "" if is_whole else "\nIt failed before its end.\n"
    return f"\n## `bench/{name}.py`\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + end


if __name__ == "__main__":
    main()
