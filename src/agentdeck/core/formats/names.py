"""Ids and tool names that every provider takes, and the way back from a written name to the client's own tool."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from agentdeck.core.formats import reading
from agentdeck.core.formats.ir import Call, Choice, Tool

_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NAME_MAX = 64
FREE_FORM = "The whole text of the input is given as it is, with no JSON around it within the string."


def safe_id(identity: str) -> str:
    """The id of a call, fit for every provider: the same each time, for calls and results alike."""
    if _SAFE_ID.fullmatch(identity):
        return identity
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_UNSAFE.sub('_', identity[:47])}_{digest[:16]}"


def flat(namespace: str, name: str) -> str:
    """The name of a tool with its namespace before it. Codex's `functions` is no more than a word for “all”."""
    if not namespace or namespace == "functions":
        return name
    prefix = namespace if namespace.endswith("__") else f"{namespace}__"
    return name if name.startswith(prefix) else prefix + name


def safe_name(name: str) -> str:
    if _SAFE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    clean = _UNSAFE.sub("_", name)
    if not re.match(r"[A-Za-z_]", clean):
        clean = f"_{clean}"
    return f"{clean[: _NAME_MAX - 9]}_{digest[:8]}"


class Names:
    """How the tools of one request are called at the provider. Of two tools of one name the first counts."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools: dict[str, Tool] = {}
        for tool in sorted(tools, key=lambda tool: bool(tool.namespace)):
            self.tools.setdefault(self.written(tool.namespace, tool.name), tool)

    def written(self, namespace: str, name: str) -> str:
        return safe_name(flat(namespace, name))

    def meant(self, written: str) -> Tool:
        """The client's tool that a provider calls `written`; a tool of that name where the client has none such."""
        return self.tools.get(written) or Tool(written)

    def knows(self, choice: Choice) -> bool:
        return self.written(choice.namespace, choice.name) in self.tools


def wrapped(tool: Tool) -> Tool:
    """A free-form tool as a function with one argument."""
    grammar = f"\n\nIt must match this grammar:\n{reading.text(tool.grammar.get('definition'))}" if tool.grammar else ""
    description = f"{tool.description}\n\n{FREE_FORM}{grammar}".strip()
    schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return Tool(tool.name, description, schema, "function", tool.namespace)


def unwrapped(arguments: str) -> str:
    """The free text that a model gave to a function that stands for a free-form tool."""
    given = reading.arguments_table(arguments)
    found = given.get("input")
    if isinstance(found, str):
        return found
    # A model that invents a name for the one argument means the same.
    only = [value for value in given.values() if isinstance(value, str)]
    return only[0] if len(given) == 1 and only else arguments


def arguments_of(call: Call) -> str:
    """The arguments of a call as JSON text of an object, as a provider without free-form tools wants them."""
    if call.kind == "custom":
        return reading.compact({"input": call.arguments})
    if reading.is_whole(call.arguments):
        return call.arguments or "{}"
    return reading.compact(reading.arguments_table(call.arguments))
