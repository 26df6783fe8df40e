"""The fields of each request format: which are read, which are left out in silence, and so which are told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

READ: Mapping[str, frozenset[str]] = {
    where: frozenset(names.split())
    for where, names in {
        "messages": (
            "model messages system max_tokens stream temperature top_p stop_sequences thinking tools tool_choice "
            "output_config output_format mcp_servers"
        ),
        "messages.output_config": "effort format",
        "messages.thinking": "type budget_tokens display",
        "messages.document": "type source title context",
        "messages.image": "type source",
        "messages.search_result": "type content source title",
        "chat": (
            "model messages stream stream_options temperature top_p stop max_tokens max_completion_tokens n "
            "reasoning_effort response_format tools tool_choice parallel_tool_calls functions"
        ),
        "chat.message": "role content tool_calls tool_call_id reasoning reasoning_content refusal",
        "responses": (
            "model input instructions stream temperature top_p max_output_tokens reasoning text tools tool_choice "
            "parallel_tool_calls previous_response_id conversation background prompt"
        ),
        "responses.reasoning": "effort summary",
        "responses.text": "format",
        "gemini": "contents systemInstruction system_instruction tools toolConfig generationConfig cachedContent",
        "gemini.generationConfig": (
            "maxOutputTokens temperature topP stopSequences responseMimeType responseJsonSchema responseSchema "
            "thinkingConfig candidateCount"
        ),
        "gemini.thinkingConfig": "includeThoughts thinkingLevel thinkingBudget",
        "gemini.toolConfig": "functionCallingConfig",
        "gemini.functionCallingConfig": "mode allowedFunctionNames",
        "gemini.part": "text thought thoughtSignature functionCall functionResponse inlineData",
    }.items()
}
_TRACES = (
    "metadata user safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention service_tier store"
)
"""Who asks and how it is billed, stored and cached: each provider has its own ways."""
_CACHED = "cache_control citations"
QUIET: Mapping[str, frozenset[str]] = {
    where: frozenset(names.split())
    for where, names in {
        "messages": (
            "cache_control metadata service_tier context_management betas speed inference_geo container diagnostics "
            "user_profile_id workspace_id billing_policy fallback_credit_token top_k"
        ),
        "messages.document": _CACHED,
        "messages.image": _CACHED,
        "messages.search_result": _CACHED,
        "chat": f"{_TRACES} verbosity prediction",
        "chat.message": "annotations reasoning_details",
        "responses": f"{_TRACES} include client_metadata truncation stream_options context_management",
        "responses.reasoning": "context generate_summary",
        "responses.text": "verbosity",
        "gemini": "model safetySettings labels serviceTier store",
        "gemini.generationConfig": "topK mediaResolution audioTimestamp routingConfig modelSelectionConfig",
        "gemini.part": "partMetadata mediaResolution mediaProcessing videoMetadata",
    }.items()
}
"""What no other provider needs: it changes nothing in the answer, or is what nearly every request has."""
_ORDINARY: Mapping[str, tuple[Any, ...]] = {"modalities": (["text"],), "responseModalities": (["TEXT"], ["text"])}
"""What says no more than where nothing is said."""


def untold(where: str, given: Mapping[str, Any]) -> list[str]:
    """The fields of `given` that are neither read nor left out in silence, in words for an event."""
    known, quiet = READ[where], QUIET.get(where, frozenset())
    found = [name for name in given if name not in known and name not in quiet]
    told = [name for name in found if given[name] and given[name] not in _ORDINARY.get(name, ())]
    inner = where.partition(".")[2]
    return [f"{inner}.{name}" if inner else name for name in told]
