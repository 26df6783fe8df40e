"""The keys as this person has them: how they are shown, and which of the configured ones can't hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from agentdeck.tui.keys.keys import BY_ID, Key

_SHOWN = {
    "enter": "⏎",
    "slash": "/",
    "question_mark": "?",
    "exclamation_mark": "!",
    "escape": "esc",
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "full_stop": ".",
    "apostrophe": "'",
    "dollar_sign": "$",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "backslash": "\\",
    "vertical_line": "|",
    "ampersand": "&",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "asterisk": "*",
    "percent_sign": "%",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "delete": "del",
    "shift+left": "⇧←",
    "shift+right": "⇧→",
}
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED = frozenset({*(str(key.value) for key in Keys), *KEY_NAME_REPLACEMENTS.values()})
_FIXED = {"ctrl+p": "the palette", "ctrl+q": "leaving the program"}
"""Keys that are taken before any of ours is asked."""


def shown_keys(key: Key, keymap: Mapping[str, str]) -> str:
    """The keys of it as a person reads them, with the changes of `keymap`."""
    return " ".join(_shown(each) for each in _keys_of(keymap.get(key.id) or key.keys))


def _shown(key: str) -> str:
    return _SHOWN.get(key, key)


def first_key(key: Key, keymap: Mapping[str, str]) -> str:
    return shown_keys(key, keymap).split(" ", maxsplit=1)[0]


_NAMED_KEY = re.compile(r"\{([a-z]+\.[a-z0-9-]+)\}")


def with_keys(text: str, keymap: Mapping[str, str]) -> str:
    """`text` with each `{agent.stop}` in it as this person's key for that."""
    return _NAMED_KEY.sub(lambda found: first_key(BY_ID[found[1]], keymap) if found[1] in BY_ID else found[0], text)


def checked(keymap: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The entries of `keymap` that can hold, and one sentence for each that can't, or that takes another's key."""
    good, complaints = dict[str, str](), list[str]()
    for name, keys in keymap.items():
        problem = _problem(name, keys)
        if problem:
            complaints.append(problem)
        else:
            good[name] = keys
    # What an entry that is dropped had before may be what another one was given.
    while (clash := next(_clashes(good), None)) is not None:
        key, one, other = clash
        loser = other if other.id in good else one
        del good[loser.id]
        complaints.append(
            f"The key {_shown(key)} can't be both “{one.id}” and “{other.id}”; "
            f"“{loser.id}” stays on {shown_keys(loser, {})}."
        )
    return good, complaints


def _problem(name: str, keys: str) -> str:
    if name not in BY_ID:
        return f"There is no key “{name}”; the help (?) lists the names."
    if not keys.replace(",", "").strip():
        return f"The key “{name}” can't be empty."
    for key in _keys_of(keys):
        if key in _FIXED:
            return f"The key {_shown(key)} is reserved for {_FIXED[key]}; “{name}” can't use it."
        *modifiers, last = key.split("+")
        is_known = len(last) == 1 or last in _NAMED or key_to_character(last) is not None
        if not is_known or not _MODIFIERS.issuperset(modifiers):
            return f"“{name}” can't use “{key}”: there is no such key. Valid keys are ctrl+x, f6, comma."
    return ""


def _keys_of(text: str) -> list[str]:
    """Each key by the name that Textual has for it; “?” is its `question_mark`."""
    names = (each.strip() for each in text.split(","))
    return [binding.key for name in names if name for binding in Binding.make_bindings([Binding(name, "")])]


def _clashes(keymap: Mapping[str, str]) -> Iterator[tuple[str, Key, Key]]:
    """Every key that stands for two things, wherever each of them works."""
    places = [(each, key) for key in BY_ID.values() for each in _keys_of(keymap.get(key.id) or key.keys)]
    for (one, first), (other, second) in combinations(places, 2):
        if one == other:
            yield one, first, second
