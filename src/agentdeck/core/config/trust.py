"""Which parts of a repository's configuration a person approves before they are used, and what differs since then.

A repository comes from somebody else: what its files run, reach or loosen on this machine is the person's to allow.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from agentdeck.core.agents.permission import is_as_strict
from agentdeck.core.box.box import is_as_narrow
from agentdeck.core.frozen import dataclass

Values = Mapping[str, Any]
"""Sensitive values by their dotted key."""
_LONGEST = 2000
"""Characters of a value that a question shows; `agentdeck trust --show` prints all of it."""


class Reach(StrEnum):
    """What a key can do."""

    RUNS = "run"
    REACHES = "reach"
    """It names what is read, written, connected to or given away."""
    LOOSENS = "loosen"
    """It weakens a rule or a limit."""
    HARMLESS = "harmless"
    """Used without a question."""
    OWN = "own"
    """Only the user's own file may have it."""


@dataclass(frozen=True, slots=True)
class TrustKey:
    reach: Reach
    effect: str = ""
    """What the value does, as a person reads it beside the key."""
    tightens: Callable[[Any, Any], bool] = lambda value, own: False
    """Whether the value is at least as strict as what the user's own file says (None: nothing)."""


def _lower(value: Any, own: Any) -> bool:
    return _is_number(value) and (own is None or (_is_number(own) and value <= own))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stricter(value: Any, own: Any) -> bool:
    return is_as_strict(value, own)


def _more(value: Any, own: Any) -> bool:
    return isinstance(value, list) and (own is None or (isinstance(own, list) and all(each in value for each in own)))


def _on(value: Any, own: Any) -> bool:
    return value is True


def _off(value: Any, own: Any) -> bool:
    return value is False


def _kept(value: Any, own: Any) -> bool:
    return bool(value != "send")


def _ports(value: Any, own: Any) -> bool:
    """Names of ports, and of nothing that a shell or a linker runs by."""
    return isinstance(value, list) and all(isinstance(each, str) and each.upper().endswith("PORT") for each in value)


HARMLESS = TrustKey(Reach.HARMLESS)
_UNKNOWN = TrustKey(Reach.REACHES, "unknown")
_PROVIDERS = TrustKey(Reach.REACHES, "sets the address of model requests")
_TIERS = TrustKey(Reach.REACHES, "chooses which providers serve agents")
_VARIABLES = TrustKey(Reach.REACHES, "sets a variable for every agent, which can change what runs")
_NOTIFY = ("urls", "urls_env", "command", "for", "settle", "quiet", "urgent", "per_hour", "replies", "detail")
KEYS: dict[str, TrustKey] = {
    "agent.profile": TrustKey(Reach.LOOSENS, "chooses the program of new agents"),
    "agent.base": HARMLESS,
    "agent.branch": TrustKey(Reach.LOOSENS, "chooses the branch that new agents work on"),
    "agent.permission": TrustKey(Reach.LOOSENS, "says how much agents do without asking", tightens=_stricter),
    "agent.preamble": TrustKey(Reach.REACHES, "is told to every agent"),
    "agent.commands": TrustKey(Reach.LOOSENS, "names commands that agents run without asking"),
    "agent.failover": TrustKey(Reach.LOOSENS, "chooses the profiles that take over"),
    "agent.tier": TrustKey(Reach.REACHES, "chooses which models serve new agents"),
    "agent.timeout": TrustKey(Reach.LOOSENS, "limits the run time of agents", tightens=_lower),
    "agent.env": _VARIABLES,
    "agent.pass_env": TrustKey(Reach.REACHES, "gives every agent more of your shell's variables"),
    "agent.drop_env": TrustKey(Reach.LOOSENS, "hides variables of your shell from agents", tightens=_more),
    "agent.env_file": TrustKey(Reach.REACHES, "gives every agent the variables of this file"),
    "worktree.path": TrustKey(Reach.REACHES, "chooses the folder of worktrees"),
    "worktree.copy": TrustKey(Reach.REACHES, "copies these git-ignored files to every agent"),
    "worktree.link": TrustKey(Reach.REACHES, "shares these git-ignored files with every agent"),
    "worktree.submodules": HARMLESS,
    "hooks.setup": TrustKey(Reach.RUNS, "runs in a new worktree before its agent starts"),
    "hooks.teardown": TrustKey(Reach.RUNS, "runs before a worktree is removed"),
    "hooks.timeout": HARMLESS,
    "ports.per_agent": HARMLESS,
    "ports.range": HARMLESS,
    "ports.names": TrustKey(Reach.REACHES, "names variables of every agent", tightens=_ports),
    "database.engine": TrustKey(Reach.REACHES, "chooses the database engine of agents"),
    "database.template": TrustKey(Reach.REACHES, "is copied for every agent"),
    "database.path": TrustKey(Reach.REACHES, "chooses the path of the database file"),
    "database.url": TrustKey(Reach.REACHES, "is the database server"),
    "database.mode": TrustKey(Reach.REACHES, "chooses what is created on the server"),
    "database.own_role": TrustKey(Reach.LOOSENS, "gives agents in a box your login", tightens=_on),
    "database.variable": TrustKey(Reach.REACHES, "names a variable of every agent"),
    "database.variables": _VARIABLES,
    "database.create": TrustKey(Reach.RUNS, "runs to create a database"),
    "database.drop": TrustKey(Reach.RUNS, "runs to remove a database"),
    "database.dump": TrustKey(Reach.RUNS, "runs to save a database"),
    "database.restore": TrustKey(Reach.RUNS, "runs to restore a database"),
    "database.keep_dump": TrustKey(
        Reach.LOOSENS, "sets whether a database is dumped before it is dropped", tightens=_on
    ),
    "env_file.path": TrustKey(Reach.REACHES, "is written in every worktree"),
    "env_file.caches": TrustKey(Reach.REACHES, "names variables of every agent"),
    "runner.grace_interrupt": HARMLESS,
    "runner.grace_terminate": HARMLESS,
    "runner.processes": TrustKey(Reach.LOOSENS, "limits the processes of each agent", tightens=_lower),
    "runner.memory_mb": TrustKey(Reach.LOOSENS, "limits the memory of each agent", tightens=_lower),
    "runner.recording_max_mb": HARMLESS,
    "runner.recording_keep": HARMLESS,
    "runner.quiet": HARMLESS,
    "accounts": TrustKey(Reach.OWN),
    "fleet": TrustKey(Reach.OWN),
    "failover.order": HARMLESS,
    "failover.ask": HARMLESS,
    "failover.patience": HARMLESS,
    "failover.silence": HARMLESS,
    "failover.longest_wait": HARMLESS,
    "failover.attempts": HARMLESS,
    "failover.first_pause": HARMLESS,
    "failover.longest_pause": HARMLESS,
    "failover.back": HARMLESS,
    "failover.settle": HARMLESS,
    "queue.jobs": HARMLESS,
    "queue.max_load": HARMLESS,
    "queue.min_free_mb": HARMLESS,
    "queue.agents": HARMLESS,
    "runner.cpu": HARMLESS,
    "queue.min_disk_mb": HARMLESS,
    "landing.method": HARMLESS,
    "landing.gate": TrustKey(Reach.RUNS, "runs before a branch lands"),
    "landing.timeout": HARMLESS,
    "landing.on": TrustKey(Reach.REACHES, "sends what lands to a host of yours"),
    "landing.remove": TrustKey(Reach.LOOSENS, "sets whether an agent is removed after it lands", tightens=_off),
    "landing.trailers": HARMLESS,
    "landing.protected": TrustKey(Reach.LOOSENS, "protects branches from landings", tightens=_more),
    "landing.gate_after_failover": TrustKey(
        Reach.LOOSENS, "sets whether a backup provider's work needs a gate to land", tightens=_on
    ),
    "landing.retries": HARMLESS,
    "audit.risk_class": HARMLESS,
    "audit.role": HARMLESS,
    "audit.oversight": HARMLESS,
    "race.metric": TrustKey(Reach.RUNS, "measures agents that race"),
    "race.lower": HARMLESS,
    "trash.ignored": HARMLESS,
    "trash.keep_days": HARMLESS,
    "providers": _PROVIDERS,
    "tiers": _TIERS,
    "gateway.use": TrustKey(Reach.REACHES, "chooses which agents use the gateway"),
    "gateway.retry_budget": HARMLESS,
    "gateway.retries": HARMLESS,
    "gateway.backoff": HARMLESS,
    "gateway.backoff_max": HARMLESS,
    "gateway.breaker_failures": HARMLESS,
    "gateway.breaker_seconds": HARMLESS,
    "gateway.breaker_seconds_max": HARMLESS,
    "gateway.exhausted_seconds": HARMLESS,
    "gateway.keys": TrustKey(
        Reach.REACHES, "sets whether your providers' keys go to the hosts of agents", tightens=_kept
    ),
    "gateway.hold": HARMLESS,
    "gateway.max_body_mb": HARMLESS,
    "budgets.agent.money": TrustKey(Reach.LOOSENS, "limits the spending of one agent", tightens=_lower),
    "budgets.agent.tokens": TrustKey(Reach.LOOSENS, "limits the spending of one agent", tightens=_lower),
    "budgets.deck.money": TrustKey(Reach.LOOSENS, "limits the spending of all agents", tightens=_lower),
    "budgets.deck.tokens": TrustKey(Reach.LOOSENS, "limits the spending of all agents", tightens=_lower),
    "budgets.day.money": TrustKey(Reach.LOOSENS, "limits the spending of all agents in a day", tightens=_lower),
    "budgets.day.tokens": TrustKey(Reach.LOOSENS, "limits the spending of all agents in a day", tightens=_lower),
    "budgets.warn_at": HARMLESS,
    "budgets.at_limit": TrustKey(Reach.LOOSENS, "sets what happens when a budget is spent"),
    "budgets.deep_share": HARMLESS,
    **dict.fromkeys((f"notify.{key}" for key in _NOTIFY), TrustKey(Reach.OWN)),
    "schedule": TrustKey(Reach.RUNS, "starts agents by the clock"),
    "mcp.agents": TrustKey(Reach.LOOSENS, "lets agents start and message other agents", tightens=_off),
    "mcp.depth": TrustKey(Reach.LOOSENS, "limits how deep agents start agents"),
    "mcp.children": TrustKey(Reach.LOOSENS, "limits how many agents an agent runs"),
    "mcp.descendants": TrustKey(Reach.LOOSENS, "limits how many agents an agent starts"),
    "mcp.land": TrustKey(Reach.LOOSENS, "sets who lands what an agent asks to land"),
    "dashboard.theme": HARMLESS,
    "dashboard.bell": HARMLESS,
    "dashboard.notifications": HARMLESS,
    "dashboard.call_for": HARMLESS,
    "dashboard.title": HARMLESS,
    "keys": TrustKey(Reach.LOOSENS, "changes your keys in the dashboard"),
    "box.mode": TrustKey(Reach.LOOSENS, "says what agents see of your files", tightens=is_as_narrow),
    "box.read": TrustKey(Reach.OWN),
    "box.allow_domains": TrustKey(Reach.OWN),
    "box.gate_network": TrustKey(Reach.LOOSENS, "lets the gate use the network", tightens=_off),
    "box.write": TrustKey(Reach.OWN),
    "trust.roots": TrustKey(Reach.OWN),
}
"""Every key of the configuration; a table of free names (`providers`, `agent.env`) stands for all below it."""
BESIDE = {
    "agent.env_file contents": TrustKey(Reach.REACHES, "sets a variable of every agent (its value is not shown)"),
    ".worktreeinclude": TrustKey(Reach.REACHES, "copies these git-ignored files to every agent"),
}
"""What the configuration reads from other files of the repository."""


def key_of(path: Sequence[str]) -> TrustKey:
    """What is known of the key at `path`; one that nobody knows is sensitive."""
    for length in range(len(path), 0, -1):
        steps = path[:length]
        if not any("." in step for step in steps) and (known := KEYS.get(".".join(steps))) is not None:
            return known
    return _UNKNOWN


def leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Any]]:
    """Every value with its path. An empty table changes nothing, and is none."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def sensitive(repository: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What of the repository's file needs approval, over what the user's own file says."""
    from agentdeck.core.config.tomllines import dotted

    found = {}
    for path, value in leaves(repository):
        key = key_of(path)
        if key.reach is not Reach.HARMLESS and not key.tightens(value, _at(own, path)):
            found[dotted(path)] = value
    return found


def harmless(repository: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of the repository's file."""
    left: dict[str, Any] = {}
    for path, value in leaves(repository):
        key = key_of(path)
        if key.reach is Reach.HARMLESS or key.tightens(value, _at(own, path)):
            table = left
            for step in path[:-1]:
                table = table.setdefault(step, {})
            table[path[-1]] = value
    return left


def _at(table: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = table
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def canonical(values: Any) -> str:
    """The same text for the same values, whatever their order; another one for `1`, `1.0`, `true` and `"1"`."""
    return json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_odd)


def _odd(value: object) -> dict[str, str]:
    """TOML's dates and times, which JSON lacks."""
    return {f"${type(value).__name__}": str(value)}


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value is not the approved one. `missing` stands for none."""

    key: str
    reach: Reach
    effect: str
    old: Any
    new: Any

    def lines(self, longest: int | None = _LONGEST) -> list[str]:
        """The values as a diff: `- old`, `+ new`, and what stayed. Nothing in it can do anything to a terminal."""
        from difflib import SequenceMatcher

        old, new = _items(self.old, longest), _items(self.new, longest)
        found = []
        for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                found += [f"  {line}" for line in old[first:last]]
            else:
                found += [f"- {line}" for line in old[first:last]] + [f"+ {line}" for line in new[start:end]]
        return found


class _Missing:
    def __repr__(self) -> str:
        return "missing"


missing = _Missing()


def changes(old: Values, new: Values) -> tuple[Change, ...]:
    """What differs, in the order of what it can do."""
    order = list(Reach)
    found = []
    for name in dict.fromkeys([*new, *old]):
        before, after = old.get(name, missing), new.get(name, missing)
        if before is missing or after is missing or canonical(before) != canonical(after):
            key = _named(name)
            found.append(Change(name, key.reach, key.effect, before, after))
    return tuple(sorted(found, key=lambda change: order.index(change.reach)))


def told(found: Iterable[Change], longest: int | None = _LONGEST) -> Iterable[str]:
    """Changes in plain words."""
    for change in found:
        yield f"{visible(change.key)} {change.effect}:"
        yield from (f"    {line}" for line in change.lines(longest))


def _named(name: str) -> TrustKey:
    for known, key in BESIDE.items():
        if name == known or name.startswith(f"{known}."):
            return key
    return key_of(name.split("."))


def _items(value: Any, longest: int | None) -> list[str]:
    if value is missing:
        return []
    if isinstance(value, list):
        return [_shown(each, longest) for each in value] or ["[]"]
    return [_shown(value, longest)]


def _shown(value: Any, longest: int | None) -> str:
    text = visible(json.dumps(value, ensure_ascii=False, default=str))
    if longest is None or len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {len(text) - 2 * half} more characters, see “agentdeck trust --show” … {text[-half:]}"


def visible(text: str) -> str:
    """`text` with every character that does not show itself (controls, directions, odd spaces) written as its code."""
    return "".join(char if _shows(char) else f"\\u{{{ord(char):x}}}" for char in text)


def _shows(char: str) -> bool:
    return char == " " or unicodedata.category(char)[0] not in "CZ"


RUNNING_FILES = (
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".mcp.json",
    ".codex/config.toml",
    ".gemini/settings.json",
    ".qwen/settings.json",
    ".cursor/mcp.json",
    ".cursor/hooks.json",
    "opencode.json",
    "opencode.jsonc",
    ".opencode",
    ".aider.conf.yml",
    ".goosehints",
    ".vscode/tasks.json",
    ".vscode/mcp.json",
    ".envrc",
)
"""Files of a project from which agents' own programs, editors and shells run commands."""
NOT_COVERED = (
    "Approval covers agentdeck.toml and the files it reads. It doesn't cover what agents and commands run by "
    "themselves: Makefile, package.json, AGENTS.md and similar files."
)
