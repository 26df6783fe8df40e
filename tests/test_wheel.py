"""A built wheel, in an empty virtual environment, is the whole program."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]


def run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_wheel_in_an_empty_environment_works(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=TREE).split("\0")[:-1]
    for name in names:
        if (TREE / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, source / name)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")

    home = tmp_path / "an empty environment"
    venv.create(home, with_pip=True)
    run(home / "bin" / "python", "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    program = home / "bin" / "agentdeck"
    assert run(program, "version", cwd=tmp_path).strip()
    assert "demo" in run(program, "doctor", cwd=tmp_path)
    package = Path(
        run(home / "bin" / "python", "-I", "-c", "import agentdeck; print(agentdeck.__file__)", cwd=tmp_path)
    )
    for shipped in (
        "py.typed",
        "profiles/claude.toml",
        "profiles/ask.sh",
        "profiles/report.sh",
        "system/terminal/tmux.conf",
        "styles/dashboard.tcss",
    ):
        assert (package.parent / shipped).exists(), shipped

    repository = tmp_path / "repository"
    run("git", "init", "-q", repository, cwd=tmp_path)
    assert '"agents": []' in run(program, "ls", "--json", cwd=repository)
