"""Whether, and when, a failed call is made again."""

from __future__ import annotations

import random
from collections.abc import Callable

from stentor.providers.faults import IMPLAUSIBLE, ProviderError
from stentor.routing.account import Account
from stentor.routing.keys import ProviderKey

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
SEGMENTS_PER_RETRY = 5

_NEVER = frozenset({"invalid", "not_found", "too_long"})
_NEXT_KEY = frozenset({"auth", "quota"})


class RetryBudget:
    """How many retries one request has left at one target."""

    def __init__(self, retries: int, segments: int = 0) -> None:
        self._left = retries + segments // SEGMENTS_PER_RETRY

    def allow_for(self, segments: int) -> None:
        """So many segments are to be spoken, too."""
        self._left += segments // SEGMENTS_PER_RETRY

    def spend(self) -> bool:
        """Take one; False if none is left."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True


class Effort:
    """The retries of one segment at one target.

    - A key that was refused, or that has nothing left, is followed by the next at once; that is
      no retry.
    - Too much at once (429) lets the key rest for as long as the provider asks, and is tried with
      another key if one is free; that is a retry only once all keys were tried.
    - What the provider or the network did wrong is tried again after a pause that doubles, with
      jitter, but not before the provider asks for.
    - Audio that cannot be the text's is tried once more.
    - What is wrong with the request is not tried again.

    Attributes:
        pause_s: how long to wait before the next call.
        key: the one of the newest call.
    """

    def __init__(
        self, account: Account, model: str, budget: RetryBudget, clock: Callable[[], float]
    ) -> None:
        self._account = account
        self._model = model
        self._budget = budget
        self._clock = clock
        self._end: float | None = None
        self._retries = 0
        self.pause_s = 0.0
        self.key: ProviderKey | None = None
        self._hurried: set[ProviderKey] = set()
        self._was_implausible = False

    @property
    def rest_s(self) -> float:
        """How long retries may still go on: from the first failure, for waiting is none."""
        if self._end is None:
            return self._account.patience.retry_s
        return max(0.0, self._end - self._clock())

    def again(self, error: BaseException, last_resort: bool) -> bool:
        """Whether to call again, after `pause_s`.

        Args:
            last_resort: nothing else is left to try.
        """
        if not isinstance(error, ProviderError) or error.kind in _NEVER:
            return False
        if self._end is None:
            self._end = self._clock() + self._account.patience.retry_s
        if error.code == IMPLAUSIBLE:
            # The second time it is the text, or the voice, and each time it is billed.
            if self._was_implausible:
                return False
            self._was_implausible = True
        keys = self._account.keys
        if error.kind in _NEXT_KEY:
            self.pause_s = keys.wait_s()
            return not keys.refused and self.pause_s <= self.rest_s
        if error.kind == "unavailable":
            self.pause_s = max(FIRST_PAUSE_S, error.retry_after_s or 0.0)
            return last_resort and self.pause_s <= self.rest_s
        self.pause_s = max(self._backoff_s(), error.retry_after_s or 0.0)
        if error.kind == "rate_limited" and self.key is not None:
            keys.rest(self.key, self.pause_s)
            self.pause_s = keys.wait_s()
            self._hurried.add(self.key)
            if self.pause_s == 0.0 and len(self._hurried) < keys.count:
                return True
            self._hurried.clear()
        if self._retries >= self._account.patience.retries or self.pause_s > self.rest_s:
            return False
        self._retries += 1
        return self._budget.spend()

    def _backoff_s(self) -> float:
        longest = min(FIRST_PAUSE_S * 2.0**self._retries, LONGEST_PAUSE_S)
        return longest * random.uniform(0.5, 1.0)
