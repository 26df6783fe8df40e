from __future__ import annotations

import itertools

import pytest

from agentdeck.core.agents.permission import GIT, LEVELS, chosen, is_as_strict, usual_commands
from agentdeck.errors import RefusedError, UsageError
from agentdeck.system.config.profiles import load_profiles

ANY = ("", *LEVELS)


def test_all_is_never_chosen_without_two_who_say_it_and_one_of_them_the_person_who_starts_it() -> None:
    for asked, profile, configured, sure in itertools.product((None, *LEVELS), ANY, ANY, (False, True)):
        says = [asked, profile, configured].count("all") + sure
        try:
            level = chosen(asked, sure=sure, profile=profile, configured=configured)
        except RefusedError:
            continue
        assert level == (asked or profile or configured)
        assert level != "all" or (asked == "all" and says >= 2)


def test_where_a_full_box_can_be_had_all_without_one_is_said_in_so_many_words() -> None:
    for box, sure in itertools.product((None, "off", "files", "full"), (False, True)):
        try:
            chosen("all", sure=sure, profile="", configured="", box=box, boxed=lambda: True)
        except RefusedError:
            assert box is None or (box != "full" and not sure)
        else:
            assert box == "full" or (box is not None and sure)


def test_the_command_line_goes_over_the_profile_and_that_over_the_configuration() -> None:
    assert chosen(None, sure=False, profile="", configured="") == ""
    assert chosen(None, sure=False, profile="", configured="edit") == "edit"
    assert chosen(None, sure=False, profile="ask", configured="edit") == "ask"
    assert chosen("edit", sure=False, profile="ask", configured="ask") == "edit"
    with pytest.raises(UsageError, match="no permission level “root”"):
        chosen("root", sure=True, profile="", configured="")


def test_only_what_allows_less_than_the_person_s_own_choice_needs_no_approval() -> None:
    stricter = {(level, own) for level in LEVELS for own in (None, *LEVELS) if is_as_strict(level, own)}
    assert stricter == {
        ("ask", None),
        ("ask", "ask"),
        ("ask", "edit"),
        ("ask", "all"),
        ("edit", "edit"),
        ("edit", "all"),
        ("all", "all"),
    }
    assert not is_as_strict(3, None)


def test_commands_of_the_gate_may_be_tried_as_far_as_they_need_no_shell() -> None:
    gate = ["make check && make test", "pytest -q > log", "npm run build:all", "rm -rf $HOME"]
    found = usual_commands(["ruff format"], gate)
    assert found == (*GIT, "ruff format", "make check", "make test", "npm run build:all")


def test_every_profile_of_an_agent_cli_says_what_its_levels_are() -> None:
    for name, profile in load_profiles().items():
        known = () if name in ("demo", "shell") else ("edit",) if name == "aider" else ("ask",)
        assert set(known) <= set(profile.permission.levels), name
