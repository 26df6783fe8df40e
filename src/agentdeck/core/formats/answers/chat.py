"""Answers of the OpenAI Chat Completions API, as OpenAI and a dozen kinds of server send them."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import names, reading
from agentdeck.core.formats.answers.writing import AnswerWriter, plain_event
from agentdeck.core.formats.ir import (
    Began,
    Broke,
    CallBegan,
    CallPiece,
    Counted,
    Event,
    Finish,
    Finished,
    TextPiece,
    ThoughtPiece,
)
from agentdeck.core.formats.sequence import AnswerPart
from agentdeck.core.frozen import dataclass
from agentdeck.core.providers import token_usage
from agentdeck.core.providers.apis import Api

_FINISHES = {
    "stop": Finish.END,
    "tool_calls": Finish.END,
    "function_call": Finish.END,
    "length": Finish.LIMIT,
    "content_filter": Finish.REFUSED,
}
_WORDS = {
    Finish.END: "stop",
    Finish.LIMIT: "length",
    Finish.CONTEXT: "length",
    Finish.STOP_TEXT: "stop",
    Finish.REFUSED: "content_filter",
}
_THINK, _THOUGHT = "<think>", "</think>"


@dataclass(slots=True)
class _CallState:
    key: str
    id: str
    name: str = ""
    arguments: str = ""
    begun: bool = False
    custom: bool = False


class ChatReader:
    """Reads the chunks of one stream, or one document. Takes what servers leave out, repeat or spell otherwise."""

    def __init__(self) -> None:
        self._began = False
        self._calls: list[_CallState] = []
        self._by_index: dict[int, _CallState] = {}
        self._head: str | None = ""
        """The beginning of the text, while it may still be a `<think>`; None afterwards."""
        self._thinks = False
        self._tail = ""
        self._refused = False
        self._finished = False

    def document(self, document: dict[str, Any]) -> list[Event]:
        choices = reading.tables(document.get("choices"))
        choice = choices[0] if choices else {}
        message = {**reading.table(choice.get("message"))}
        calls = reading.tables(message.get("tool_calls"))
        message["tool_calls"] = [{**call, "index": at} for at, call in enumerate(calls)]
        return [*self.feed({**document, "choices": [{**choice, "delta": message}]}), *self.end()]

    def feed(self, data: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        if not self._began:
            self._began = True
            found.append(Began(reading.text(data.get("id"))))
        for choice in reading.tables(data.get("choices"))[:1]:
            found += self._delta(reading.table(choice.get("delta")))
            found += self._finish(choice.get("finish_reason"))
        usage = token_usage.of_document(Api.CHAT, data)
        return [*found, Counted(usage)] if usage != token_usage.NOTHING else found

    def end(self) -> list[Event]:
        """What was kept back, once the stream has ended."""
        return self._rest_of_text()

    def _delta(self, delta: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        if thought := reading.text(delta.get("reasoning_content")) or reading.text(delta.get("reasoning")):
            found.append(ThoughtPiece(thought))
        content = delta.get("content")
        pieces = [content] if isinstance(content, str) else [each.get("text") for each in reading.tables(content)]
        for piece in pieces:
            found += self._text(reading.text(piece))
        if refusal := reading.text(delta.get("refusal")):
            self._refused = True
            found.append(TextPiece(refusal))
        for call in reading.tables(delta.get("tool_calls")):
            found += self._rest_of_text()
            found += self._call(call)
        return found

    def _text(self, piece: str) -> list[Event]:
        """Text; a `<think>` element that it begins with is thought."""
        if not piece:
            return []
        if self._head is not None:
            self._head += piece
            start = self._head.lstrip()
            if len(start) < len(_THINK) and _THINK.startswith(start):
                return []
            piece, self._head = self._head, None
            if start.startswith(_THINK):
                self._thinks, piece = True, start.removeprefix(_THINK)
        if not self._thinks:
            return [TextPiece(piece)]
        self._tail += piece
        thought, mark, text = self._tail.partition(_THOUGHT)
        if mark:
            self._thinks, self._tail = False, ""
            return [ThoughtPiece(thought), TextPiece(text.lstrip())] if text.strip() else [ThoughtPiece(thought)]
        keep = next((n for n in range(len(_THOUGHT) - 1, 0, -1) if thought.endswith(_THOUGHT[:n])), 0)
        self._tail = thought[len(thought) - keep :]
        return [ThoughtPiece(thought[: len(thought) - keep])]

    def _rest_of_text(self) -> list[Event]:
        head, self._head = self._head, None
        tail, self._tail = self._tail, ""
        found: list[Event] = [TextPiece(head)] if head else []
        return [*found, ThoughtPiece(tail)] if tail else found

    def _call(self, call: dict[str, Any]) -> list[Event]:
        function = reading.table(call.get("function") or call.get("custom"))
        identity, name = reading.text(call.get("id")), reading.text(function.get("name"))
        given = function.get("arguments", function.get("input"))
        piece = reading.arguments_text(given)
        state = self._known(call.get("index"), identity, name)
        found: list[Event] = []
        if state is None:
            found += self._begin_all()
            state = _CallState(str(len(self._calls)), identity)
            self._calls.append(state)
        if isinstance(index := call.get("index"), int):
            self._by_index[index] = state
        if name and name != state.name and not state.begun:
            state.name += name
        state.custom = state.custom or "custom" in call
        if piece:
            found += self._begin(state) if state.custom else [*self._begin(state), CallPiece(state.key, piece)]
            state.arguments += piece
        return found

    def _known(self, index: Any, identity: str, name: str) -> _CallState | None:
        """The call that a delta goes on with; None where it begins one."""
        state = self._by_index.get(index) if isinstance(index, int) else None
        if state is None and not isinstance(index, int) and self._calls:
            state = next((each for each in self._calls if identity and each.id == identity), None)
            state = state or (None if name and identity else self._calls[-1])
        if state is not None and name and identity and identity != state.id:
            # Some give the same index to each call, others a new id to each delta.
            whole = state.arguments and reading.is_whole(state.arguments)
            return None if whole else state
        return state

    def _begin(self, state: _CallState) -> list[Event]:
        if state.begun:
            return []
        state.begun = True
        return [CallBegan(state.key, state.id, state.name)]

    def _begin_all(self) -> list[Event]:
        return [event for state in self._calls for event in self._begin(state)]

    def _finish(self, reason: Any) -> list[Event]:
        if not isinstance(reason, str) or not reason or self._finished:
            return []
        self._finished = True
        found = [*self._rest_of_text(), *self._begin_all()]
        # Free text, told as the one argument that it is to providers without such tools.
        found += [CallPiece(s.key, reading.compact({"input": s.arguments})) for s in self._calls if s.custom]
        if reason == "error":
            return [*found, Broke("stopped with an error")]
        finish = _FINISHES.get(reason, Finish.END)
        return [*found, Finished(Finish.REFUSED if self._refused else finish)]


class ChatWriter(AnswerWriter):
    counts = True
    """Whether a stream ends with a chunk of token counts."""

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": f"chatcmpl-{self._identity}", "object": "chat.completion.chunk", "created": self.created}
        return plain_event({**head, "model": self._model, "choices": choices, **more})

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._chunk([{"index": 0, "delta": delta, "finish_reason": finish}])

    def _opening(self) -> list[bytes]:
        return [self._delta({"role": "assistant", "content": ""})]

    def _open(self, part: AnswerPart) -> list[bytes]:
        if part.kind != "call":
            return []
        call = self._call(part, "")
        return [self._delta({"tool_calls": [{"index": self._calls - 1, **call}]})]

    def _more(self, part: AnswerPart, text: str) -> list[bytes]:
        if part.kind == "text":
            return [self._delta({"content": text})]
        if part.kind == "thought":
            return [self._delta({"reasoning_content": text})]
        if self._tool(part).kind == "custom":
            return []
        return [self._delta({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": text}}]})]

    def _close(self, part: AnswerPart) -> list[bytes]:
        if part.kind != "call" or part.cut_off:
            return []
        if self._tool(part).kind != "custom":
            return [] if part.pieces else self._more(part, "{}")
        custom = {"input": names.unwrapped(part.text)}
        return [self._delta({"tool_calls": [{"index": self._calls - 1, "custom": custom}]})]

    def _closing(self) -> list[bytes]:
        found = [self._delta({}, self._reason())]
        if self.counts:
            found.append(self._chunk([], usage=self._counts()))
        return [*found, b"data: [DONE]\n\n"]

    def document(self) -> dict[str, Any]:
        texts = {kind: "".join(part.text for part in self._parts if part.kind == kind) for kind in ("text", "thought")}
        message: dict[str, Any] = {"role": "assistant", "content": texts["text"] or None, "refusal": None}
        if texts["thought"]:
            message["reasoning_content"] = texts["thought"]
        if calls := [self._call(part, part.text or "{}") for part in self._parts if part.kind == "call"]:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason()}
        head = {"id": f"chatcmpl-{self._identity}", "object": "chat.completion", "created": self.created}
        return {**head, "model": self._model, "choices": [choice], "usage": self._counts()}

    def _call(self, part: AnswerPart, text: str) -> dict[str, Any]:
        tool = self._tool(part)
        if tool.kind == "custom":
            custom = {"name": tool.name, "input": names.unwrapped(text) if text else ""}
            return {"id": part.id, "type": "custom", "custom": custom}
        return {"id": part.id, "type": "function", "function": {"name": tool.name, "arguments": text}}

    def _reason(self) -> str:
        if self._has_calls and self.finish in (Finish.END, Finish.STOP_TEXT):
            return "tool_calls"
        return _WORDS[self.finish or Finish.END]

    def _counts(self) -> dict[str, Any]:
        usage = self.usage
        prompt = usage.prompt
        return {
            "prompt_tokens": prompt,
            "completion_tokens": usage.output,
            "total_tokens": prompt + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        }
