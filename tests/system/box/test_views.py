from __future__ import annotations

from pathlib import Path

from agentdeck.system.box.views import toolchains


def test_a_program_of_a_virtual_environment_is_shown_with_its_python(tmp_path: Path) -> None:
    """As pipx and uv install one: a link in `~/.local/bin`, its folder, and a Python that lies elsewhere."""
    home, tool, python = tmp_path, tmp_path / ".local/share/uv/tools/aider", tmp_path / ".local/share/uv/python/3.12"
    for folder in (home / ".local/bin", tool / "bin", python / "bin"):
        folder.mkdir(parents=True)
    (tool / "bin" / "aider").touch()
    (tool / "pyvenv.cfg").write_text(f"home = {python}/bin\nversion = 3.12\n")
    (home / ".local/bin/aider").symlink_to(tool / "bin" / "aider")
    assert {tool, python} <= set(toolchains(home, f"{home}/.local/bin:/usr/bin"))
