"""The list of hosts, and how each is reached."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from agentdeck.errors import NotFoundError, RefusedError, StoreError, UsageError
from agentdeck.system.fleet.hostlist import HostList, HostSpec, check_destination, check_name
from agentdeck.system.fleet.reach import FolderReach, SshReach


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("AGENTDECK_SSH", raising=False)
    return tmp_path / "agentdeck/hosts.json"


def test_hosts_are_kept_for_this_user_alone(state: Path) -> None:
    assert HostList().all() == []
    HostList().add(HostSpec("dev2", labels=("gpu",)))
    HostList().add(HostSpec("dev1", destination="me@10.0.0.7"))
    assert [spec.name for spec in HostList().all()] == ["dev1", "dev2"]
    assert state.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefusedError, match="already"):
        HostList().add(HostSpec("dev1"))
    HostList().remove("dev1")
    with pytest.raises(NotFoundError, match="There is no host “dev1”"):
        HostList().get("dev1")


def test_a_damaged_list_is_never_written_over(state: Path) -> None:
    HostList().add(HostSpec("dev1"))
    state.write_text('{"hosts": [{"name": "-oProxyCommand=x"}]}')
    with pytest.raises(StoreError):
        HostList().all()
    with pytest.raises(StoreError):
        HostList().add(HostSpec("dev2"))
    assert "ProxyCommand" in state.read_text()


@pytest.mark.parametrize(
    "name", ["", "-oProxyCommand=touch x", "a b", "any", "here", "a/b", "..", "ä", "x" * 64, "a\n"]
)
def test_what_could_be_an_option_or_a_path_is_no_name(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize("text", ["-l root", "--", "me@-x", "a b", "a;b", "$(x)", ""])
def test_what_ssh_could_take_for_something_else_is_no_destination(text: str) -> None:
    with pytest.raises(UsageError):
        check_destination(text)


@pytest.mark.parametrize("text", ["dev1", "me@dev1.example.org", "10.0.0.7", "[::1]", "me@[fe80::1%eth0]"])
def test_destinations_of_ssh(text: str) -> None:
    assert check_destination(text) == text


def test_ssh_is_the_person_s_own_and_gets_one_quoted_line(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = SshReach("dev1").argv(["agentdeck", "host", "attach", "it's", "$HOME"])
    assert argv[0] == "ssh" and argv[-3:-1] == ["--", "dev1"]
    assert "-T" in argv and "BatchMode=yes" in argv
    assert shlex.split(argv[-1])[-5:] == ["agentdeck", "host", "attach", "it's", "$HOME"]
    assert "-t" in SshReach("dev1").argv(["x"], tty=True)
    monkeypatch.setenv("AGENTDECK_SSH", "ssh -F '/my config'")
    assert SshReach("dev1").argv(["x"])[:3] == ["ssh", "-F", "/my config"]


def test_a_folder_has_a_home_and_a_tmux_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDECK_TOKEN", "secret")
    one, two = FolderReach("/a/one").argv(["x"]), FolderReach("/a/two").argv(["x"])
    assert "HOME=/a/one" in one and "secret" not in " ".join(one)
    sockets = {word for argv in (one, two) for word in argv if word.startswith("AGENTDECK_TMUX_SOCKET=")}
    assert len(sockets) == 2
