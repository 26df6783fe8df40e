"""Providers that need no table of their own: where each format is, and which variable holds the key."""

from __future__ import annotations

from typing import Any

SERVED_PORT = 18640
"""Where `agentdeck models serve` listens unless it is told another port."""
_LOCAL: dict[str, Any] = {
    "apis": ["chat", "messages", "responses"],
    "basic": ["chat", "messages", "responses"],
    "local": True,
    "timeouts": {"connect": 3.0, "first_byte": 600.0, "content": 600.0, "answer": 1800.0, "idle": 300.0},
}
_COUNTING = {**_LOCAL, "count_tokens": True}


def _cloud(key: str, url: str, apis: str = "chat", **urls: str) -> dict[str, Any]:
    """A provider that speaks the basics of `apis`, at `url` but for those in `urls`."""
    return {"base_url": url, "apis": apis.split(), "basic": apis.split(), "key_env": key, "base_urls": urls}


PRESETS: dict[str, dict[str, Any]] = {
    "anthropic": {
        "base_url": "https://api.anthropic.com/v1",
        "apis": ["messages"],
        "login_key_env": "ANTHROPIC_API_KEY",
        "key_header": "x-api-key",
        "count_tokens": True,
    },
    "openai": {
        "base_url": "https://api.openai.com/v1",
        "apis": ["responses", "chat"],
        "login_key_env": "OPENAI_API_KEY",
    },
    "openrouter": _cloud("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "chat messages responses"),
    "gemini": {
        "base_url": "https://generativelanguage.googleapis.com/v1beta",
        "base_urls": {"chat": "https://generativelanguage.googleapis.com/v1beta/openai"},
        "apis": ["gemini", "chat"],
        "basic": ["chat"],
        "key_env": "GEMINI_API_KEY",
    },
    "deepseek": _cloud(
        "DEEPSEEK_API_KEY",
        "https://api.deepseek.com",
        "chat messages",
        messages="https://api.deepseek.com/anthropic/v1",
    ),
    "zai": _cloud(
        "ZAI_API_KEY",
        "https://api.z.ai/api/paas/v4",
        "chat messages",
        messages="https://api.z.ai/api/anthropic/v1",
    ),
    "zai-plan": _cloud(
        "ZAI_API_KEY",
        "https://api.z.ai/api/coding/paas/v4",
        "chat messages responses",
        messages="https://api.z.ai/api/anthropic/v1",
        responses="https://api.z.ai/api/v1",
    ),
    "zhipu": _cloud(
        "ZHIPU_API_KEY",
        "https://open.bigmodel.cn/api/paas/v4",
        "chat messages",
        messages="https://open.bigmodel.cn/api/anthropic/v1",
    ),
    "moonshot": _cloud(
        "MOONSHOT_API_KEY",
        "https://api.moonshot.ai/v1",
        "chat messages",
        messages="https://api.moonshot.ai/anthropic/v1",
    ),
    "minimax": _cloud(
        "MINIMAX_API_KEY",
        "https://api.minimax.io/v1",
        "messages chat",
        messages="https://api.minimax.io/anthropic/v1",
    ),
    "xai": _cloud("XAI_API_KEY", "https://api.x.ai/v1", "responses chat"),
    "mistral": _cloud("MISTRAL_API_KEY", "https://api.mistral.ai/v1"),
    "groq": _cloud("GROQ_API_KEY", "https://api.groq.com/openai/v1", "chat responses"),
    "together": _cloud("TOGETHER_API_KEY", "https://api.together.ai/v1"),
    "fireworks": _cloud("FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1", "chat messages responses"),
    "cerebras": _cloud("CEREBRAS_API_KEY", "https://api.cerebras.ai/v1"),
    "huggingface": _cloud("HF_TOKEN", "https://router.huggingface.co/v1", "chat responses"),
    "ollama": {"base_url": "http://127.0.0.1:11434/v1", **_LOCAL},
    "vllm": {"base_url": "http://127.0.0.1:8000/v1", **_COUNTING},
    "llamacpp": {"base_url": "http://127.0.0.1:8080/v1", **_COUNTING},
    "served": {"base_url": f"http://127.0.0.1:{SERVED_PORT}/v1", **_COUNTING},
    "lmstudio": {"base_url": "http://127.0.0.1:1234/v1", **_LOCAL},
    "sglang": {"base_url": "http://127.0.0.1:30000/v1", **_LOCAL, "apis": ["chat"], "basic": ["chat"]},
}
"""A table of the same name goes over its preset key by key."""

PARTIAL: dict[str, dict[str, Any]] = {
    "azure": {"apis": ["responses", "chat"], "key_env": "AZURE_API_KEY", "key_header": "api-key"},
    "bedrock": {"apis": ["messages", "chat"], "key_env": "AWS_BEARER_TOKEN_BEDROCK"},
}
"""Those whose address holds the user's own resource or region: a table has to say `base_url`, and nothing more."""
