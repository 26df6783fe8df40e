"""The OpenAI Responses API as Codex wants it: every item whole with its end, numbered, and all again at the last."""

from __future__ import annotations

from typing import Any

from agentdeck.core.formats import names, reading
from agentdeck.core.formats.answers.writing import AnswerWriter, named_event
from agentdeck.core.formats.ir import Finish
from agentdeck.core.formats.sequence import AnswerPart

_CUT_OFF = {Finish.LIMIT: "max_output_tokens", Finish.CONTEXT: "max_output_tokens", Finish.REFUSED: "content_filter"}


class ResponsesWriter(AnswerWriter):
    _sent = 0

    def document(self) -> dict[str, Any]:
        reason = _CUT_OFF.get(self.finish or Finish.END)
        output = [self._item(at, part) for at, part in enumerate(self._parts) if not part.cut_off]
        details = {"reason": reason} if reason else None
        return {
            **self._response("incomplete" if reason else "completed"),
            "output": output,
            "incomplete_details": details,
            "usage": self._counts(),
        }

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": f"resp_{self._identity}",
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self._model,
            "output": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None,
        }

    def _event(self, kind: str, **more: Any) -> bytes:
        number = self._sent
        self._sent += 1
        return named_event({"type": f"response.{kind}", "sequence_number": number, **more})

    def _opening(self) -> list[bytes]:
        response = self._response("in_progress")
        return [self._event("created", response=response), self._event("in_progress", response=response)]

    def _closing(self) -> list[bytes]:
        response = self.document()
        return [self._event(response["status"], response=response)]

    @property
    def _at(self) -> int:
        return len(self._parts) - 1

    def _open(self, part: AnswerPart) -> list[bytes]:
        found = [self._event("output_item.added", output_index=self._at, item=self._item(self._at, part, begun=True))]
        if part.kind == "text":
            found.append(self._on(part, "content_part.added", part=_text_part(""), content_index=0))
        elif part.kind == "thought" and part.pieces:
            found.append(self._on(part, "reasoning_summary_part.added", part=_summary(""), summary_index=0))
        return found

    def _more(self, part: AnswerPart, text: str) -> list[bytes]:
        if part.kind == "text":
            return [self._on(part, "output_text.delta", content_index=0, delta=text, logprobs=[])]
        if part.kind == "thought":
            return [self._on(part, "reasoning_summary_text.delta", summary_index=0, delta=text)]
        if self._tool(part).kind != "function":
            return []
        return [self._on(part, "function_call_arguments.delta", delta=text)]

    def _close(self, part: AnswerPart) -> list[bytes]:
        if part.cut_off:
            return []
        item = self._item(self._at, part)
        found: list[bytes] = []
        if part.kind == "text":
            found.append(self._on(part, "output_text.done", content_index=0, text=part.text, logprobs=[]))
            found.append(self._on(part, "content_part.done", content_index=0, part=_text_part(part.text)))
        elif part.kind == "thought" and part.pieces:
            found.append(self._on(part, "reasoning_summary_text.done", summary_index=0, text=part.text))
            found.append(self._on(part, "reasoning_summary_part.done", summary_index=0, part=_summary(part.text)))
        elif item["type"] == "function_call":
            done = {"arguments": item["arguments"], "name": item["name"]}
            found.append(self._on(part, "function_call_arguments.done", **done))
        elif item["type"] == "custom_tool_call":
            found.append(self._on(part, "custom_tool_call_input.delta", delta=item["input"]))
            found.append(self._on(part, "custom_tool_call_input.done", input=item["input"]))
        return [*found, self._event("output_item.done", output_index=self._at, item=item)]

    def _on(self, part: AnswerPart, kind: str, /, **more: Any) -> bytes:
        return self._event(kind, item_id=self._item_id(self._at, part), output_index=self._at, **more)

    def _item_id(self, at: int, part: AnswerPart) -> str:
        prefix = {"text": "msg", "thought": "rs"}.get(part.kind, "fc")
        if part.kind == "call" and self._tool(part).kind == "custom":
            prefix = "ctc"
        return f"{prefix}_{self._identity}_{at}"

    def _item(self, at: int, part: AnswerPart, *, begun: bool = False) -> dict[str, Any]:
        """The item as it is at its end, or at its beginning."""
        head = {"id": self._item_id(at, part), "status": "in_progress" if begun else "completed"}
        if part.kind == "text":
            content = [] if begun else [_text_part(part.text)]
            return {**head, "type": "message", "role": "assistant", "content": content}
        if part.kind == "thought":
            summary = [_summary(part.text)] if part.pieces and not begun else []
            seal = None if begun else self._seal(part)
            return {"id": head["id"], "type": "reasoning", "summary": summary, "encrypted_content": seal}
        return {**head, **self._call(part, begun=begun)}

    def _call(self, part: AnswerPart, *, begun: bool) -> dict[str, Any]:
        tool = self._tool(part)
        found: dict[str, Any] = {"call_id": part.id, "name": tool.name}
        if tool.namespace:
            found["namespace"] = tool.namespace
        if tool.kind == "custom":
            return {"type": "custom_tool_call", **found, "input": "" if begun else names.unwrapped(part.text)}
        if tool.kind == "local_shell":
            return {"type": "local_shell_call", "call_id": part.id, "action": _action(part.text)}
        return {"type": "function_call", **found, "arguments": "" if begun else part.text or "{}"}

    def _counts(self) -> dict[str, Any]:
        usage = self.usage
        prompt = usage.input + usage.cache_read + usage.cache_write
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + usage.output,
        }


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def _action(arguments: str) -> dict[str, Any]:
    given = reading.arguments_table(arguments)
    command = given.get("command")
    words = [command] if isinstance(command, str) else reading.texts(command)
    action: dict[str, Any] = {"type": "exec", "command": words, "env": {}}
    if isinstance(folder := given.get("workdir"), str):
        action["working_directory"] = folder
    if (limit := reading.number(given.get("timeout_ms"))) is not None:
        action["timeout_ms"] = limit
    return action
