"""One call: what counts as taken, and where it must not go."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from stentor.config import Secret, Webhook
from stentor.jobs.clock import now_ms
from stentor.webhooks.addresses import is_public
from stentor.webhooks.endpoints import signed_headers
from stentor.webhooks.sender import Answer, Sender
from webhooks_support import OTHER_SECRET, SECRET, Receiver

BODY = b'{"type":"async_job.completed"}'


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender()
    yield made
    await made.close()


async def call(sender: Sender, webhook: Webhook) -> Answer:
    headers = signed_headers(webhook, "msg_1", now_ms(), BODY.decode())
    return await sender.send(webhook, headers, BODY)


async def test_a_call_can_be_verified_by_its_receiver(sender: Sender, receiver: Receiver) -> None:
    answer = await call(sender, receiver.webhook())
    assert (answer.status_code, answer.error) == (204, None)
    assert receiver.events == [("msg_1", {"type": "async_job.completed"})]


async def test_while_secrets_change_receivers_of_both_can_verify(
    sender: Sender, receiver: Receiver
) -> None:
    changing = receiver.webhook(secret=Secret(OTHER_SECRET), old_secret=Secret(SECRET))
    assert (await call(sender, changing)).error is None
    assert len(receiver.events) == 1


async def test_a_redirect_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=307, headers={"Location": "/elsewhere"})]
    answer = await call(sender, receiver.webhook())
    assert answer.error == "answered with the redirect 307, which is not followed"
    assert receiver.paths == ["/hook"]


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
async def test_another_answer_than_success_is_a_failure(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "7"})]
    answer = await call(sender, receiver.webhook())
    assert (answer.status_code, answer.error) == (status, f"answered with {status}")
    assert answer.retry_after_s == 7


async def test_an_endpoint_that_does_not_answer_is_given_up(
    sender: Sender, receiver: Receiver
) -> None:
    async def never() -> None:
        await asyncio.sleep(60)

    receiver.answers = [never]
    answer = await call(sender, receiver.webhook(timeout_seconds=1))
    assert (answer.status_code, answer.error) == (None, "not answered within 1 s")


async def test_an_endless_answer_is_not_read_to_its_end(sender: Sender, receiver: Receiver) -> None:
    async def endless() -> web.StreamResponse:
        response = web.Response(body=b"x" * 50_000_000)
        return response

    receiver.answers = [endless]
    assert (await call(sender, receiver.webhook())).error is None


async def test_nobody_listening_is_a_failure_that_says_so(sender: Sender) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    webhook = Webhook(f"http://127.0.0.1:{port}/", Secret(SECRET), allow_private=True)
    answer = await call(sender, webhook)
    assert answer.status_code is None
    assert "Connect" in (answer.error or "")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ],
)
async def test_a_private_target_is_refused_however_it_is_written(
    sender: Sender, receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url, allow_private=False))
    assert answer.status_code is None
    assert "is not a public address; see [webhooks.NAME] allow_private" in (answer.error or "")
    assert receiver.paths == []


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1"])
async def test_a_disguised_address_is_no_address(
    sender: Sender, receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url))
    assert answer.error is not None
    assert receiver.paths == []


async def test_a_name_that_turns_private_after_it_was_looked_up_is_refused(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, the one that is connected to is not."""
    asked: list[str] = []

    async def resolve(_: Any, host: str, port: int, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    loop = type(asyncio.get_running_loop())
    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    looked_up = await asyncio.get_running_loop().getaddrinfo("rebinding.example", 80)
    assert looked_up[0][4][0] == "8.8.8.8"
    url = f"http://rebinding.example:{receiver.port}/hook"
    answer = await call(sender, receiver.webhook(url=url, allow_private=False))
    assert "127.0.0.1 is not a public address" in (answer.error or "")
    assert len(asked) == 2
    assert receiver.paths == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("100.64.0.1", False),
        ("172.31.255.255", False),
        ("192.168.0.1", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("2001::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
