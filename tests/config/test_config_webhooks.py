"""The webhooks of the configuration: what is checked beyond the schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import error_of

WEBHOOK = """
[webhooks.hook]
url = "https://example.com/"
secret = "{secret}"
"""


@pytest.mark.parametrize(
    "secret",
    ["whsec_short123", "no-prefix-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", f"whsec_{'A' * 88}AAAA"],
)
def test_a_webhooks_secret_must_be_one(file: Path, secret: str) -> None:
    message = error_of(file, WEBHOOK.format(secret=secret))
    assert "[webhooks.hook] secret: expected whsec_ and 24 to 64 bytes" in message
    assert secret not in message


@pytest.mark.parametrize("place", [":99999", "[::1", "user:hidden@:80", "host:port"])
def test_a_webhooks_url_must_lead_somewhere(file: Path, place: str) -> None:
    text = WEBHOOK.format(secret=f"whsec_{'A' * 32}")
    message = error_of(file, text.replace("example.com/", f"{place}/?token=hidden"))
    assert "[webhooks.hook] url: expected a URL whose host and port" in message
    assert "hidden" not in message


def test_a_webhook_is_for_a_caller_that_exists(file: Path) -> None:
    message = error_of(file, WEBHOOK.format(secret=f"whsec_{'A' * 32}") + 'key = "nobody"\n')
    assert "[webhooks.hook] key: there is no [keys.nobody]" in message
