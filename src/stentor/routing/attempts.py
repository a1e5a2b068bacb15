"""What was tried for one request, and what it cost."""

from __future__ import annotations

import msgspec

from stentor.contract import Attempt

NAMED = 64


class AttemptLog:
    """The attempts of one request at all its targets, in order.

    Successful calls of one key at one model are one entry that counts them; so are, beyond
    `NAMED` entries, failures of one kind: the list of a text of a thousand segments can be read.

    Args:
        whole: the log that this one is a part of.

    Attributes:
        calling: the model, as `provider/model`, that was called last; None before the first call.
    """

    def __init__(self, whole: AttemptLog | None = None) -> None:
        self._entries: list[Attempt] = []
        self._whole = whole
        self.calling: str | None = None

    def add(self, attempt: Attempt) -> None:
        """Add an attempt, or count it."""
        if self._whole is not None:
            self._whole.add(attempt)
        crowded = len(self._entries) >= NAMED
        if attempt.outcome in ("ok", "cached") or crowded:
            for number, entry in enumerate(self._entries):
                if _kind(entry) == _kind(attempt):
                    self._entries[number] = _together(entry, attempt)
                    return
        self._entries.append(attempt)

    @property
    def entries(self) -> tuple[Attempt, ...]:
        return tuple(self._entries)

    @property
    def calls(self) -> int:
        """How many calls were made in all."""
        return sum(entry.calls for entry in self._entries)

    @property
    def cost(self) -> float | None:
        """The sum of what is known, in US dollars; None if nothing is."""
        costs = [entry.cost for entry in self._entries if entry.cost is not None]
        return round(sum(costs), 9) if costs else None


def _kind(attempt: Attempt) -> tuple[str, str, str | None, str]:
    return attempt.provider, attempt.model, attempt.key, attempt.outcome


def _together(entry: Attempt, attempt: Attempt) -> Attempt:
    costs = [one.cost for one in (entry, attempt) if one.cost is not None]
    return msgspec.structs.replace(
        entry,
        calls=entry.calls + attempt.calls,
        latency_ms=entry.latency_ms + attempt.latency_ms,
        cost=round(sum(costs), 9) if costs else None,
        error=attempt.error or entry.error,
    )
