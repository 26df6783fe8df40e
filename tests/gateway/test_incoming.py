from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from agentdeck.core.providers.apis import Api
from agentdeck.gateway.incoming import api_of, token_and_path

GEMINI = "/models/gemini-2.5-pro:streamGenerateContent"


@pytest.mark.parametrize("before", ["", "/v1beta", "/v1beta1/publishers/google"])
def test_gemini_s_request_is_known_wherever_it_is_sent_to(before: str) -> None:
    request = make_mocked_request("POST", f"/token{before}{GEMINI}")
    assert token_and_path(request) == ("token", GEMINI)
    assert api_of(request, GEMINI) is Api.GEMINI


def test_nothing_else_of_vertex_ai_is_led_on() -> None:
    path = "/v1beta1/publishers/google/../../secrets"
    assert token_and_path(make_mocked_request("POST", f"/token{path}")) == ("token", path)
