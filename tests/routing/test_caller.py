"""Orders that are spoken: what arrives, what the sink hears, what is told and what it costs."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from routing.speaking import CLIP, MODEL, TEXT, Ear, Scene, by_key, hurry, scene
from stentor.audio.form import AudioForm
from stentor.providers.base import Script, Turn
from stentor.providers.deepgram import Deepgram
from stentor.providers.elevenlabs import ElevenLabs
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.google import Google
from stentor.providers.minimax import MiniMax
from stentor.providers.prices import Price
from stentor.providers.wire import Delivered, Head, Reader
from stentor.routing import caller
from stentor.routing.account import Patience
from stentor.routing.keys import ProviderKey
from upstream import elevenlabs, google, minimax, openai
from upstream.faults import Fault
from upstream.values import Answer, Received, Sound

# In US dollars; a call of TEXT costs 0.25.
BY_CHARACTER = {MODEL: Price(per_million_characters=0.25e6 / len(TEXT))}
BY_MINUTE = {MODEL: Price(per_audio_minute=60.0)}
NO_RETRIES = Patience(retries=0)


async def test_an_order_is_one_call_whose_audio_is_heard_whole() -> None:
    async with scene() as at:
        at.upstream.cut = 5000
        called = await at.speak()
        assert [one.json()["input"] for one in at.upstream.received] == [TEXT]
    assert at.ear.audio == CLIP and at.ear.forms == [AudioForm("wav")]
    assert called.form == AudioForm("wav")
    assert called.request_id == "req_1"
    assert at.used == "a" and at.clock.slept == []


async def test_audio_is_heard_while_it_comes() -> None:
    async with scene() as at:
        at.upstream.faults = ["stall_middle"]
        task = asyncio.create_task(at.speak())
        await at.upstream.until(lambda: at.upstream.sent > 0)
        await at.ear.something()
        assert CLIP.startswith(at.ear.audio)
        task.cancel()


async def test_the_form_of_the_audio_is_the_one_that_came() -> None:
    class Mp3Only(SimpleNamespace):
        def answer(self, received: Received, sound: Sound) -> Answer:
            return Answer(parts=[sound.clip(AudioForm("mp3"), TEXT)])

    async with scene(vendor=Mp3Only()) as at:
        called = await at.speak()
    assert at.ear.forms == [AudioForm("mp3")] and called.form == AudioForm("mp3")


async def test_what_the_vendor_tells_besides_the_audio_is_told() -> None:
    async with scene(provider=ElevenLabs, vendor=elevenlabs) as at:
        called = await at.speak(model="eleven_flash_v2_5", timestamps=True)
    assert called.request_id == "req_eleven"
    assert called.alignment is not None and called.alignment.unit == "character"
    assert called.alignment.timings[-1].end == len(TEXT)


@pytest.mark.parametrize("bytes_in_a_thread", [0, 2**40])
async def test_audio_that_comes_at_the_end_of_a_document_is_heard(
    bytes_in_a_thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large documents are taken apart in a thread."""
    monkeypatch.setattr(caller, "THREAD_BYTES", bytes_in_a_thread)
    threads: set[str] = set()

    class Watched(Google):
        def response(self, script: Script, head: Head) -> Reader:
            reader = super().response(script, head)
            finish = reader.finish

            def finishing() -> Delivered:
                threads.add(threading.current_thread().name)
                return finish()

            reader.finish = finishing  # type: ignore[method-assign]
            return reader

    voice = (Turn(TEXT, "en-US-Neural2-C"),)
    async with scene(provider=Watched, vendor=google) as at:
        await at.speak(model="neural2", turns=voice)
    assert at.ear.audio.startswith(b"RIFF") and len(at.ear.forms) == at.ear.ended == 1
    assert (threads == {threading.main_thread().name}) == (bytes_in_a_thread > 0)


async def test_a_server_of_ones_own_is_called_without_a_key() -> None:
    own = openai.OwnServer()
    async with scene(vendor=own, keys=[ProviderKey(None, None)]) as at:
        at.account.provider.base_url += "/v1"
        await at.speak()
        assert "authorization" not in at.upstream.received[0].headers
    [attempt] = at.log.entries
    assert (attempt.outcome, attempt.key) == ("ok", None)


@pytest.mark.parametrize("fault", ["truncated", "reset", "truncated_chunked", "stall_middle"])
async def test_what_was_heard_of_a_broken_answer_is_void(fault: Fault) -> None:
    async with scene(timeouts=hurry(fault)) as at:
        at.upstream.faults = [fault, fault]
        await at.speak()
    assert at.ear.audio == CLIP
    assert len(at.ear.forms) == 3
    assert all(0 < len(void) < len(CLIP) for void in at.ear.void)


async def test_an_answer_that_broke_before_any_audio_voids_nothing() -> None:
    async with scene() as at:
        at.upstream.faults = ["reset_before", "server", "empty"]
        await at.speak()
    assert at.ear.audio == CLIP and at.ear.void == []


async def test_only_a_complete_answer_is_ended() -> None:
    async with scene(patience=NO_RETRIES) as at:
        at.upstream.faults = ["truncated"]
        await at.failing()
        assert at.ear.audio and at.ear.ended == 0
        await at.speak()
        assert at.ear.ended == 1


async def test_audio_that_turns_out_to_be_none_is_a_failed_call_that_is_made_again() -> None:
    class Picky(Ear):
        async def end(self) -> None:
            if not self.audio.startswith(b"RIFF"):
                raise ProviderError("malformed", "no audio")

    async with scene(prices=BY_CHARACTER) as at:
        at.upstream.faults = ["garbage"]
        at.hears_with = Picky
        await at.speak()
    assert at.outcomes == ["malformed", "ok"] and at.log.cost == 0.5


async def test_attempts_tell_who_was_called_with_which_key_and_what_came_of_it() -> None:
    async with scene(labels="ab") as at:
        at.upstream.faults = ["auth", "server", "truncated"]
        await at.speak(segment=7)
    told = [(one.provider, one.model, one.key, one.outcome, one.status_code, one.segment)
            for one in at.log.entries]  # fmt: skip
    assert told == [
        ("vendor", MODEL, "a", "auth", 401, 7),
        ("vendor", MODEL, "b", "server", 500, 7),
        ("vendor", MODEL, "b", "truncated", 200, 7),
        ("vendor", MODEL, "b", "ok", None, None),
    ]
    assert at.log.entries[1].error == "The server had an error."


async def test_an_attempt_takes_from_its_call_to_its_end_without_pauses() -> None:
    async with scene() as at:
        at.upstream.faults = ["server"]

        class Slow(Ear):
            async def begin(self, form: AudioForm) -> None:
                at.clock.now += 2
                await super().begin(form)

        at.hears_with = Slow
        await at.speak()
    assert [one.latency_ms for one in at.log.entries] == [0, 2000]
    assert sum(at.clock.slept) > 0


async def test_a_call_costs_what_the_model_costs() -> None:
    async with scene(prices=BY_CHARACTER) as at:
        await at.speak()
        await at.speak()
    [attempt] = at.log.entries
    assert (attempt.calls, attempt.cost) == (2, 0.5) and at.log.cost == 0.5


async def test_without_a_price_there_is_no_cost() -> None:
    async with scene() as at:
        await at.speak()
    assert at.log.cost is None


async def test_the_vendors_own_count_of_characters_goes_before_ours() -> None:
    class Dear(SimpleNamespace):
        def answer(self, received: Received, sound: Sound) -> Answer:
            counted = {"dg-char-count": "1000"}
            return Answer(200, counted, [sound.clip(AudioForm("wav"), TEXT)])

    prices = {"aura-2": Price(per_million_characters=1e6)}
    async with scene(provider=Deepgram, vendor=Dear(), prices=prices) as at:
        called = await at.speak(model="aura-2", turns=(Turn(TEXT, "thalia-en"),))
    assert called.characters == 1000 and at.log.cost == 1000


@pytest.mark.parametrize(
    ("fault", "cost"),
    [
        ("truncated", 0.25),
        ("truncated_chunked", 0.25),
        ("reset", 0.25),
        ("stall_middle", 0.25),
        ("html_ok", 0.25),
        ("empty", 0.25),
        ("auth", None),
        ("quota", None),
        ("rate_limited", None),
        ("invalid", None),
        ("server", None),
        ("html", None),
        ("reset_before", None),
        ("stall_before", None),
    ],
)
async def test_a_call_that_failed_costs_if_its_answer_had_begun_well(
    fault: Fault, cost: float | None
) -> None:
    async with scene(prices=BY_CHARACTER, patience=NO_RETRIES, timeouts=hurry(fault)) as at:
        at.upstream.faults = [fault]
        await at.failing()
    [attempt] = at.log.entries
    assert attempt.cost == cost


async def test_every_billed_call_of_an_order_is_counted() -> None:
    patience = Patience(retries=9)
    async with scene(prices=BY_CHARACTER, labels="ab", patience=patience) as at:
        at.upstream.faults = ["auth", "truncated", "rate_limited", "empty", "server", "reset"]
        await at.speak()
    assert at.log.cost == 1.0
    assert at.upstream.answered["POST", 200] == 4


@pytest.mark.parametrize("kind", ["auth", "quota", "rate_limited", "invalid"])
async def test_a_refusal_that_comes_with_a_200_is_not_billed(kind: FaultKind) -> None:
    model = next(iter(MiniMax().models))
    prices = {model: Price(per_million_characters=10)}
    async with scene(
        provider=MiniMax, vendor=minimax, path="/v1", prices=prices, patience=NO_RETRIES
    ) as at:
        at.upstream.refusals = [kind]
        assert (await at.failing(model=model)).kind == kind
        assert at.upstream.answered["POST", 200] == 1
    assert at.log.cost is None


async def test_audio_by_the_minute_costs_what_was_heard_of_each_call() -> None:
    """The ear takes a thousand bytes for a second, and a second costs a dollar."""
    async with scene(prices=BY_MINUTE) as at:
        at.upstream.faults = ["truncated"]
        await at.speak()
    broken, whole = at.log.entries
    assert broken.cost == pytest.approx(len(CLIP) // 2 / 1000)
    assert whole.cost == pytest.approx(len(CLIP) / 1000)


async def test_a_call_of_which_nothing_was_heard_does_not_cost_what_was_heard_before() -> None:
    async with scene(prices=BY_MINUTE) as at:
        at.upstream.faults = ["truncated", "empty"]
        await at.speak()
    assert at.log.entries[1].outcome == "malformed" and at.log.entries[1].cost == 0


async def test_a_call_that_is_given_up_after_its_answer_began_is_told_and_costs() -> None:
    async with scene(prices=BY_CHARACTER) as at:
        at.upstream.faults = ["stall_middle"]
        await cancelled(at, heard=True)
    [attempt] = at.log.entries
    assert (attempt.outcome, attempt.cost, attempt.error) == ("cancelled", 0.25, None)


async def test_a_call_that_is_given_up_before_an_answer_costs_nothing() -> None:
    async with scene(prices=BY_CHARACTER) as at:
        at.upstream.faults = ["stall_before"]
        await cancelled(at, heard=False)
    assert at.log.entries == ()


async def test_an_order_that_is_given_up_in_a_pause_makes_no_further_call() -> None:
    async with scene() as at:
        at.upstream.faults = lambda _: "server"
        pausing = asyncio.Event()

        async def sleep(seconds: float) -> None:
            pausing.set()
            await asyncio.get_running_loop().create_future()

        at.clock.sleep = sleep  # type: ignore[method-assign]
        at.caller._sleep = sleep
        task = asyncio.create_task(at.speak())
        await asyncio.wait_for(pausing.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(at.upstream.received) == 1
    assert at.outcomes == ["server"]


async def test_a_caller_may_set_an_order_a_time_of_its_own() -> None:
    async with scene(prices=BY_CHARACTER) as at:
        at.upstream.faults = lambda _: "stall_middle"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await at.speak()
        await at.upstream.until(lambda: at.upstream.abandoned == 1)
    assert at.outcomes == ["cancelled"] and at.log.cost == 0.25


async def test_a_sink_that_fails_is_no_failure_of_the_vendor() -> None:
    async with scene(prices=BY_CHARACTER, patience=Patience(breaker_failures=1)) as at:

        class Full(Ear):
            async def write(self, data: bytes) -> None:
                raise OSError("no space left")

        at.hears_with = Full
        with pytest.raises(OSError, match="no space"):
            await at.speak()
        assert len(at.upstream.received) == 1
    assert at.outcomes == ["cancelled"] and at.log.cost == 0.25
    assert at.account.breaker(MODEL).wait_s == 0


async def test_orders_at_once_do_not_mix() -> None:
    async with scene(labels="ab", concurrency=3) as at:
        at.upstream.faults = by_key(a="truncated")
        await asyncio.gather(*(at.speak() for _ in range(12)))
    assert at.outcomes.count("ok") == 12


async def cancelled(at: Scene, *, heard: bool) -> None:
    """Give an order up once it has arrived, and see that the vendor is left."""
    task = asyncio.create_task(at.speak())
    await at.upstream.until(lambda: bool(at.upstream.received))
    if heard:
        await at.upstream.until(lambda: at.upstream.sent > 0)
        await at.ear.something()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await at.upstream.until(lambda: at.upstream.abandoned == 1)


async def test_a_call_whose_audio_was_heard_is_not_repeated() -> None:
    async with scene() as at:
        at.upstream.faults = ["truncated"]

        class Heard(Ear):
            given_away = True

        at.hears_with = Heard
        with pytest.raises(ProviderError) as failed:
            await at.speak()
        assert failed.value.kind == "truncated"
        assert at.upstream.requests["POST"] == 1
