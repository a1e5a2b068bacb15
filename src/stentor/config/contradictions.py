"""What is wrong between options that are each right."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

from stentor.config.locate import KeyPath
from stentor.config.providers import Provider
from stentor.config.schema import Config
from stentor.secret import Secret

WEBHOOK_SECRET_PREFIX = "whsec_"

# The path of an option that was set, as the file has it, and what is wrong with it.
Contradiction = tuple[KeyPath, str]


def contradictions(config: Config) -> Iterator[Contradiction]:
    """All of them, the first one first."""
    jobs, kokoro = config.jobs, config.providers.kokoro
    # A default_ttl_seconds in range never exceeds the default maximum: the maximum was set.
    if jobs.max_ttl_seconds < jobs.default_ttl_seconds:
        problem = (
            f"expected at least default_ttl_seconds, which is {jobs.default_ttl_seconds}, "
            f"got {jobs.max_ttl_seconds}"
        )
        yield ("jobs", "max_ttl_seconds"), problem
    if kokoro.model and not kokoro.voices:
        yield ("providers", "kokoro", "model"), "expected voices to be set as well"
    if kokoro.voices and not kokoro.model:
        yield ("providers", "kokoro", "voices"), "expected model to be set as well"
    for name, provider in config.providers.named.items():
        yield from _of_provider(("providers", name), provider)
    yield from _of_webhooks(config)
    yield from _of_keys(config)


def _of_provider(at: KeyPath, provider: Provider) -> Iterator[Contradiction]:
    if provider.base_url is not None and not _has_host(provider.base_url):
        # Not shown: a user's password may be secret.
        yield (*at, "base_url"), "expected a URL whose host and port are valid"
    if provider.api_key is not None and provider.keys:
        yield (*at, "keys"), "expected either api_key or keys, not both"
    numbers: dict[str | None, int] = {}
    for number, key in enumerate(provider.labelled_keys):
        first = numbers.setdefault(key.label, number)
        if first != number:
            problem = f"the same label as that of keys[{first}], which is {key.label}"
            yield (*at, "keys", number), problem


def _of_webhooks(config: Config) -> Iterator[Contradiction]:
    for name, webhook in config.webhooks.items():
        if not _has_host(webhook.url):
            # Not shown: a query or a user's password may be secret.
            yield ("webhooks", name, "url"), "expected a URL whose host and port are valid"
        for option in ("secret", "old_secret"):
            secret = getattr(webhook, option)
            if secret is not None and not is_webhook_secret(secret.reveal()):
                problem = "expected whsec_ and 24 to 64 bytes as base64"
                yield ("webhooks", name, option), problem
        if webhook.key is not None and webhook.key not in config.keys:
            problem = f"there is no [keys.{webhook.key}]"
            yield ("webhooks", name, "key"), problem


def _of_keys(config: Config) -> Iterator[Contradiction]:
    owners: dict[Secret, str] = {}
    for owner, key in config.keys.items():
        first = owners.setdefault(key.value, owner)
        if first != owner:
            yield ("keys", owner, "value"), f"the same value as that of [keys.{first}]"


def is_webhook_secret(text: str) -> bool:
    """Whether a text is a symmetric secret as the Standard Webhooks specification has it."""
    if not text.startswith(WEBHOOK_SECRET_PREFIX):
        return False
    try:
        secret = base64.b64decode(text.removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return 24 <= len(secret) <= 64


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
