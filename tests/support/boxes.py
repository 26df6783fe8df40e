"""Boxes, where this machine can make them."""

from __future__ import annotations

import pytest

from agentdeck.errors import DeckError
from agentdeck.system.box.bubblewrap import require_box


def skip_without_box(*, alone: bool = False) -> None:
    """`alone`: with a network of its own."""
    try:
        require_box(alone=alone)
    except DeckError as error:
        pytest.skip(f"{error.title} {error.detail}")
