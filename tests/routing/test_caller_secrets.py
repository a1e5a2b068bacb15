"""What nobody learns from errors, records and logs: keys, and the caller's words."""

from __future__ import annotations

import json
import traceback
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from routing.speaking import KEY_VALUE, MODEL, Scene, hurry, key, scene
from stentor.providers.base import Provider, Script, Turn
from stentor.providers.faults import MAX_MESSAGE_CHARS, ProviderError
from stentor.providers.openai import OpenAI
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.routing import caller
from stentor.routing.account import Patience
from stentor.routing.keys import ProviderKey
from stentor.secret import Secret
from upstream.faults import ALL
from upstream.values import Answer, Received

VALUE = KEY_VALUE.format("a")
WORDS = "Xylophonic quagmire"
BROKEN = Patience(retries=0, breaker_failures=1)


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loggers that were used before keep what they were set up with."""
    monkeypatch.setattr(caller, "log", structlog.get_logger())


def shown(error: ProviderError) -> str:
    """All that a log with the error in it would have."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


async def told(at: Scene, **changes: Any) -> str:
    """All that anybody learns of an order that fails."""
    with capture_logs() as logs:
        failure = await at.failing(**changes)
    assert logs, "a failure is logged"
    return f"{shown(failure)} {logs} {at.log.entries}"


def echo(status: int, words: str) -> Any:
    """A vendor that answers every call with these words."""
    body = json.dumps({"error": {"message": words}}).encode()
    answer = Answer(status, {"content-type": "application/json"}, [body])
    return SimpleNamespace(answer=lambda *_: answer)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
async def test_a_vendor_that_quotes_the_key_is_not_quoted(status: int) -> None:
    vendor = echo(status, f"the key {VALUE} is not good")
    async with scene(vendor=vendor, patience=BROKEN) as at:
        everything = await told(at)
    assert VALUE not in everything
    assert "the key *** is not good" in everything


async def test_not_even_a_part_of_the_key_is_quoted_where_a_message_is_cut() -> None:
    words = "x" * (MAX_MESSAGE_CHARS - 15)
    async with scene(vendor=echo(401, f"{words}{VALUE}"), patience=BROKEN) as at:
        assert VALUE[:8] not in await told(at)


async def test_a_word_that_a_very_short_key_is_part_of_stays() -> None:
    short = ProviderKey("short", Secret("e"))
    async with scene(vendor=echo(401, "neither here"), keys=[short]) as at:
        assert (await at.failing()).message == "neither here"


@pytest.mark.parametrize("fault", ALL)
async def test_no_failure_has_a_key_in_it(fault: Any) -> None:
    async with scene(patience=BROKEN, timeouts=hurry(fault)) as at:
        at.upstream.faults = [fault]
        with capture_logs() as logs:
            try:
                await at.speak()
            except ProviderError as error:
                assert VALUE not in shown(error)
        assert at.upstream.received[0].headers["authorization"] == f"Bearer {VALUE}"
    assert VALUE not in f"{logs} {at.log.entries}"


async def test_a_key_that_fits_in_no_header_is_not_shown() -> None:
    odd = ProviderKey("odd", Secret(f"{VALUE}\r\nX: y"))
    async with scene(keys=[odd], patience=BROKEN) as at:
        everything = await told(at)
        assert not at.upstream.received
    assert VALUE not in everything and "odd" in everything


async def test_a_failure_is_logged_with_what_is_no_secret() -> None:
    async with scene(patience=BROKEN) as at:
        at.upstream.faults = ["server"]
        with capture_logs() as logs:
            await at.failing(turns=(Turn(WORDS, "alloy"),))
    assert logs == [
        {
            "event": "provider.call_failed",
            "log_level": "warning",
            "provider": "vendor",
            "model": MODEL,
            "key": "a",
            "outcome": "server",
            "status_code": 500,
        }
    ]


async def test_a_success_is_not_logged() -> None:
    async with scene() as at:
        with capture_logs() as logs:
            await at.speak()
    assert logs == []


async def test_a_vendor_that_quotes_the_text_is_not_quoted_in_a_log() -> None:
    async with scene(vendor=echo(400, f"cannot say {WORDS}"), patience=BROKEN) as at:
        with capture_logs() as logs:
            failure = await at.failing(turns=(Turn(WORDS, "alloy"),))
    assert WORDS in failure.message, "the caller may know"
    assert logs and WORDS not in str(logs)


class _BadReader:
    """Fails at one of its methods."""

    def __init__(self, reader: Reader, at: str, quoted: str) -> None:
        self._reader, self._at, self._quoted = reader, at, quoted
        self.form = reader.form

    def feed(self, data: bytes) -> bytes:
        if self._at == "feed":
            raise KeyError(self._quoted)
        return self._reader.feed(data)

    def finish(self) -> Delivered:
        if self._at == "finish":
            raise AttributeError(self._quoted)
        return self._reader.finish()


def bad(where: str) -> type[Provider]:
    """A provider whose code fails, and quotes the text and the key."""

    class Bad(OpenAI):
        def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
            assert key is not None
            if where == "request":
                raise ValueError(script.text + key.reveal())
            return super().request(script, key, now)

        def response(self, script: Script, head: Head) -> Reader:
            if where == "response":
                raise TypeError(script.text + VALUE)
            return _BadReader(super().response(script, head), where, script.text + VALUE)

        def error(self, head: Head, body: bytes) -> ProviderError:
            raise RecursionError(WORDS + VALUE)

    return Bad


@pytest.mark.parametrize("where", ["request", "response", "feed", "finish", "error"])
async def test_a_bug_in_a_providers_code_is_a_malformed_answer_that_quotes_nothing(
    where: str,
) -> None:
    async with scene(provider=bad(where), patience=BROKEN) as at:
        at.upstream.faults = ["invalid" if where == "error" else None]
        with capture_logs() as logs:
            failure = await at.failing(turns=(Turn(WORDS, "alloy"),))
        assert failure.kind == "malformed"
        everything = f"{shown(failure)} {logs} {at.log.entries}"
        assert WORDS not in everything and VALUE not in everything
        [bug] = [one for one in logs if one["event"] == "provider.bug"]
        assert bug["provider"] == "vendor" and bug["error"] in failure.message
        assert bug["where"].startswith("test_caller_secrets.py:")
        assert at.outcomes == ["malformed"]
        assert at.account.breaker(MODEL).wait_s == 0, "others may ask"
        assert len(at.upstream.received) == (0 if where == "request" else 1)


async def test_a_bug_that_passes_is_tried_again() -> None:
    async with scene() as at:
        answers = iter([ValueError(WORDS)])
        good = at.account.provider.response

        def response(script: Script, head: Head) -> Reader:
            for error in answers:
                raise error
            return good(script, head)

        at.account.provider.response = response  # type: ignore[method-assign]
        await at.speak()
    assert at.outcomes == ["malformed", "ok"]


async def test_two_keys_do_not_appear_in_each_others_errors() -> None:
    """A label tells which one it was."""
    seen: list[Received] = []

    def answer(received: Received, _: object) -> Answer:
        seen.append(received)
        return Answer(401, {}, [received.headers["authorization"].encode()])

    async with scene(
        vendor=SimpleNamespace(answer=answer), keys=[key("a"), key("b")], patience=BROKEN
    ) as at:
        everything = await told(at)
    assert len(seen) == 2
    assert "value-of-key" not in everything
    assert [one.key for one in at.log.entries] == ["a", "b"]
