"""The file of benchmark results: one JSON object a line."""

from __future__ import annotations

from pathlib import Path

from agentdeck.core.trials.results import BenchResult
from agentdeck.errors import ConfigError, FileError
from agentdeck.system.files.files import append_line, from_json


def read_results(path: Path) -> list[BenchResult]:
    """Every result in the file, oldest first; none without it. A last line that was cut short is left out."""
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise FileError(f"{path} can't be read.", detail=str(error)) from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(BenchResult.from_json(from_json(line)))
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise ConfigError(f"{path}:{number} is not a result of a benchmark.", detail=str(error)) from error
    return found


def append_result(path: Path, result: BenchResult) -> None:
    """Write it down; a last line that was cut short is ended first."""
    kept = path.read_bytes() if path.exists() else b""
    if kept and not kept.endswith(b"\n"):
        path.write_bytes(kept[: kept.rfind(b"\n") + 1])
    append_line(path, result.to_line())
