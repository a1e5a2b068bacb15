"""Feeds of several processes, told of each other's jobs by a hub: nothing is missed or kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stentor.engines.base import EngineError, Flow, Spoken, Utterance
from stentor.jobs import feed as feeds
from stentor.jobs.feed import Following, JobFeed, Live
from stentor.processes.hub import Hub
from stentor.processes.link import Link
from stentor.processes.member import BorrowedEngines, Member

JOBS = ("a", "b")
PROCESSES = 3


class Mute:
    """Engines that nothing is asked of."""

    size = 1

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        raise EngineError("engine_failed", "mute")


class House:
    """A first process and its members, in one."""

    def __init__(self) -> None:
        self.feeds = [JobFeed() for _ in range(PROCESSES)]
        self.hub = Hub(
            self.feeds[0],
            Mute(),
            on_cancelled=lambda _: None,
            on_submitted=lambda: None,
            on_ended=lambda: None,
        )
        self.feeds[0].peers = self.hub
        self.links: dict[int, tuple[Link, list[asyncio.Task[None]]]] = {}
        self.following: dict[tuple[int, str], list[tuple[ExitStack, Following]]] = {}

    async def join(self, number: int) -> None:
        """Start a member, in the place of the one before it."""
        if number in self.links:
            return
        ours, theirs = socket.socketpair()
        link = await Link.over(theirs)
        feed = self.feeds[number] = JobFeed()
        member = Member(
            link,
            feed,
            BorrowedEngines(link, 1),
            on_cancelled=lambda _: None,
            on_submitted=lambda: None,
        )
        feed.peers = member
        serving = asyncio.create_task(self.hub.serve(await Link.over(ours)))
        self.links[number] = link, [serving, asyncio.create_task(member.run())]
        await quiet()

    async def die(self, number: int) -> None:
        """End a member without a word."""
        if number not in self.links:
            return
        link, tasks = self.links.pop(number)
        self.feeds[number].peers = None
        link.close()
        await asyncio.gather(*tasks)
        for one, job in list(self.following):
            if one == number:
                self.leave(number, job, everyone=True)

    def follow(self, number: int, job: str) -> None:
        stack = ExitStack()
        following = stack.enter_context(self.feeds[number].follow(job))
        self.following.setdefault((number, job), []).append((stack, following))

    def leave(self, number: int, job: str, *, everyone: bool = False) -> None:
        left = self.following.get((number, job), [])
        while left:
            left.pop()[0].close()
            if not everyone:
                break
        if not left:
            self.following.pop((number, job), None)

    def present(self, number: int) -> bool:
        return number == 0 or number in self.links


async def quiet() -> None:
    """Until all messages have arrived, and all timers of feeds gone off."""
    for _ in range(30):
        await asyncio.sleep(0)
    await asyncio.sleep(0.003)
    for _ in range(30):
        await asyncio.sleep(0)


_NUMBERS = st.integers(0, PROCESSES - 1)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["follow", "follow", "leave", "run", "end", "join", "die"]),
        _NUMBERS,
        st.sampled_from(JOBS),
    ),
    max_size=25,
)


async def _play(steps: list[tuple[str, int, str]]) -> None:
    house = House()
    runs: dict[str, int] = {}
    for number in range(1, PROCESSES):
        await house.join(number)
    for generation, (what, number, job) in enumerate(steps):
        if what == "join" and number:
            await house.join(number)
        elif what == "die" and number:
            runs = {one: where for one, where in runs.items() if where != number}
            await house.die(number)
        elif not house.present(number):
            continue
        elif what == "follow":
            house.follow(number, job)
        elif what == "leave":
            house.leave(number, job)
        elif what == "run" and job not in runs:
            runs[job] = number
            house.feeds[number].set_here(job, True)
            house.feeds[number].set_live(job, Live(Path(job), generation, "mp3"))
        elif what == "end" and runs.get(job) == number:
            del runs[job]
            house.feeds[number].set_live(job, None)
            house.feeds[number].set_here(job, False)
        await quiet()
        for one, where in runs.items():
            # Whoever follows a job knows where it grows, and hears of it.
            told = house.feeds[where].live(one)
            listeners = [
                (house.feeds[follower], following)
                for (follower, job_id), all_of in house.following.items()
                for _, following in all_of
                if job_id == one
            ]
            for _, following in listeners:
                following._changed.clear()
            house.feeds[where].notify(one)
            await quiet()
            for feed, following in listeners:
                assert feed.live(one) == told
                assert following._changed.is_set()
    for job, where in runs.items():
        house.feeds[where].set_live(job, None)
        house.feeds[where].set_here(job, False)
    for number, job in list(house.following):
        house.leave(number, job, everyone=True)
    await quiet()
    for number, feed in enumerate(house.feeds):
        if house.present(number):
            kept = (feed._watches, feed._watched, feed._elsewhere, feed._here, feed._live)
            assert not any(kept), kept
            assert feed._followers == {}
    assert house.hub._watching == {}
    for number in list(house.links):
        await house.die(number)


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Iterator[None]:
    """Whoever follows a job asks the others of it at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "WATCH_AFTER_S", 0.001)
        yield


@settings(deadline=None, max_examples=25)
@given(_STEPS)
def test_followers_hear_of_jobs_wherever_they_run_and_nothing_is_kept(
    steps: list[tuple[str, int, str]],
) -> None:
    asyncio.run(_play(steps))


async def test_who_joins_late_still_tells_when_the_first_of_two_has_left() -> None:
    await _play(
        [
            ("die", 2, "a"),
            ("follow", 0, "a"),
            ("follow", 1, "a"),
            ("join", 2, "a"),
            ("run", 2, "a"),
            ("leave", 0, "a"),
        ]
    )
