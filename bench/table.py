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
    "radar": ["4", "300"],
    "ingest": ["2"],
    "gateway": ["10"],
    "dashboard": ["3"],
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
    tables = {name: rows_of(name, QUICK[name] if quick else []) for name in QUICK}
    told = f"{time.monotonic() - begun:.0f} s in all"
    if quick:
        print(told)
        return
    FIGURES.write_text(head(before) + "".join(table(name, rows) for name, rows in tables.items()), "utf-8")
    print(f"{told}; written to {FIGURES}")


def rows_of(name: str, argv: list[str]) -> list[list[str]]:
    with tempfile.NamedTemporaryFile() as file:
        environment = os.environ | {ROWS: file.name}
        subprocess.run([sys.executable, HERE / f"{name}.py", *argv], check=True, env=environment)
        return [json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines()]


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


def table(name: str, rows: list[list[str]]) -> str:
    lines = ["what", "here", "yardstick", "there", "ratio"], ["---", "--:", "---", "--:", "--:"], *rows
    return f"\n## `bench/{name}.py`\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
