"""A circuit breaker: what fails again and again is left alone for a while, then tried once."""

from __future__ import annotations

from collections.abc import Callable


class Breaker:
    """Closed while calls succeed; open after so many failures in a row; half open for one call
    once the time is up, which decides.

    Args:
        failures: in a row, that open it; at least 1.
        open_s: for how long.
        clock: monotonic, in seconds.
    """

    def __init__(self, failures: int, open_s: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._open_s = open_s
        self._clock = clock
        self._in_a_row = 0
        self._open_until = 0.0
        self._probing = False

    @property
    def wait_s(self) -> float:
        """How long until a call may be tried; 0 if now."""
        if self._in_a_row < self._failures:
            return 0.0
        rest = self._open_until - self._clock()
        return self._open_s if self._probing and rest <= 0 else max(0.0, rest)

    def enter(self) -> bool:
        """Whether a call may be made now. After True, one of the others must follow."""
        if self._in_a_row < self._failures:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The vendor answered as one that works does, be it with a refusal."""
        self._in_a_row = 0
        self._probing = False

    def failed(self) -> None:
        """The vendor does not work."""
        self._in_a_row += 1
        self._probing = False
        if self._in_a_row >= self._failures:
            self._open_until = self._clock() + self._open_s

    def abandoned(self) -> None:
        """The call was given up, and tells nothing."""
        self._probing = False
