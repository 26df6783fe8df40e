"""What an agent that starts others may do, whatever the tree of them looks like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Agent, Mode
from agentdeck.core.agents.delegation import Caps, below, family, refusal, too_much
from agentdeck.core.agents.permission import LEVELS


def agent(name: str, parents: tuple[str, ...] = (), **more: object) -> Agent:
    return Agent(name, "a task", "claude", Mode.INTERACTIVE, 0.0, parents=parents, **more)  # type: ignore[arg-type]


caps = st.builds(Caps, st.integers(0, 3), st.integers(0, 4), st.integers(0, 8))


@given(caps, st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40))
def test_no_tree_grows_past_its_caps(limits: Caps, tries: list[tuple[int, bool]]) -> None:
    """Agents are started by any that is there, as long as that is not refused; some of them end."""
    tree, running = [agent("root"), agent("other")], {"root", "other"}
    for number, (who, ends) in enumerate(tries):
        parent = tree[who % len(tree)]
        if refusal(parent, tree, running, limits):
            continue
        tree.append(agent(f"a{number}", family(parent)))
        if not ends:
            running.add(f"a{number}")
    for each in tree:
        assert len(each.parents) <= limits.depth
        children = [child for child in tree if child.parents == family(each) and child.name in running]
        assert len(children) <= limits.children
    for top in ("root", "other"):
        assert len(below(top, tree)) <= limits.descendants


@given(st.sampled_from(["", *LEVELS]), st.sampled_from([None, *LEVELS]), st.sampled_from([None, "", "deep", "routine"]))
def test_a_child_never_gets_more(level: str, asked: str | None, tier: str | None) -> None:
    parent = agent("fox", permission=level, tier="routine")
    allowed = not too_much(parent, tier=tier, permission=asked, any_command=False)
    if allowed:
        assert tier in (None, "routine")
        assert asked is None or LEVELS.index(asked) <= (LEVELS.index(level) if level else 0)
    else:
        assert tier not in (None, "routine") or asked is not None


def test_a_command_is_no_way_around_the_permission() -> None:
    assert too_much(agent("fox", permission="edit"), tier=None, permission=None, any_command=True)
    assert not too_much(agent("fox", permission="all"), tier=None, permission=None, any_command=True)
