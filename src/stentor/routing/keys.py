"""A provider's keys: which one is used next, and which are left alone for now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stentor.secret import Secret

# A key that was refused may have been given rights or credit since.
FIRST_BAN_S = 60.0
LONGEST_BAN_S = 3600.0
# A vendor forbids a key, but also a voice or a model.
FIRST_DOUBTFUL_BAN_S = 5.0
# Whatever a vendor asks for: its clock may be wrong, and its limit raised.
LONGEST_REST_S = 600.0


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One key. Without a `value` calls go out without a key, as to a server of one's own."""

    label: str | None
    value: Secret | None
    weight: float = 1.0


@dataclass(slots=True)
class _State:
    key: ProviderKey
    credit: float = 0.0
    rests_until: float = 0.0
    banned_until: float = 0.0
    next_ban_s: float = FIRST_BAN_S

    @property
    def free_at(self) -> float:
        return max(self.rests_until, self.banned_until)


class KeyRing:
    """Keys in turn, each as often as its weight says.

    Args:
        keys: at least one.
        clock: monotonic, in seconds.
    """

    def __init__(self, keys: Sequence[ProviderKey], clock: Callable[[], float]) -> None:
        self._states = [_State(key) for key in keys]
        self._clock = clock

    def choose(self) -> ProviderKey | None:
        """The key to use next; None while all are left alone.

        The turns are those of smooth weighted round-robin: spread evenly, and never random.
        """
        now = self._clock()
        free = [state for state in self._states if state.free_at <= now]
        if len(free) < 2:
            return free[0].key if free else None
        for state in free:
            state.credit += state.key.weight
        chosen = max(free, key=lambda state: state.credit)
        chosen.credit -= sum(state.key.weight for state in free)
        return chosen.key

    def worked(self, key: ProviderKey) -> None:
        """The key was accepted."""
        self._state(key).next_ban_s = FIRST_BAN_S

    def ban(self, key: ProviderKey, *, doubtful: bool = False) -> None:
        """The key was refused, or its account is empty: leave it alone, each time for longer.

        Calls that were under way when the first of them was refused make it no longer.

        Args:
            doubtful: it may be one request alone that the key is not good for: for a short while.
        """
        state, now = self._state(key), self._clock()
        if state.banned_until > now:
            return
        if doubtful and state.next_ban_s == FIRST_BAN_S:
            state.next_ban_s = FIRST_DOUBTFUL_BAN_S
        state.banned_until = now + state.next_ban_s
        state.next_ban_s = min(2 * state.next_ban_s, LONGEST_BAN_S)

    def rest(self, key: ProviderKey, seconds: float) -> None:
        """The key had too much to do."""
        state = self._state(key)
        state.rests_until = max(state.rests_until, self._clock() + min(seconds, LONGEST_REST_S))

    @property
    def count(self) -> int:
        """How many keys there are."""
        return len(self._states)

    @property
    def in_turn(self) -> list[ProviderKey]:
        """All keys, those that are not left alone first."""
        return [state.key for state in sorted(self._states, key=lambda state: state.free_at)]

    def wait_s(self) -> float:
        """How long until a key is free; 0 if one is."""
        return max(0.0, min(state.free_at for state in self._states) - self._clock())

    @property
    def refused(self) -> bool:
        """Whether every key is left alone because it was refused."""
        now = self._clock()
        return all(state.banned_until > now for state in self._states)

    def _state(self, key: ProviderKey) -> _State:
        return next(state for state in self._states if state.key is key)
