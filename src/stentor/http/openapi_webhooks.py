"""The webhooks' part of the OpenAPI document."""

from __future__ import annotations

from stentor.contract import (
    DELIVERY_STATES,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookEvent,
)
from stentor.http.openapi_parts import Json, json_body, operation, query
from stentor.http.paging import DEFAULT_PAGE, MAX_PAGE

WEBHOOK_TYPES = (
    WebhookEvent,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookDelivery,
    WebhookDeliveryList,
)

DELIVERIES_PATH = "/v1/webhook-deliveries"
_ID: Json = {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"}


def webhook_paths() -> Json:
    """The calls by which the delivery log is read and deliveries are repeated."""
    delivery_id = {"name": "delivery_id", "in": "path", "required": True, "schema": _ID}
    return {
        "/v1/webhooks": {
            "get": operation(
                "listWebhooks",
                "The endpoints that the caller may name",
                {"200": json_body("WebhookEndpointList", "All of them")},
                errors=(401, 503),
            )
        },
        "/v1/webhooks/{name}/enable": {
            "parameters": [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "post": operation(
                "enableWebhook",
                "Call an endpoint again that was disabled, at once for all that is owed to it",
                {"200": json_body("WebhookEndpoint", "It is enabled")},
                errors=(401, 404, 503),
            ),
        },
        DELIVERIES_PATH: {
            "get": operation(
                "listWebhookDeliveries",
                "The calls that were owed for the caller's jobs, newest first",
                {"200": json_body("WebhookDeliveryList", "A page of deliveries")},
                errors=(400, 401, 503),
                parameters=[
                    query(
                        "limit",
                        {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": MAX_PAGE,
                            "default": DEFAULT_PAGE,
                        },
                        "Deliveries on the page",
                    ),
                    query("after", _ID, "Only deliveries older than this one"),
                    query("job", {"type": "string", "format": "uuid"}, "Only for this job"),
                    query("webhook", {"type": "string"}, "Only to this endpoint"),
                    query(
                        "state",
                        {"type": "string", "enum": list(DELIVERY_STATES)},
                        "Only deliveries that stand like this",
                    ),
                ],
            )
        },
        f"{DELIVERIES_PATH}/{{delivery_id}}": {
            "parameters": [delivery_id],
            "get": operation(
                "showWebhookDelivery",
                "A delivery with its attempts",
                {"200": json_body("WebhookDelivery", "The delivery")},
                errors=(401, 404, 503),
            ),
        },
        f"{DELIVERIES_PATH}/{{delivery_id}}/redeliver": {
            "parameters": [delivery_id],
            "post": operation(
                "redeliverWebhook",
                "Make a call again, at once and under the same webhook-id",
                {"202": json_body("WebhookDelivery", "It is due")},
                errors=(401, 404, 409, 503),
            ),
        },
    }
