"""Renew the cells of docs/failover-matrix.md of which `make test-failover` noted how they went, when last run.

python scripts/matrix.py build/agents/matrix.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/failover-matrix.md"
WAYS = ("same format", "another format")
HEAD = """# Real agents on failing providers

`make test-failover` runs each agent CLI behind the gateway with a tier of two providers, of which the first has one of
these faults for as long as it lives. The task is one shell command and an answer. A cell tells how many requests of the
task each of the two got. **Same**: both speak the CLI's own format. **Other**: the first speaks another one.

`✓` the task is done and the run says so. `–` it fails, and nobody else is asked. `✗` it fails.

"""
TAIL = """
Exceptions, each with its reason:

- `400`: the request itself is wrong, as its provider says, so any other would refuse it too; the CLI gets that answer.
- Broken streams (`… mid-stream`, `EOF behind …`): once content was passed on, nothing is taken from another provider.
  The answer ends so that the CLI asks again, which the next provider answers. A CLI that stops at that is told to go on
  at once, at most three times in a row.

What no test can reach: a fault of the CLI itself, and a tier whose providers are all down, which ends with exit code 75
and each one's fault in words.
"""


def mark(cell: dict[str, Any]) -> str:
    if cell["exit"] == 7 and cell["made"]:
        return f"✓ {cell['main']}+{cell['spare']}"
    return "–" if cell["fault"] == "400" and not cell["spare"] else f"✗ {cell['exit']}"


def kept() -> dict[tuple[str, str, str], str]:
    """The marks that the page has."""
    rows = [
        [each.strip() for each in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line[:1] == "|"
    ]
    clis = [each.removesuffix(" same") for each in rows[0][1::2]]
    columns = [(cli, way) for cli in clis for way in WAYS]
    return {(row[0], *where): said for row in rows[2:] for where, said in zip(columns, row[1:], strict=True)}


def main(path: str) -> None:
    cells = [json.loads(line) for line in Path(path).read_text().splitlines()]
    found = kept() | {(each["fault"], each["cli"], each["way"]): mark(each) for each in cells}
    clis = list(dict.fromkeys(cli for _, cli, _ in found))
    lines = ["| the first provider | " + " | ".join(f"{cli} same | other" for cli in clis) + " |"]
    lines.append("|---|" + "---|---|" * len(clis))
    for fault in sorted({fault for fault, _, _ in found}, key=order):
        row = [found.get((fault, cli, way), "") for cli in clis for way in WAYS]
        lines.append(f"| {fault} | " + " | ".join(row) + " |")
    PAGE.write_text(HEAD + "\n".join(lines) + "\n" + TAIL)


def order(fault: str) -> int:
    sys.path.insert(0, str(ROOT))
    from tests.support.faulty_api import FAULTS

    return FAULTS.index(fault)


if __name__ == "__main__":
    main(sys.argv[1])
