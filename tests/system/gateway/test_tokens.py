"""The gateway's secret: made once, private, and no longer believed when it is damaged."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agentdeck.errors import StoreError
from agentdeck.system.gateway.tokens import OPERATOR, Bearer, mint, secret, verify


def test_it_is_made_once_and_readable_by_its_user_only(tmp_path: Path) -> None:
    key = secret(tmp_path / "state")
    assert secret(tmp_path / "state") == key
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "state/secret").stat().st_mode) == 0o600
    assert verify(key, mint(key, Bearer("d", "ä", "t"))) == Bearer("d", "ä", "t")


def test_reading_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = secret(tmp_path)

    def full(*_args: object, **_more: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    assert secret(tmp_path) == key


@pytest.mark.parametrize("content", [b"", b"short"])
def test_one_that_is_cut_short_signs_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(StoreError, match="secret is damaged"):
        mint(secret(tmp_path), OPERATOR)
