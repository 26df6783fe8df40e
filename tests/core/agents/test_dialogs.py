from __future__ import annotations

import re

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.detect import detect
from agentdeck.core.agents.questions import shown
from agentdeck.system.config.profiles import load_profiles

NUMBERED = """\
 Quick safety check: Is this a project you created or one you trust? (Like your own code.
 Security guide

 ❯ 1. Yes, I trust this folder
   2. No, exit

 Enter to confirm · Esc to cancel"""
NO_FIRST = """\
❯ Make the file

 Quick safety check: Is this a project you created or one you trust?

 ❯ No, exit
   Yes, I trust this folder

 Enter to confirm · Esc to cancel"""
BYPASS = """\
  WARNING: Claude Code running in Bypass Permissions mode
  https://code.claude.com/docs/en/security

  ❯ No, exit
    Yes, I accept"""
CODEX = """\
  Trust this folder? Codex can read, edit, and run files here.

› 1. Trust and continue
  2. Back to Agent Command Center

  enter continue · esc back"""
UPDATE = """\
  ✨ Update available! 0.171.0 -> 0.172.0

› 1. Update now (runs `npm install -g @openai/codex`)
  2. Skip
  3. Skip until next version

  Press enter to continue"""
NEWER = """\
  Update available · 0.171.0 → 99.0.0
  Release notes: https://github.com/openai/codex/releases/latest

› 1. Update now (runs `npm install -g @openai/codex`)
  2. Skip
  3. Skip until next version

  enter continue · esc skip"""
THEME = """\
 Choose the text style that looks best with your terminal

   1. Auto (match terminal)
 ❯ 2. Dark mode ✔
   3. Light mode"""
LOGIN = "Select login method:\n\n ❯ 1. Claude account with subscription\n   2. Anthropic Console account"


OPENCODE = """\
          Update Available                                        esc

          A new release v99.0.0 is available. Would you like to
          update now?

                                                     Skip  Confirm"""


def test_the_buttons_of_opencode_s_update_are_a_yes_and_a_no() -> None:
    profile = load_profiles()["opencode"]
    found = detect(OPENCODE, profile.detectors)
    assert found == (State.WAITING, "A new release v99.0.0 is available")
    question = shown(OPENCODE, found[1])
    assert question.words == ("yes", "no")
    assert (profile.answer.yes, profile.answer.no) == (("Enter",), ("Escape",)), "Enter takes “Confirm”"


def keys_for(screen: str, option: str) -> tuple[str, ...] | None:
    """The keys that choose the option by the mark."""
    question = shown(screen, "")
    number = question.only(option)
    return None if number is None else (*question.way_to(number), "Enter")


@pytest.mark.parametrize(
    ("cli", "screen", "yes", "no"),
    [
        ("claude", NUMBERED, ("Enter",), ("Down", "Enter")),
        ("claude", NO_FIRST, ("Down", "Enter"), ("Enter",)),
        ("claude", BYPASS, ("Down", "Enter"), ("Enter",)),
        ("claude", THEME, ("Enter",), None),
        ("claude", LOGIN, None, None),
        ("codex", CODEX, ("Enter",), ("Down", "Enter")),
        ("codex", UPDATE, ("Enter",), ("Down", "Enter")),
        ("codex", NEWER, ("Enter",), ("Down", "Enter")),
    ],
)
def test_yes_means_yes_whichever_option_is_marked(
    cli: str, screen: str, yes: tuple[str, ...] | None, no: tuple[str, ...] | None
) -> None:
    dialogs = load_profiles()[cli].dialogs
    found = next(each for each in dialogs if re.search(each.asks, screen))
    assert (keys_for(screen, found.yes) if found.yes else None) == yes
    assert (keys_for(screen, found.no) if found.no else None) == no


def test_an_option_that_is_not_on_the_screen_or_is_there_twice_is_not_chosen() -> None:
    assert keys_for(NUMBERED, "Maybe") is None
    assert keys_for(NUMBERED, "Yes|No") is None
    assert keys_for("no list here", "list") is None


def test_what_a_dialog_asks_is_a_reason_to_wait() -> None:
    profiles = load_profiles()
    shown = {"claude": (NUMBERED, NO_FIRST, BYPASS, THEME, LOGIN), "codex": (CODEX, UPDATE, NEWER)}
    for name, screens in shown.items():
        for screen in screens:
            assert any(re.search(each, screen, re.MULTILINE) for each in profiles[name].screen.waiting), screen
