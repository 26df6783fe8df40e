"""The four request formats that agents and model servers speak."""

from __future__ import annotations

from enum import StrEnum


class Api(StrEnum):
    """A request format, by the name used in `[providers.NAME] apis`."""

    MESSAGES = "messages"
    """Anthropic Messages."""
    CHAT = "chat"
    """OpenAI Chat Completions."""
    RESPONSES = "responses"
    """OpenAI Responses."""
    GEMINI = "gemini"
    """Gemini `generateContent`."""


PATHS = {Api.MESSAGES: "/messages", Api.CHAT: "/chat/completions", Api.RESPONSES: "/responses"}
"""Where requests for an answer go, below `/v1`; Gemini's path names the model."""
