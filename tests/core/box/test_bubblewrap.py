"""The command line of a box, as a pure function."""

from __future__ import annotations

from agentdeck.core.box.box import Box, Mount, View, empty, is_as_narrow, read, write
from agentdeck.core.box.bubblewrap import wrap


def test_mounts_come_in_order_and_the_command_last() -> None:
    box = Box(
        (read("/usr"), empty("/tmp"), write("/tmp/w"), read("/a", "/b", optional=True), Mount(View.LINK, "/l", "t"))
    )
    words = wrap(box, "/opt/bwrap", "/state/filter")
    assert words[3:7] == ("/state/filter", "/opt/bwrap", "--seccomp", "9")
    text = " ".join(words)
    assert (
        "--ro-bind /usr /usr --size 536870912 --tmpfs /tmp --bind /tmp/w /tmp/w --ro-bind-try /b /a --symlink t /l"
        in text
    )
    assert text.endswith("-- env --default-signal=HUP,INT,QUIT,TERM")
    assert {"--unshare-pid", "--unshare-user", "--die-with-parent"} < set(words)


def test_a_repository_may_only_narrow() -> None:
    assert is_as_narrow("files", None)
    assert is_as_narrow("files", "files")
    assert not is_as_narrow("off", "files")
    assert not is_as_narrow("anything", None)
