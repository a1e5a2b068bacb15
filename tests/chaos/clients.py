"""The callers: they submit, retry what they may, cancel, and remember what they were told."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from chaos.orders import Order
from chaos.server import KEYS, Server
from support import JOBS

PAUSE_S = 0.05
POLLS_PER_S = 40


@dataclass(slots=True)
class Ledger:
    """What the callers were told. Every set and list only grows.

    Attributes:
        accepted: the order behind each id that got a 202.
        answers: the ids that an order got, one for each 202.
        cancelled: ids whose cancellation was confirmed.
        asked: ids that a cancellation was asked for.
        deleted: ids that a cancellation removed, since it came when they had ended.
        doubtful: ids whose cancellation got no answer; it may have removed them, too.
        ends: what a poll first said of an ended job; it must say so forever.
        surprises: answers that no client should get.
    """

    accepted: dict[str, Order] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    submitted: threading.Event = field(default_factory=threading.Event)

    def accept(self, order: Order, job_id: str) -> None:
        with self.lock:
            self.accepted[job_id] = order
            self.answers.setdefault(order.name, []).append(job_id)
        self.submitted.set()

    def surprise(self, what: str) -> None:
        with self.lock:
            self.surprises.append(what)


class Clients:
    """Several threads of callers, and one that polls.

    Args:
        over_s: about how long the submitting takes.
    """

    def __init__(
        self, server: Server, ledger: Ledger, orders: list[Order], *, over_s: float, seed: int
    ) -> None:
        self._ledger = ledger
        self._stop = threading.Event()
        self._choose = random.Random(seed)
        self._clients = {owner: server.client(owner) for owner in KEYS}
        self._pool = ThreadPoolExecutor(2 * len(orders) + 2, thread_name_prefix="client")
        # Half of them come at once, so that there is always something to interrupt.
        starts = [self._choose.choice((0.0, self._choose.uniform(0, over_s))) for _ in orders]
        self._work = [
            self._pool.submit(self._order, order, start_s)
            for order, start_s in zip(orders, starts, strict=True)
            for _ in range(2 if order.key else 1)
        ]
        self._polling = self._pool.submit(self._poll)

    def wait(self) -> None:
        """Wait until all is submitted, and all that is to be cancelled is."""
        for future in self._work:
            future.result()

    def close(self) -> None:
        """Stop polling."""
        self._stop.set()
        self._polling.result()
        self._pool.shutdown()
        for client in self._clients.values():
            client.close()

    def _order(self, order: Order, start_s: float) -> None:
        time.sleep(start_s)
        client = self._clients[order.owner]
        job_id = self._submit(client, order)
        if job_id is not None and order.cancel_after_s is not None:
            time.sleep(order.cancel_after_s)
            self._cancel(client, job_id)

    def _submit(self, client: httpx.Client, order: Order) -> str | None:
        while not self._stop.is_set():
            try:
                response = client.post(JOBS, json=order.body, headers=order.headers)
            except httpx.TransportError:
                # Without a key, a second try may make a second job: that is the caller's choice.
                self._stop.wait(PAUSE_S)
                continue
            if response.status_code == 202:
                job_id: str = response.json()["id"]
                self._ledger.accept(order, job_id)
                return job_id
            if response.status_code != 503:
                self._ledger.surprise(f"{order.name}: {response.status_code} {response.text}")
                return None
            self._stop.wait(PAUSE_S)
        return None

    def _cancel(self, client: httpx.Client, job_id: str) -> None:
        ledger = self._ledger
        while not self._stop.is_set():
            try:
                if client.get(f"{JOBS}/{job_id}").status_code != 202:
                    return
                with ledger.lock:
                    ledger.asked.add(job_id)
                response = client.delete(f"{JOBS}/{job_id}")
            except httpx.TransportError:
                with ledger.lock:
                    ledger.doubtful |= ledger.asked & {job_id}
                self._stop.wait(PAUSE_S)
                continue
            with ledger.lock:
                if response.status_code == 200:
                    ledger.cancelled.add(job_id)
                elif response.status_code == 204:
                    ledger.deleted.add(job_id)
                elif response.status_code != 404:  # the order's other client may have been faster
                    ledger.surprises.append(f"cancel: {response.status_code} {response.text}")
            return

    def _poll(self) -> None:
        choose = random.Random(0)
        ledger = self._ledger
        while not self._stop.wait(1 / POLLS_PER_S):
            with ledger.lock:
                live = [one for one in ledger.accepted.items() if one[0] not in ledger.ends]
            if not live:
                continue
            job_id, order = choose.choice(live)
            try:
                response = self._clients[order.owner].get(f"{JOBS}/{job_id}")
            except httpx.TransportError:
                continue
            if response.status_code == 200:
                with ledger.lock:
                    ledger.ends[job_id] = ending(response.json())


def ending(job: dict[str, Any]) -> dict[str, Any]:
    """What must never change about an ended job."""
    result, error = job.get("result"), job.get("error")
    return {
        "status": job["status"],
        "status_code": job["status_code"],
        "completed_at": job["completed_at"],
        "sha256": result and result["sha256"],
        "code": error and error["error"]["code"],
    }
