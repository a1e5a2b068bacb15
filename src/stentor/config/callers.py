"""The options of those who call: their keys, and the endpoints that are called back."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stentor.config.section import Section
from stentor.secret import Secret

WebhookName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z",
        extra={
            "name": "NAME",
            "expected": "a name of 1 to 64 characters out of A-Z a-z 0-9 _ . -",
        },
    ),
]
KeyName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_-]{1,64}\Z",
        extra={"name": "NAME", "expected": "a name of 1 to 64 characters out of A-Z a-z 0-9 _ -"},
    ),
]
_SECRET_RULE = {"pattern": "[!-~]{8,}", "expected": "at least 8 visible ASCII characters"}


class Key(Section, frozen=True):
    """What a caller proves itself with; the table's name is the owner of the caller's jobs."""

    value: Annotated[
        Secret,
        Meta(
            extra=_SECRET_RULE,
            description="A caller's key; NAME is the owner of its jobs. No two keys are equal",
        ),
    ]


class Webhook(Section, frozen=True):
    """An endpoint that callers may have called when a job ends (x-bf-async-webhook: NAME)."""

    url: Annotated[
        str,
        Meta(
            pattern=r"\Ahttps?://[^/\s]+\S*\Z",
            # Not shown: a query or a user's password may be secret.
            extra={"expected": "a URL such as https://example.com/hook", "hidden": True},
            description="Where the calls go. An address that is not public is refused when the "
            "connection is made, unless allow_private is true",
        ),
    ]
    secret: Annotated[
        Secret,
        Meta(
            extra=_SECRET_RULE,
            description="What the calls are signed with: whsec_ and 24 to 64 bytes as base64, "
            "as `stentor webhooks secret` makes it",
        ),
    ]
    old_secret: (
        Annotated[
            Secret,
            Meta(
                extra=_SECRET_RULE,
                description="Signed with as well, while receivers change to a new secret",
            ),
        ]
        | None
    ) = None
    key: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Za-z0-9_-]{1,64}\Z",
                extra={"expected": "the name of a [keys.NAME] table"},
                description="The only caller that may use the endpoint; default: every caller",
            ),
        ]
        | None
    ) = None
    allow_private: Annotated[
        bool, Meta(description="Let the URL lead to loopback, private and link-local addresses")
    ] = False
    timeout_seconds: Annotated[
        int, Meta(ge=1, le=120, description="How long a call may take until it has been answered")
    ] = 20
    max_body_bytes: Annotated[
        int,
        Meta(
            ge=4096,
            le=64 * 1024**2,
            description="Largest body of a call; beyond it, first the audio is left out of the "
            "result, then the result",
        ),
    ] = 256 * 1024
