"""Install this agentdeck on a host that has none: a wheel of it goes over the connection, and its dependencies come
from the package index that the host uses.

It gets an environment of its own in the user's data folder there. Neither root nor a change of anything that is there
already is needed, and a version in use stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import agentdeck
from agentdeck.core.text.ansi import strip
from agentdeck.core.text.text import cut, listed, plain
from agentdeck.errors import DeckError, RefusedError, UnreachableError
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.machine.process import Result, run

_LOOK, _INSTALL = 30.0, 900.0
"""Seconds."""
_MARK = "agentdeck-install:"
_TOOLS = f"""
for name in git tmux uv; do command -v $name > /dev/null 2>&1 && echo "{_MARK}$name"; done
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || continue
    echo "{_MARK}python=$(command -v "$name")"
    break
done
echo "{_MARK}end"
"""
_SCRIPT = f"""
set -e
folder="${{XDG_DATA_HOME:-$HOME/.local/share}}/agentdeck/$1"
program="$folder/venv/bin/agentdeck"
mkdir -p "$folder"
cat > "$folder/$2"
if ! "$program" --version > /dev/null 2>&1; then
    if [ -n "$3" ]; then
        "$3" -m venv --clear "$folder/venv"
        "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$folder/$2"
    else
        uv venv --quiet --clear --python '>=3.11' "$folder/venv"
        uv pip install --quiet --python "$folder/venv/bin/python" "$folder/$2"
    fi
fi
"$program" --version > /dev/null
echo "{_MARK}$program"
"""


def install(spec: HostSpec) -> str:
    """Install this version on the host; return the path of its program there.

    Raise UnreachableError where the host does not answer, and RefusedError, with nothing changed there, where it lacks
    what agents or an installation need.
    """
    tools = _told(spec, run(spec.reach.argv(["sh", "-c", _TOOLS]), timeout=_LOOK))
    python = next((each.partition("=")[2] for each in tools if each.startswith("python=")), "")
    missing = [name for name in ("git", "tmux") if name not in tools]
    if "uv" not in tools and not python:
        missing.append("Python 3.11 or later that can make environments (Debian: python3-venv), or uv")
    check_tools(spec.name, missing)
    data = wheel()
    name = f"agentdeck-{agentdeck.__version__}-py3-none-any.whl"
    folder = f"{agentdeck.__version__}-{hashlib.sha256(data).hexdigest()[:8]}"
    words = ["sh", "-c", _SCRIPT, "sh", folder, name, "" if "uv" in tools else python]
    return _told(spec, run(spec.reach.argv(words), stdin=data, timeout=_INSTALL))[-1]


def check_tools(host: str, missing: list[str]) -> None:
    """Raise RefusedError where the host lacks programs."""
    if missing:
        raise RefusedError(
            f"{host} has no {listed(missing)}, which agents there need.", hint="Install what is missing there first."
        )


def _told(spec: HostSpec, done: Result) -> list[str]:
    """What the script said, whatever a login printed around it."""
    found = [line.removeprefix(_MARK) for line in done.text.splitlines() if line.startswith(_MARK)]
    if done and found:
        return [plain(each) for each in found]
    complaint = strip(done.complaint).strip()
    if done.code == 255:  # ssh's own
        last = complaint.splitlines()[-1] if complaint else "ssh failed"
        raise UnreachableError(f"{spec.name} can't be reached: {cut(plain(last), 300).rstrip('.')}.")
    raise DeckError(f"AgentDeck can't be installed on {spec.name}.", detail=complaint[-4000:])


def wheel() -> bytes:
    """This very program as a wheel, as it is installed here."""
    files = dict(_files())
    info = f"agentdeck-{agentdeck.__version__}.dist-info"
    told = distribution("agentdeck")
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (told.read_text(name) or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: agentdeck\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # without a time: the same each time
    return out.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    top = Path(agentdeck.__file__).parent
    for path in sorted(top.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"agentdeck/{path.relative_to(top).as_posix()}", path.read_bytes()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
