"""`stentor webhooks`: endpoints, the delivery log and redelivery on a running server."""

from __future__ import annotations

import base64
import secrets
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stentor.cli import AsJson, CallerKey, ServerUrl
from stentor.cli.client import DEFAULT_URL, Client, ClientError
from stentor.contract import (
    DeliveryState,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookEndpoint,
    WebhookEndpointList,
)

webhooks = App(name="webhooks", help="Endpoints, deliveries and redelivery on a running server.")

DELIVERIES_PATH = "/v1/webhook-deliveries"
SECRET_BYTES = 32

DeliveryId = Annotated[str, Parameter(help="The id of the delivery: msg_...")]

T = TypeVar("T")

_STYLES = {"pending": "yellow", "delivered": "green", "failed": "red"}


@webhooks.command(name="list")
def list_webhooks(
    *, as_json: AsJson = False, url: ServerUrl = DEFAULT_URL, key: CallerKey = None
) -> None:
    """List the endpoints that can be named."""
    page = _call(Client(url, key), "GET", "/v1/webhooks", WebhookEndpointList, as_json)
    if page is None:
        return
    table = Table("webhook", "url", "state")
    for one in page.data:
        state = Text("enabled", "green")
        if not one.enabled:
            state = Text(f"disabled {one.disabled_at:%Y-%m-%d %H:%M}: {one.disabled_reason}", "red")
        table.add_row(one.name, Text(one.url), state)
    Console().print(table)


@webhooks.command
def deliveries(
    *,
    job: Annotated[str | None, Parameter(help="Only for this job.")] = None,
    webhook: Annotated[str | None, Parameter(help="Only to this endpoint.")] = None,
    state: Annotated[DeliveryState | None, Parameter(help="Only those in this state.")] = None,
    limit: Annotated[int, Parameter(help="How many of the newest, 1 to 100.")] = 20,
    as_json: AsJson = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """List the newest deliveries."""
    asked = {"job": job, "webhook": webhook, "state": state, "limit": limit}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    path = f"{DELIVERIES_PATH}?{query}"
    page = _call(Client(url, key), "GET", path, WebhookDeliveryList, as_json)
    if page is None:
        return
    table = Table("delivery", "webhook", "job", "event", "state", "next attempt")
    for one in page.data:
        due = f"{one.next_attempt_at.astimezone():%m-%d %H:%M:%S}" if one.next_attempt_at else ""
        state_text = Text(one.state, _STYLES[one.state])
        table.add_row(one.id, one.webhook, one.job_id, one.type, state_text, due)
    Console().print(table)


@webhooks.command
def show(
    delivery_id: DeliveryId,
    *,
    as_json: AsJson = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Print one delivery and its attempts."""
    path = f"{DELIVERIES_PATH}/{quote(delivery_id, safe='')}"
    found = _call(Client(url, key), "GET", path, WebhookDelivery, as_json)
    if found is None:
        return
    print(f"{found.id}  {found.type} of job {found.job_id} to {found.webhook}: {found.state}")
    table = Table("attempt", "at", "took", "status", "error")
    for tried in found.attempts or []:
        table.add_row(
            str(tried.number),
            f"{tried.at.astimezone():%Y-%m-%d %H:%M:%S}",
            f"{tried.latency_ms} ms",
            str(tried.status_code or ""),
            Text(tried.error or ""),
        )
    Console().print(table)


@webhooks.command
def redeliver(
    delivery_id: DeliveryId, *, url: ServerUrl = DEFAULT_URL, key: CallerKey = None
) -> None:
    """Make a call again, at once, under the same webhook-id."""
    path = f"{DELIVERIES_PATH}/{quote(delivery_id, safe='')}/redeliver"
    Client(url, key).call("POST", path)
    print(f"{delivery_id} is due now; see: stentor webhooks show {delivery_id}")


@webhooks.command
def enable(
    name: Annotated[str, Parameter(help="The endpoint's name in the configuration.")],
    *,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Call an endpoint again that was disabled because it answered 410 Gone."""
    path = f"/v1/webhooks/{quote(name, safe='')}/enable"
    msgspec.json.decode(Client(url, key).call("POST", path), type=WebhookEndpoint)
    print(f"{name} is enabled")


@webhooks.command
def secret() -> None:
    """Make a new secret for [webhooks.NAME] secret."""
    print(f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}")


def _call(client: Client, method: str, path: str, kind: type[T], as_json: bool) -> T | None:
    """The decoded answer; None if it was printed as JSON."""
    raw = client.call(method, path)
    if as_json:
        print(msgspec.json.format(raw, indent=2).decode())
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise ClientError(f"the server's answer is not understood: {error}") from error
