"""Answers of the OpenAI Responses API."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import reading
from agentdeck.core.formats.ir import (
    Began,
    CallBegan,
    CallEnded,
    CallPiece,
    Counted,
    Event,
    Finish,
    Finished,
    Sealed,
    TextPiece,
    ThoughtPiece,
)
from agentdeck.core.frozen import dataclass
from agentdeck.core.providers import token_usage
from agentdeck.core.providers.apis import Api

_CALLS = ("function_call", "custom_tool_call")


@dataclass(slots=True)
class _Item:
    """One item of the output, as far as it was told."""

    key: str
    kind: str = ""
    given: str = ""
    begun: bool = False
    ended: bool = False


class ResponsesReader:
    """Reads the events of one stream, or one document. What comes only with an item's end is told then."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._refused = False

    def document(self, document: dict[str, Any]) -> list[Event]:
        return [Began(reading.text(document.get("id"))), *self._ended(document)]

    def feed(self, data: dict[str, Any]) -> list[Event]:
        kind = reading.text(data.get("type"))
        if kind == "response.created":
            return [Began(reading.text(reading.table(data.get("response")).get("id")))]
        if kind in ("response.completed", "response.incomplete"):
            return self._ended(reading.table(data.get("response")))
        if kind in ("response.output_item.added", "response.output_item.done"):
            item = self._item(data.get("output_index"), reading.table(data.get("item")))
            given = reading.table(data.get("item"))
            return self._begin(item, given) if kind.endswith("added") else self._done(item, given)
        return self._piece(kind, data)

    def end(self) -> list[Event]:
        return []

    def _item(self, index: Any, fields: dict[str, Any]) -> _Item:
        key = str(index) if isinstance(index, int) else reading.text(fields.get("id")) or "only"
        item = self._items.setdefault(key, _Item(key))
        item.kind = item.kind or reading.text(fields.get("type"))
        return item

    def _piece(self, kind: str, data: dict[str, Any]) -> list[Event]:
        item = self._item(data.get("output_index"), {"id": data.get("item_id")})
        delta = reading.text(data.get("delta"))
        match kind:
            case "response.output_text.delta":
                return self._more(item, delta, TextPiece(delta))
            case "response.refusal.delta":
                self._refused = True
                return self._more(item, delta, TextPiece(delta))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._more(item, delta, ThoughtPiece(delta))
            case "response.reasoning_summary_part.added" if item.given:
                return self._more(item, "\n\n", ThoughtPiece("\n\n"))
            case "response.function_call_arguments.delta":
                return self._more(item, delta, CallPiece(item.key, delta))
            case "response.function_call_arguments.done":
                return self._rest(item, reading.arguments_text(data.get("arguments")))
        return []

    def _more(self, item: _Item, text: str, event: Event) -> list[Event]:
        item.given += text
        return [event]

    def _rest(self, item: _Item, whole: str) -> list[Event]:
        """What is missing of the arguments: some servers send them only here."""
        if not item.begun or not whole.startswith(item.given):
            return []
        rest, item.given = whole[len(item.given) :], whole
        return [CallPiece(item.key, rest)] if rest else []

    def _begin(self, item: _Item, given: dict[str, Any]) -> list[Event]:
        if item.begun or item.kind not in _CALLS:
            return []
        item.begun = True
        identity = reading.text(given.get("call_id")) or reading.text(given.get("id"))
        return [CallBegan(item.key, identity, reading.text(given.get("name")))]

    def _done(self, item: _Item, given: dict[str, Any]) -> list[Event]:
        if item.ended:
            return []
        item.ended = True
        if item.kind == "message":
            return self._message(item, given)
        if item.kind == "reasoning":
            parts = [*reading.tables(given.get("summary")), *reading.tables(given.get("content"))]
            text = "\n\n".join(reading.text(part.get("text")) for part in parts)
            seal = reading.text(given.get("encrypted_content"))
            found: list[Event] = [ThoughtPiece(text)] if text and not item.given else []
            return [*found, Sealed(seal)] if seal else found
        if item.kind not in _CALLS:
            return []
        found = self._begin(item, given)
        if item.kind == "custom_tool_call":
            # Free text, told as the one argument that it is to providers without such tools.
            found.append(CallPiece(item.key, reading.compact({"input": reading.text(given.get("input"))})))
        else:
            found += self._rest(item, reading.arguments_text(given.get("arguments")))
        return [*found, CallEnded(item.key)]

    def _message(self, item: _Item, given: dict[str, Any]) -> list[Event]:
        parts = reading.tables(given.get("content"))
        self._refused = self._refused or any(part.get("type") == "refusal" for part in parts)
        whole = "".join(reading.text(part.get("text")) or reading.text(part.get("refusal")) for part in parts)
        rest = whole[len(item.given) :] if whole.startswith(item.given) else ""
        return [TextPiece(rest)] if rest else []

    def _ended(self, response: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        for at, given in enumerate(reading.tables(response.get("output"))):
            known = next((each for key, each in self._items.items() if key in (str(at), given.get("id"))), None)
            found += self._done(known or self._item(at, given), given)
        found.append(Counted(token_usage.of_document(Api.RESPONSES, response)))
        if response.get("status") == "failed":
            return found
        finish = Finish.REFUSED if self._refused else Finish.END
        if response.get("status") == "incomplete":
            reason = reading.table(response.get("incomplete_details")).get("reason")
            finish = Finish.REFUSED if reason == "content_filter" else Finish.LIMIT
        return [*found, Finished(finish)]
