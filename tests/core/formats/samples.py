"""Requests as the real clients send them, shortened, and answers as the real providers send them."""

from __future__ import annotations

from typing import Any

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}

CLAUDE_CODE: dict[str, Any] = {
    "model": "claude-opus-4-8",
    "max_tokens": 64_000,
    "stream": True,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=a1b2c;"},
        {"type": "text", "text": "You are Claude Code."},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
    ],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": "x" * 150},
    "tools": [
        {
            "name": "Bash",
            "description": "Run",
            "input_schema": {"type": "object", "properties": {"c": {"type": "string"}}},
        },
        {"name": "Read", "description": "Read", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Look at both."}]},
        {"role": "system", "content": "The date is today."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Two calls.", "signature": "anthropics-own"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"c": "ls"}},
                {"type": "tool_use", "id": "call_a|fc:1.2", "name": "Read", "input": {"p": "a.png"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_a|fc:1.2", "content": [_PNG]},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such file", "is_error": True},
                {"type": "text", "text": "Go on.", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ],
}

_FUNCTION = {"type": "object", "properties": {"cmd": {"type": "string", "encrypted": True}}, "required": ["cmd"]}
_GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: begin"}
_EXEC = {"type": "custom", "name": "exec", "description": "Run JavaScript", "format": _GRAMMAR}
_WAIT = {"type": "function", "name": "wait", "strict": False, "parameters": _FUNCTION}
_SPACES = [
    {"type": "namespace", "name": "functions", "tools": [_EXEC, _WAIT]},
    {"type": "namespace", "name": "mcp__docs", "tools": [{"type": "function", "name": "find", "parameters": {}}]},
]

CODEX: dict[str, Any] = {
    "model": "gpt-6-sol",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "xhigh", "summary": "auto", "context": "all_turns"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "client_metadata": {"x": "y"},
    "input": [
        {"type": "additional_tools", "role": "developer", "tools": _SPACES},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You are Codex."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "openais-own"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "namespace": "functions", "input": "a();"},
        {"type": "function_call", "call_id": "c2", "name": "find", "namespace": "mcp__docs", "arguments": "{}"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "a picture"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
            ],
        },
    ],
}
"""As the newest models get it: the tools are in the input."""

CODEX_OLD: dict[str, Any] = {
    "model": "something",
    "stream": True,
    "instructions": "You are Codex.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it."}]}],
    "tools": [
        {"type": "function", "name": "exec_command", "strict": False, "parameters": _FUNCTION},
        {"type": "custom", "name": "apply_patch", "description": "Patch", "format": _GRAMMAR},
        {"type": "web_search", "external_web_access": False},
        {"type": "tool_search", "execution": "client"},
        {"type": "local_shell"},
    ],
    "tool_choice": "auto",
}

GEMINI_CLI: dict[str, Any] = {
    "systemInstruction": {"role": "user", "parts": [{"text": "You are Gemini CLI."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Do it."}]},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "read_file", "args": {"p": "a"}}, "thoughtSignature": "googles-own"},
                {"functionCall": {"name": "read_file", "args": {"p": "b"}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "read_file", "response": {"output": "first"}}},
                {
                    "functionResponse": {
                        "name": "read_file",
                        "response": {"error": "no such file"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}],
                    }
                },
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "read_file",
                    "description": "Read",
                    "parametersJsonSchema": {"type": "object", "properties": {}},
                },
                {"name": "old", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
            ]
        },
        {"googleSearch": {}},
    ],
    "generationConfig": {
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"},
    },
}
