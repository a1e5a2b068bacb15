"""Webhooks through the real server, to a real endpoint."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from support import JOBS, STENTOR, Server, request
from webhooks_support import SECRET, Receiver

DELIVERIES = "/v1/webhook-deliveries"
KEYS = {"ann": "ann-secret-key", "bob": "bob-secret-key"}


class House:
    def __init__(self, receiver: Receiver, folder: Path) -> None:
        self.receiver = receiver
        self._folder = folder
        self._config = folder / "stentor.toml"
        self._config.write_text(
            f"""
            [keys]
            ann.value = "{KEYS["ann"]}"
            bob.value = "{KEYS["bob"]}"
            [webhooks.hook]
            url = "http://127.0.0.1:{receiver.port}/hook?token=hidden"
            secret = "{SECRET}"
            allow_private = true
            [webhooks.walled]
            url = "http://127.0.0.1:{receiver.port}/hook"
            secret = "{SECRET}"
            key = "ann"
            """
        )

    async def start(self) -> None:
        self.server = await asyncio.to_thread(
            Server, self._folder / "data", "--config", str(self._config)
        )

    async def call(self, method: str, path: str, owner: str = "ann", **more: Any) -> Any:
        headers = {"x-api-key": KEYS[owner]} | more.pop("headers", {})
        return await asyncio.to_thread(
            self.server.client.request, method, path, headers=headers, **more
        )

    async def submit(self, webhook: str, owner: str = "ann") -> Any:
        headers = {"x-bf-async-webhook": webhook}
        return await self.call("POST", JOBS, owner, headers=headers, json=request())

    async def stentor(self, *arguments: str) -> str:
        """What `stentor webhooks` prints."""
        done = await asyncio.to_thread(
            subprocess.run,
            [*STENTOR, "webhooks", *arguments, "--url", self.server.url, "--key", KEYS["ann"]],
            capture_output=True,
            text=True,
            env={"COLUMNS": "200", "PATH": ""},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def received(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.receiver.events) < count:
                await asyncio.sleep(0.01)

    async def delivery(self, job_id: str, state: str) -> Any:
        """Wait until the job's only delivery stands like this."""
        async with asyncio.timeout(30):
            while True:
                found = (await self.call("GET", f"{DELIVERIES}?job={job_id}")).json()["data"]
                if [one["state"] for one in found] == [state]:
                    return (await self.call("GET", f"{DELIVERIES}/{found[0]['id']}")).json()
                await asyncio.sleep(0.01)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    receiver = Receiver()
    await receiver.start()
    made = House(receiver, tmp_path)
    await made.start()
    yield made
    await asyncio.to_thread(made.server.stop)
    await receiver.stop()


async def test_a_job_is_told_when_it_ends_and_can_be_told_again(house: House) -> None:
    job = (await house.submit("hook")).json()
    await house.received(1)
    delivery_id, event = house.receiver.events[0]
    assert (event["type"], event["data"]["id"]) == ("async_job.completed", job["id"])
    assert event["data"]["urls"]["audio"].startswith(house.server.url)
    delivery = await house.delivery(job["id"], "delivered")
    assert delivery["id"] == delivery_id
    assert [tried["status_code"] for tried in delivery["attempts"]] == [204]
    again = await house.call("POST", f"{DELIVERIES}/{delivery_id}/redeliver")
    assert again.status_code == 202
    await house.received(2)
    assert house.receiver.events[1][0] == delivery_id
    other = await house.call("POST", f"{DELIVERIES}/{delivery_id}/redeliver", "bob")
    assert other.status_code == 404


async def test_a_kill_while_the_endpoint_is_away_loses_no_call(house: House) -> None:
    house.receiver.answers = [web.Response(status=500)]
    job = (await house.submit("hook")).json()
    await house.received(1)
    await asyncio.to_thread(house.server.stop, signal.SIGKILL)
    await house.start()
    await house.received(2)
    await house.delivery(job["id"], "delivered")
    assert {delivery_id for delivery_id, _ in house.receiver.events} == {
        house.receiver.events[0][0]
    }


async def test_a_private_target_is_refused_and_the_log_says_the_way_out(house: House) -> None:
    job = (await house.submit("walled")).json()
    async with asyncio.timeout(30):
        while not (delivery := await house.delivery(job["id"], "pending"))["attempts"]:
            await asyncio.sleep(0.01)
    assert "[webhooks.NAME] allow_private" in delivery["attempts"][0]["error"]
    assert "[webhooks.NAME] allow_private" in await house.stentor("show", delivery["id"])
    assert house.receiver.paths == []


async def test_an_endpoint_that_is_gone_is_enabled_by_hand(house: House) -> None:
    house.receiver.answers = [web.Response(status=410)]
    job = (await house.submit("hook")).json()
    async with asyncio.timeout(30):
        while True:
            [hook, _] = (await house.call("GET", "/v1/webhooks")).json()["data"]
            if not hook["enabled"]:
                break
            await asyncio.sleep(0.01)
    assert hook["disabled_reason"] == "it answered with 410 Gone"
    assert hook["url"] == f"http://127.0.0.1:{house.receiver.port}/hook"
    delivery = await house.delivery(job["id"], "pending")
    again = await house.call("POST", f"{DELIVERIES}/{delivery['id']}/redeliver")
    assert again.status_code == 409
    assert again.json()["error"]["message"].endswith("POST /v1/webhooks/hook/enable")
    assert (await house.call("POST", "/v1/webhooks/hook/enable")).json()["enabled"] is True
    await house.delivery(job["id"], "delivered")


async def test_a_webhook_that_the_caller_may_not_name_is_refused(house: House) -> None:
    for name, owner, usable in (("nowhere", "ann", "hook, walled"), ("walled", "bob", "hook")):
        refused = await house.submit(name, owner)
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert error["param"] == "x-bf-async-webhook"
        assert error["message"].endswith(f"expected one of: {usable}")


async def test_the_log_is_read_and_repeated_from_the_command_line(house: House) -> None:
    job = (await house.submit("hook")).json()
    delivery_id = (await house.delivery(job["id"], "delivered"))["id"]
    assert "hook" in await house.stentor("list")
    assert delivery_id in await house.stentor("deliveries", "--job", job["id"])
    assert "204" in await house.stentor("show", delivery_id)
    await house.stentor("redeliver", delivery_id)
    await house.received(2)
    assert "is enabled" in await house.stentor("enable", "hook")
