"""The keys as this person has them: how they are shown, and which of the configured ones can't hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from agentdeck.tui.keys.keys import BY_ID, COMMITS, DIFF, IN_DIFF, IN_LIST, IN_ROWS, IN_TABS, KEYS, LOG, SECTIONS, Key

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
}
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED = frozenset({*(str(key.value) for key in Keys), *KEY_NAME_REPLACEMENTS.values()})
_FIXED = {"ctrl+p": "the palette", "ctrl+q": "leaving the program"}
"""Keys that are taken before any of ours is asked."""
_MAIN = (*chain.from_iterable(KEYS.values()), *IN_LIST)
"""The keys that work while they are in no tab."""
_WITHIN = {LOG: (), DIFF: (*IN_DIFF, *IN_ROWS), COMMITS: (*IN_DIFF, *IN_ROWS)}
"""What works in a tab beside its own keys; in all others that is `IN_ROWS`."""


def shown_keys(key: Key, keymap: Mapping[str, str]) -> str:
    """The keys of it as a person reads them, with the changes of `keymap`."""
    return " ".join(_shown(each) for each in _keys_of(keymap.get(key.id) or key.keys))


def _shown(key: str) -> str:
    return _SHOWN.get(key, key)


def first_key(key: Key, keymap: Mapping[str, str]) -> str:
    return shown_keys(key, keymap).split(" ", maxsplit=1)[0]


def keys_in(tab: str, keymap: Mapping[str, str]) -> frozenset[str]:
    """All keys that mean something else while they are in that tab, as a person reads them."""
    scope = f"In the tab {tab}"
    keys = (*IN_TABS.get(scope, ()), *_WITHIN.get(scope, IN_ROWS)) if tab != "Screen" else ()
    return frozenset(_shown(each) for each, _ in _places(keys, keymap))


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
    return good, [*complaints, *_hidden(good)]


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


def _places(keys: Iterable[Key], keymap: Mapping[str, str]) -> Iterator[tuple[str, Key]]:
    for key in keys:
        for each in _keys_of(keymap.get(key.id) or key.keys):
            yield each, key


def _clashes(keymap: Mapping[str, str]) -> Iterator[tuple[str, Key, Key]]:
    """Every key that stands for two things in one and the same place."""
    in_tabs = [(*keys, *_WITHIN.get(tab, IN_ROWS)) for tab, keys in IN_TABS.items()]
    for keys in (_MAIN, *in_tabs):
        for (one, first), (other, second) in combinations(_places(keys, keymap), 2):
            if one == other and first is not second:
                yield one, first, second


def _hidden(keymap: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each key of the main screen that a tab takes for itself, and did not before it was changed."""
    for place, keys in SECTIONS.items():
        if place in KEYS or keys is IN_LIST:
            continue
        known = _overlaps(keys, {})
        for (inner, outer), key in _overlaps(keys, keymap).items():
            if (inner, outer) not in known:
                where = place[:1].lower() + place[1:]
                yield f"The key {_shown(key)} is “{inner}” {where}, so it can't be “{outer}” there."


def _overlaps(keys: Iterable[Key], keymap: Mapping[str, str]) -> dict[tuple[str, str], str]:
    main = dict(_places(chain.from_iterable(KEYS.values()), keymap))
    return {(key.id, main[each].id): each for each, key in _places(keys, keymap) if each in main}
