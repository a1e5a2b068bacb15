"""The endpoints that the configuration names, and the signatures that they can verify."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from stentor.config import Webhook
from stentor.errors import SpeechError, invalid

PARAM = "x-bf-async-webhook"


class Endpoints:
    """All configured endpoints.

    Args:
        webhooks: by name.
    """

    def __init__(self, webhooks: Mapping[str, Webhook]) -> None:
        self._webhooks = dict(webhooks)

    def __getitem__(self, name: str) -> Webhook:
        return self._webhooks[name]

    @property
    def names(self) -> list[str]:
        """Every endpoint's name."""
        return list(self._webhooks)

    def of(self, owner: str) -> list[str]:
        """The names of the endpoints that a caller may use."""
        return [name for name, one in self._webhooks.items() if one.key in (None, owner)]

    def check(self, name: str, owner: str) -> None:
        """Make sure that a caller may name this endpoint.

        Raises:
            SpeechError: 400.
        """
        if name not in (usable := self.of(owner)):
            expected = "none is configured for this caller ([webhooks.NAME])"
            if usable:
                expected = f"expected one of: {', '.join(usable)}"
            raise invalid(f"{PARAM}: there is no webhook {name[:64]!r}; {expected}", param=PARAM)


def shown_url(webhook: Webhook) -> str:
    """The endpoint's URL without what may be secret in it."""
    parts = urlsplit(webhook.url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def signed_headers(webhook: Webhook, delivery_id: str, at_ms: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver can tell that a call is ours and fresh.

    Standard Webhooks 1.0.0: signatures are separated by spaces.
    """
    from standardwebhooks import Webhook as Signer

    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    secrets = [webhook.secret, *([webhook.old_secret] if webhook.old_secret else [])]
    text = body.decode()
    signatures = [Signer(secret.reveal()).sign(delivery_id, at, text) for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": " ".join(signatures),
    }


def no_such_delivery() -> SpeechError:
    """The error for a delivery that the caller cannot see."""
    return SpeechError(
        404, "delivery_not_found", "there is no such delivery: it is unknown or another caller's"
    )
