"""What the system needs from a database to deliver webhooks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

from msgspec import Struct

from stentor.contract import DeliveryState


class DeliveryRecord(Struct, frozen=True, kw_only=True):
    """A call that is owed for a job. All times are milliseconds since the epoch.

    Attributes:
        id: the same in every attempt (the specification's `webhook-id`).
        webhook: the endpoint's name in the configuration.
        status, request_id, created_ms, completed_ms, expires_ms, status_code, result, error: of
            the job, as it ended.
        attempt: how often it was claimed.
        round_start: the attempt that came before the first of the current round of the schedule;
            a redelivery begins a round.
        due_ms: not to be attempted before.
    """

    id: str
    job_id: str
    owner: str
    webhook: str
    status: Literal["completed", "failed"]
    request_id: str | None
    created_ms: int
    completed_ms: int
    expires_ms: int
    status_code: int
    result: bytes | None
    error: bytes | None
    state: DeliveryState
    attempt: int
    round_start: int
    due_ms: int


class Tried(Struct, frozen=True, kw_only=True):
    """One attempt, in the delivery log.

    Attributes:
        attempt: its number, from 1.
        status_code: of the answer, if there was one.
        error: why it did not succeed; None if it did.
    """

    attempt: int
    at_ms: int
    latency_ms: int
    status_code: int | None = None
    error: str | None = None


class Disabled(Struct, frozen=True):
    """Since when an endpoint is not called any more, and why."""

    at_ms: int
    reason: str


class DeliveryStore(Protocol):
    """Calls that are owed, kept safe from crashes.

    A delivery is made by the transaction that ends its job, as pending. What a method has changed
    is on disk when it returns; each is atomic, reads no clock and raises `StoreClosed` and
    `StoreFull` as `JobStore` does.
    """

    async def claim(
        self,
        webhook: str,
        lease_ms: int,
        now_ms: int,
        limit: int,
        *,
        held: Collection[str] = (),
    ) -> list[DeliveryRecord]:
        """Take up to `limit` pending deliveries to an endpoint that are due, longest due first.

        None while the endpoint is disabled. Nobody else takes them for `lease_ms`.

        Args:
            held: ids of deliveries that the caller is still making, however long that takes and
                whatever the clock does meanwhile; they are not taken again.
        """
        ...

    async def settle(
        self, delivery_id: str, tried: Tried, state: DeliveryState, due_ms: int
    ) -> bool:
        """Write an attempt into the log and say how the delivery stands after it.

        Returns False, and changes nothing, if a newer attempt has been claimed.
        """
        ...

    async def release_all(self) -> None:
        """End all leases, for a start at which no other process can be delivering.

        An attempt that a crash cut short takes no place in the schedule.
        """
        ...

    async def bring_forward(self, now_ms: int, latest_ms: int) -> None:
        """Make due now what a wrong clock has put off.

        That is what is due later than `latest_ms`, and what is due at once but not by now.
        """
        ...

    async def next_due(self, webhooks: Collection[str]) -> int | None:
        """When the next delivery to these endpoints is due; None if none is pending.

        Deliveries that somebody has claimed, and disabled endpoints, do not count.
        """
        ...

    async def disable(self, webhook: str, now_ms: int, reason: str) -> None:
        """Call the endpoint no more; what is owed to it stays pending."""
        ...

    async def enable(self, webhook: str, now_ms: int) -> bool:
        """Call a disabled endpoint again, at once for all that is owed; False if it was not.

        A call that is being made at this moment is not made twice.
        """
        ...

    async def disabled(self) -> dict[str, Disabled]:
        """The endpoints that are disabled, by name."""
        ...

    async def list_deliveries(
        self,
        owner: str,
        *,
        limit: int,
        after: str | None = None,
        job_id: str | None = None,
        webhook: str | None = None,
        state: DeliveryState | None = None,
    ) -> list[DeliveryRecord]:
        """Up to `limit` deliveries for the owner's jobs, newest first, without result and error.

        Args:
            after: only deliveries older than this one; none if there is no such delivery.
        """
        ...

    async def get(self, delivery_id: str, owner: str) -> tuple[DeliveryRecord, list[Tried]] | None:
        """A delivery and its log, oldest first; None if it is unknown or another owner's."""
        ...

    async def redeliver(self, delivery_id: str, owner: str, now_ms: int) -> bool:
        """Make a delivery due now, as if it were new; False if it is unknown or another owner's.

        One that is being attempted at this moment counts as attempted before.
        """
        ...

    async def purge(self, ended_before_ms: int) -> int:
        """Forget deliveries for jobs that ended before that time; returns how many."""
        ...
