"""Both sides of a conflict are told as they are, with who wrote them and for which task, and nothing changes."""

from __future__ import annotations

import pytest

from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest, Method
from agentdeck.errors import NotFoundError
from tests.support.decks import Bench
from tests.support.retry import eventually


def worker(bench: Bench, name: str, text: str, *, path: str = "src/app.py", commit: bool = True) -> None:
    """An agent that is done, with a change to a file."""
    view = bench.deck().start(StartRequest(name=name, task=f"Task of {name}", argv=("true",)))
    assert view.worktree is not None
    eventually(lambda: bench.deck().agent(name).state == "done")
    bench.write(path, text, cwd=view.worktree)
    if commit:
        bench.commit(f"{name} did it", cwd=view.worktree)


def test_two_agents_are_shown_side_by_side_committed_or_not(bench: Bench) -> None:
    worker(bench, "one", "print('one')\nprint('more')\n")
    worker(bench, "two", "print('two')\n", commit=False)
    objects = bench.git("count-objects")
    found = bench.deck().radar.collision("one", "two", is_agent=True)
    (place,) = found.places
    assert (found.task, found.their_task) == ("Task of one", "Task of two")
    assert (place.where, place.ours, place.theirs) == (
        "src/app.py:1-2",
        ("print('one')", "print('more')"),
        ("print('two')",),
    )
    assert bench.git("count-objects") == objects


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH, Method.REBASE])
def test_the_lines_of_a_base_belong_to_the_agent_that_landed_them(bench: Bench, method: Method) -> None:
    worker(bench, "one", "print('one')\n")
    worker(bench, "two", "print('two')\n")
    landed = bench.deck().land(LandRequest(("two",), method=method))
    (place,) = bench.deck().radar.collision("one", "main", is_agent=False).places
    (owner,) = place.owners
    assert (owner.agent, owner.task, owner.step) == ("two", "Task of two", landed.entries[0].step)


def test_lines_that_a_person_wrote_or_deleted_are_theirs(bench: Bench) -> None:
    worker(bench, "one", "print('one')\n")
    bench.write("src/app.py", "")
    bench.commit("Empty it")
    (place,) = bench.deck().radar.collision("one", "main", is_agent=False).places
    assert place.theirs == ()
    assert [(owner.agent, owner.author, owner.subject) for owner in place.owners] == [("", "Test", "Empty it")]


def test_a_file_that_one_side_deleted_has_no_lines_and_an_owner(bench: Bench) -> None:
    worker(bench, "one", "print('one')\n")
    bench.git("rm", "-q", "src/app.py")
    bench.commit("Drop it")
    (place,) = bench.deck().radar.collision("one", "main", is_agent=False).places
    assert (place.where, place.hunk) == ("src/app.py (modify/delete)", None)
    assert [owner.subject for owner in place.owners] == ["Drop it"]


def test_a_base_that_is_gone_is_said_so(bench: Bench) -> None:
    worker(bench, "one", "print('one')\n")
    with pytest.raises(NotFoundError, match="no branch “old”"):
        bench.deck().radar.collision("one", "old", is_agent=False)
