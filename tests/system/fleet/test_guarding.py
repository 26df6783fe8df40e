"""A source of hosts of another package that raises, lies or hangs is told as its own fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.fleet.placement import Needs
from agentdeck.errors import ConfigError, RefusedError, UnreachableError
from agentdeck.system.fleet import guarding
from agentdeck.system.fleet.guarding import Guarded
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.providers import Limits, Provided

OWN = Provided(HostSpec("box-a", words=("bwrap",)))


class Boxes:
    """Gives what its table says."""

    def __init__(self, settings: dict[str, Any], owner: str) -> None:
        self.limits = settings.get("limits", Limits())
        self.settings = settings

    def hosts(self) -> Any:
        return self._give("hosts")

    def acquire(self, needs: Needs, key: str) -> Any:
        return self._give("acquire")

    def release(self, name: str) -> None:
        self._give("release")

    def _give(self, what: str) -> Any:
        found = self.settings[what]
        if isinstance(found, Exception):
            raise found
        return found() if callable(found) else found


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield
    guarding._late.clear()


def guarded(**settings: Any) -> Guarded:
    return Guarded("boxes", EntryPoint("boxes", f"{__name__}:Boxes", "agentdeck.providers"), settings, "me")


def test_what_it_owes_is_handed_on_as_it_goes_into_the_list() -> None:
    found = guarded(hosts=(Provided(HostSpec("box-a", words=["a", "b"], provider="other")),)).hosts()  # type: ignore[arg-type]
    assert found == [Provided(HostSpec("box-a", words=("a", "b"), provider="boxes"))]
    assert guarded(acquire="box-a").acquire(Needs(), "1") == "box-a"


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (None, "hosts() gives None, which is no list"),
        ("box-a", "hosts() gives 'box-a', which is no list"),
        ([7], "hosts() gives 7: AttributeError"),
        ([Provided(HostSpec("any"))], "“any” can't be the name of a host"),
        ([Provided(HostSpec("box-a", words="bwrap --bind"))], "its words are one text"),  # type: ignore[arg-type]
        ([OWN, OWN], "hosts() gives “box-a”, which is the name of another host"),
        ([Provided(HostSpec("dev1"))], "hosts() gives “dev1”, which is the name of another host"),
        (ZeroDivisionError("none left"), "ZeroDivisionError: none left (test_guarding.py, line "),
        (KeyError(), "KeyError (test_guarding.py, line "),
    ],
)
def test_what_it_must_not_do_is_told(hosts: object, told: str) -> None:
    HostList().add(HostSpec("dev1"))
    with pytest.raises(UnreachableError) as caught:
        guarded(hosts=hosts).hosts()
    assert caught.value.title.startswith("boxes gives no hosts: ") and told in caught.value.title
    assert __name__ in caught.value.hint


def test_its_own_refusals_stay() -> None:
    with pytest.raises(RefusedError, match="All boxes are taken"):
        guarded(acquire=RefusedError("All boxes are taken.")).acquire(Needs(), "1")
    with pytest.raises(UnreachableError, match="acquire\\(\\) gives None, which is no name"):
        guarded(acquire=None).acquire(Needs(), "1")


def test_one_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "_ANSWER", 0.05)
    goes_on = threading.Event()
    source = guarded(hosts=lambda: goes_on.wait(30) and [], release=None)
    with pytest.raises(UnreachableError, match="does not answer within"):
        source.hosts()
    with pytest.raises(UnreachableError, match="has not answered yet"):
        source.release("box-a")
    goes_on.set()
    guarding._late["boxes"].join()
    monkeypatch.setattr(guarding, "_ANSWER", 30.0)
    assert source.hosts() == []


def test_one_that_cannot_be_made_is_told() -> None:
    for settings, told in (({"limits": 4}, "its limits are 4"), (None, "AttributeError")):
        with pytest.raises(ConfigError, match=told):
            Guarded("boxes", EntryPoint("boxes", f"{__name__}:Boxes", "agentdeck.providers"), settings, "me")
    with pytest.raises(ConfigError, match="ModuleNotFoundError"):
        Guarded("boxes", EntryPoint("boxes", "nowhere_at_all:Boxes", "agentdeck.providers"), {}, "me")
