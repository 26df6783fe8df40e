"""What a host pushes of a log, and what an agent may put in its place."""

from __future__ import annotations

import base64
import os
import queue
import threading
from pathlib import Path
from typing import Any

from agentdeck.engine.host.acts import _more
from agentdeck.engine.host.tailing import Tails


def test_what_is_no_file_in_place_of_a_log_holds_nobody(tmp_path: Path) -> None:
    path, said = tmp_path / "bot.log", queue.Queue[dict[str, Any]]()
    os.mkfifo(path)
    assert _more(str(path), None)["data"] == ""
    tails, own = Tails(said.put), object()
    tails._newest["deck", "bot"] = own
    threading.Thread(target=tails._follow, args=(own, "deck", "bot", path, 0), daemon=True).start()
    (tmp_path / "new").write_text("a line\n")
    (tmp_path / "new").rename(path)
    assert base64.b64decode(said.get(timeout=20)["data"]) == b"a line\n"
    tails._newest.clear()
    path.write_text("a line more\n")
