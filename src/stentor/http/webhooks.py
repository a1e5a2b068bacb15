"""`/v1/webhooks` and `/v1/webhook-deliveries`: what was called, and calling it again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stentor.contract import (
    DELIVERY_STATES,
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookEndpoint,
    WebhookEndpointList,
)
from stentor.errors import SpeechError, invalid, not_found
from stentor.gateway import Webhooks
from stentor.http.headers import read_headers
from stentor.http.keys import Keys
from stentor.http.paging import read_choice, read_job_id_query, read_limit
from stentor.http.render import json_response
from stentor.jobs.clock import now_ms
from stentor.webhooks.endpoints import no_such_delivery, shown_url
from stentor.webhooks.store import DeliveryRecord, Tried

_DELIVERY_ID = re.compile(r"msg_[0-9a-f]{32}")


def webhook_routes(webhooks: Webhooks, keys: Keys) -> list[Route]:
    """The routes of the delivery log."""
    api = _WebhooksApi(webhooks, keys)
    deliveries = "/v1/webhook-deliveries"
    return [
        Route("/v1/webhooks", api.endpoints, methods=["GET"]),
        Route("/v1/webhooks/{name}/enable", api.enable, methods=["POST"]),
        Route(deliveries, api.list_deliveries, methods=["GET"]),
        Route(f"{deliveries}/{{delivery_id}}", api.show, methods=["GET"]),
        Route(f"{deliveries}/{{delivery_id}}/redeliver", api.redeliver, methods=["POST"]),
    ]


class _WebhooksApi:
    def __init__(self, webhooks: Webhooks, keys: Keys) -> None:
        self._endpoints = webhooks.endpoints
        self._store = webhooks.store
        self._notify = webhooks.notify
        self._keys = keys

    async def endpoints(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        disabled = await self._store.disabled()
        found = []
        for name in self._endpoints.of(owner):
            since = disabled.get(name)
            found.append(
                WebhookEndpoint(
                    name,
                    shown_url(self._endpoints[name]),
                    enabled=since is None,
                    disabled_at=_time(since.at_ms) if since else None,
                    disabled_reason=since.reason if since else None,
                )
            )
        return json_response(WebhookEndpointList(found))

    async def enable(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        name = request.path_params["name"]
        if name not in self._endpoints.of(owner):
            raise not_found("there is no such webhook", code="webhook_not_found")
        await self._store.enable(name, now_ms())
        self._notify()
        return json_response(WebhookEndpoint(name, shown_url(self._endpoints[name]), enabled=True))

    async def list_deliveries(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        limit = read_limit(request)
        query = request.query_params
        records = await self._store.list_deliveries(
            owner,
            limit=limit + 1,
            after=_delivery_id(query["after"]) if "after" in query else None,
            job_id=read_job_id_query(request, "job"),
            webhook=query.get("webhook"),
            state=read_choice(request, "state", DELIVERY_STATES),
        )
        data = [_view(record) for record in records[:limit]]
        return json_response(
            WebhookDeliveryList(
                data,
                has_more=len(records) > limit,
                first_id=data[0].id if data else None,
                last_id=data[-1].id if data else None,
            )
        )

    async def show(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        return json_response(await self._find(request.path_params["delivery_id"], owner))

    async def redeliver(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        delivery_id = request.path_params["delivery_id"]
        found = await self._find(delivery_id, owner)
        if found.webhook not in self._endpoints.of(owner):
            raise SpeechError(
                409,
                "webhook_not_found",
                f"the webhook {found.webhook} is not configured any more",
            )
        if found.webhook in await self._store.disabled():
            raise SpeechError(
                409,
                "webhook_disabled",
                f"the webhook {found.webhook} is disabled; enable it first: "
                f"POST /v1/webhooks/{found.webhook}/enable",
            )
        if not await self._store.redeliver(delivery_id, owner, now_ms()):
            raise no_such_delivery()
        self._notify()
        return json_response(await self._find(delivery_id, owner), 202)

    async def _find(self, delivery_id: str, owner: str) -> WebhookDelivery:
        found = await self._store.get(delivery_id, owner)
        if found is None:
            raise no_such_delivery()
        return _view(*found)


def _view(record: DeliveryRecord, log: list[Tried] | None = None) -> WebhookDelivery:
    return WebhookDelivery(
        id=record.id,
        job_id=record.job_id,
        webhook=record.webhook,
        type=f"async_job.{record.status}",  # type: ignore[arg-type]
        state=record.state,
        ended_at=_time(record.completed_ms),
        next_attempt_at=_time(record.due_ms) if record.state == "pending" else None,
        attempts=[_attempt(tried) for tried in log] if log is not None else None,
    )


def _attempt(tried: Tried) -> WebhookAttempt:
    return WebhookAttempt(
        tried.attempt, _time(tried.at_ms), tried.latency_ms, tried.status_code, tried.error
    )


def _delivery_id(value: str) -> str:
    if not _DELIVERY_ID.fullmatch(value):
        raise invalid(f"after: expected the id of a delivery, got {value[:40]!r}", param="after")
    return value


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
