"""Run all benches, and write docs/figures.md.

    python bench/table.py [--quick] [NAME…]

With names only those are run, and their tables renewed: the others stay as they are, each with the day it was
measured, so that what was interrupted goes on with the rest. `--quick` is for every day: fewer agents and runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from common import ROWS

QUICK = {
    "verbs": ["3"],
    "landing": ["2", "few"],
    "removal": ["1000"],
    "hosts": ["2"],
    "radar": ["4", "300"],
    "ingest": ["2"],
    "gateway": ["10"],
    "dashboard": ["3", "3"],
    "box": ["5"],
    "peers": ["1"],
    "gatewaypeers": ["5"],
    "gatewayfaults": ["401", "HTML", "reset mid-stream"],
}
"""All benches, each with the arguments of a quick run."""
NOT_DAILY = {"hosts", "box", "peers", "gatewaypeers", "gatewayfaults"}
"""Quick runs have these by their name only."""
HERE = Path(__file__).parent
FIGURES = HERE.parent / "docs" / "figures.md"
HEAD = """# What it costs

Measured by `make bench`, which writes this file, table by table. Each figure of time is the median of several runs,
taken in turn with its yardstick in the same repository, so that what else the machine does falls on both. The ratio is
what can be compared between machines. What was done in each is said at the top of the file in `bench/`. A goal is one
for the ratio, the time or the share, whichever it is in; where none stands there, none was set.
"""
MEASURED = """
On {date} in {took:.0f} s with {cores} processors ({machine}), Python {python} and {git}; the load was {before:.1f}
before and {after:.1f} after.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(QUICK)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer agents and runs; writes nothing")
    args = parser.parse_args()
    if unknown := set(args.names) - set(QUICK):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    wanted = set(args.names) or set(QUICK) - (NOT_DAILY if args.quick else set())
    todo = [name for name in QUICK if name in wanted]
    took, failed = {}, []
    for name in todo:
        before, begun = os.getloadavg()[0], time.monotonic()
        rows, is_whole = rows_of(name, QUICK[name] if args.quick else [])
        took[name] = time.monotonic() - begun
        failed += [] if is_whole else [name]
        if not args.quick:  # after each, so that what was measured is kept whatever becomes of the others
            write(name, table(name, rows, is_whole) + measured(before, took[name]))
        if is_whole is None:
            print(f"interrupted; the rest: {' '.join(todo[todo.index(name) :])}")
            break
    print(*(f"{name} {seconds:.0f} s" for name, seconds in took.items()), sep=", ", end=": ")
    print(f"{sum(took.values()):.0f} s in all" + ("" if args.quick else f"; written to {FIGURES}"))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def rows_of(name: str, argv: list[str]) -> tuple[list[list[str]], bool | None]:
    """What a bench told, and whether it came to its end; None where it was interrupted."""
    is_whole: bool | None = None
    with tempfile.NamedTemporaryFile() as file:
        environment = os.environ | {ROWS: file.name}
        with suppress(KeyboardInterrupt):  # the bench gets it too, and clears up
            done = subprocess.run([sys.executable, HERE / f"{name}.py", *argv], check=False, env=environment)
            is_whole = not done.returncode
        return [json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines()], is_whole


def write(name: str, text: str) -> None:
    """Put a table in the place of the one before."""
    parts = re.split(r"^(?=## `bench/)", FIGURES.read_text("utf-8") if FIGURES.exists() else "", flags=re.MULTILINE)
    tables = {each.split("/")[1].split(".py")[0]: each.strip("\n") for each in parts[1:]} | {name: text.strip("\n")}
    FIGURES.write_text(
        "\n\n".join([HEAD.strip("\n"), *(tables[each] for each in QUICK if each in tables)]) + "\n", "utf-8"
    )


def measured(before: float, took: float) -> str:
    git = subprocess.check_output(["git", "--version"], text=True).strip()
    return MEASURED.format(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        took=took,
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        git=git,
        before=before,
        after=os.getloadavg()[0],
    )


def table(name: str, rows: list[list[str]], is_whole: bool | None) -> str:
    lines = ["what", "here", "yardstick", "there", "ratio", "goal"], ["---", "--:", "---", "--:", "--:", "--:"], *rows
    end = "" if is_whole else "\nIt failed before its end.\n"
    return f"## `bench/{name}.py`\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + end


if __name__ == "__main__":
    main()
