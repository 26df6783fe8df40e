"""Commits that land: what they say."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.system.git import merges
from agentdeck.system.git.merges import CommitWording
from agentdeck.system.git.repository import Repository
from tests.support.repos import MakeRepo
from tests.support.share import examples

TITLES = st.one_of(
    st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1).filter(str.strip),
    st.sampled_from(
        ["Merge a: b", "#12: fix", "Agentdeck-Agent: a", "---", "Signed-off-by: a <b>", "a\n\nb", "a\nK: v"]
    ),
)
TRAILERS = st.lists(
    st.tuples(
        st.sampled_from(["Agentdeck-Agent", "Agentdeck-Model", "Closes"]),
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9).filter(str.strip),
    ),
    max_size=4,
)


@pytest.fixture
def here(repo: MakeRepo) -> Repository:
    return repo().repo


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TITLES, trailers=TRAILERS)
def test_trailers_are_where_git_would_put_them(here: Repository, title: str, trailers: list[tuple[str, str]]) -> None:
    wording = CommitWording(title, tuple(trailers))
    by_git = merges._with_trailers(here, wording)
    with here.one_look():
        assert merges._with_trailers(here, wording) == by_git


def test_git_is_asked_for_trailers_where_it_is_told_how(here: Repository) -> None:
    here.git("config", "trailer.separators", "=")
    wording = CommitWording("Merge a", (("Closes", "= 3"),))
    by_git = merges._with_trailers(here, wording)
    with here.one_look():
        assert merges._with_trailers(here, wording) == by_git
