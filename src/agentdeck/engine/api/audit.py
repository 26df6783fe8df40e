"""`deck.audit`: which models made what landed, who approved it and how, and what was tested."""

from __future__ import annotations

import calendar
import re
import time
from typing import Any

from agentdeck.core.reports.audit import as_csv, inventory
from agentdeck.engine.api.current import Current

_UNKNOWN = "not known"
_ID = re.compile("[0-9a-f]{40}")


class DeckAudit:
    def __init__(self, current: Current) -> None:
        self._current = current

    def rows(self, since: float = 0.0) -> list[dict[str, Any]]:
        """Each landing since then, oldest first, as it was recorded, with what is known of it now."""
        from agentdeck.engine.records.audit import Audit
        from agentdeck.engine.records.steps import Steps
        from agentdeck.system.git.history import committers

        undone = {step.number for step in Steps(self._current.store).all() if step.undone}
        filled = self._current.world.safe_settings.config.audit
        lines = [line for line in Audit(self._current.store).all() if _seconds(line.record.get("at", "")) >= since]
        ids = {str(line.record.get("commit", "")) for line in lines}
        known = committers(self._current.world.repo, [oid for oid in ids if _ID.fullmatch(oid)])
        rows = []
        for line in lines:
            told = dict(line.record)
            committer = known.get(str(told.get("commit", "")), "")
            told |= {"sound": line.is_sound, "undone": told.get("step") in undone, "committer": committer}
            told |= {"risk_class": filled.risk_class, "role": filled.role, "oversight": filled.oversight}
            rows.append(told)
        return rows

    def csv(self, since: float = 0.0) -> str:
        return as_csv(self.rows(since))

    def broken(self) -> list[int]:
        """The numbers of lines that were changed, or that do not follow on the one before."""
        from agentdeck.engine.records.audit import Audit

        return [line.number for line in Audit(self._current.store).all() if not line.is_sound]

    def inventory(self) -> str:
        """YAML of the models that the tiers name and that made what landed."""
        from agentdeck.engine.records.audit import Audit

        config = self._current.world.safe_settings.config
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for tier, chain in sorted(config.tiers.items()):
            for step in chain if not isinstance(chain, str) else []:
                provider, _, model = step.partition(":")
                self._add(found, provider, model, f"tier {tier}")
        for line in Audit(self._current.store).all():
            for name in line.record.get("models", []):
                provider, colon, model = str(name).partition(":")
                purpose = f"profile {line.record['profile']}"
                self._add(found, provider if colon else "", model if colon else provider, purpose)
        filled = config.audit
        more = {"oversight": filled.oversight, "risk_class": filled.risk_class, "role": filled.role}
        entries = [{**entry, "purposes": sorted(entry["purposes"]), **more} for entry in found.values()]
        return inventory(self._current.root.name, entries)

    def _add(self, found: dict[tuple[str, str], dict[str, Any]], provider: str, model: str, purpose: str) -> None:
        known = self._current.world.safe_settings.config.providers.get(provider)
        entry = found.setdefault(
            (provider, model),
            {
                "model": model or _UNKNOWN,
                "provider": provider or _UNKNOWN,
                "local": known.local if known is not None else None,
                "purposes": set(),
            },
        )
        entry["purposes"].add(purpose)


def _seconds(at: Any) -> float:
    try:
        return float(calendar.timegm(time.strptime(str(at), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return float("inf")  # a line that can't be read is always shown
