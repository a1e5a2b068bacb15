"""The composition root: everything that serves, built from a configuration."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uuid_utils
from filelock import FileLock, Timeout

from stentor.accounts import share
from stentor.blobs import BlobStore
from stentor.config import Config
from stentor.disk import DiskGuard
from stentor.jobs.checkpoints import Checkpoints
from stentor.jobs.feed import JobFeed
from stentor.jobs.quick import QuickWork
from stentor.jobs.runner import JobRunner
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import JobStore
from stentor.jobs.sweeper import Sweeper
from stentor.jobs.work import Work, suspects
from stentor.lexicon.dictionaries import Dictionaries
from stentor.lexicon.sqlite import SqliteDictionaries
from stentor.processes.link import Link
from stentor.processes.member import BorrowedEngines, Member
from stentor.processes.messages import Ended
from stentor.speaking import Speaking
from stentor.voicing import Voices, engine_count, open_voices, speaking_rules
from stentor.webhooks.deliverer import Deliverer
from stentor.webhooks.endpoints import Endpoints
from stentor.webhooks.sender import Sender
from stentor.webhooks.sqlite import SqliteDeliveries
from stentor.webhooks.store import DeliveryStore

log = structlog.get_logger(__name__)

SPOOL = "spool"
_SPOOL = re.compile(rf"{SPOOL}(-[0-9]+)?")

DEFAULT_BASE_URL = "http://127.0.0.1:8080"


class DataDirInUse(Exception):
    """Another process holds the data directory."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Who is called when jobs have ended, and what came of it.

    Attributes:
        notify: says that there is something new to deliver.
    """

    endpoints: Endpoints
    store: DeliveryStore
    notify: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The whole server but HTTP.

    Attributes:
        on_end: says that a job has ended, or that a delivery is due.
    """

    config: Config
    voices: Voices
    store: JobStore
    blobs: BlobStore
    runner: JobRunner
    feed: JobFeed
    guard: DiskGuard
    webhooks: Webhooks
    dictionaries: Dictionaries
    speaking: Speaking
    on_end: Callable[[], None]

    @property
    def draining(self) -> bool:
        """Whether the server is about to end: no job is accepted any more."""
        return self.runner.draining

    async def drain(self) -> None:
        """Accept and begin no more jobs, give running ones time to end, and let followers go."""
        seconds = self.config.server.drain_seconds
        await asyncio.gather(self.runner.drain(seconds), self.speaking.drain(seconds))
        self.feed.close()


@asynccontextmanager
async def open_gateway(
    config: Config, *, base_url: str = DEFAULT_BASE_URL
) -> AsyncIterator[Gateway]:
    """Open the store, start the engines and begin to take jobs; undo it all at the end.

    Args:
        base_url: what the URLs in webhooks begin with, unless the configuration says it.

    Raises:
        DataDirInUse: another process has the data directory.
    """
    data_dir = config.data_dir
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        _hold(data_dir, stack)
        store = await SqliteStore.open(data_dir / "stentor.db")
        stack.push_async_callback(store.close)
        # What was at work there may have caused the crash; what else was claimed has not.
        released = await store.release_all(
            set().union(*map(suspects, spools(data_dir))),
            error="the server stopped while it ran the job",
        )
        if released:
            log.info("jobs.taken_up_again", jobs=released)
        parts = _Parts.open(config, store, base_url)
        sweeper = parts.sweeper()
        deliverer = parts.deliverer()

        def on_end() -> None:
            sweeper.notify()
            deliverer.notify()

        voices = await stack.enter_async_context(
            open_voices(config, warm=True, shares=config.server.processes)
        )
        deliverer.start()
        stack.push_async_callback(deliverer.close)
        gateway = await stack.enter_async_context(
            parts.gateway(
                voices,
                name=worker_name(),
                spool=spool_folder(data_dir),
                on_end=on_end,
                webhooks_notify=deliverer.notify,
            )
        )
        sweeper.start()
        stack.push_async_callback(sweeper.close)
        yield gateway


@asynccontextmanager
async def open_member(
    config: Config, link: Link, *, name: str, number: int, on_alone: Callable[[], None]
) -> AsyncIterator[Gateway]:
    """What serves in a process besides the first: it takes jobs, but has no engines of its own.

    Args:
        link: to the first process, which must have opened the store.
        name: who holds this process's leases.
        number: of the process, from 1.
        on_alone: called when the first process is gone.
    """
    data_dir = config.data_dir
    async with AsyncExitStack() as stack:
        store = await SqliteStore.open(data_dir / "stentor.db")
        stack.push_async_callback(store.close)
        engines = BorrowedEngines(link, engine_count(config))
        voices = await stack.enter_async_context(
            open_voices(config, warm=False, engines=engines, shares=config.server.processes)
        )
        tell_of_end = functools.partial(link.send, Ended())
        gateway = await stack.enter_async_context(
            _Parts.open(config, store, DEFAULT_BASE_URL).gateway(
                voices,
                name=name,
                spool=spool_folder(data_dir, number),
                on_end=tell_of_end,
                webhooks_notify=tell_of_end,
            )
        )
        member = Member(
            link,
            gateway.feed,
            engines,
            on_cancelled=gateway.runner.stop,
            on_submitted=gateway.runner.wake,
        )
        gateway.feed.peers = member
        hearing = asyncio.create_task(_hear(member, on_alone), name="member")
        try:
            yield gateway
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


async def _hear(member: Member, on_alone: Callable[[], None]) -> None:
    await member.run()
    on_alone()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every server process has, over one open store."""

    config: Config
    store: SqliteStore
    blobs: BlobStore
    segments: BlobStore
    guard: DiskGuard
    endpoints: Endpoints
    deliveries: DeliveryStore
    dictionaries: Dictionaries
    base_url: str

    @classmethod
    def open(cls, config: Config, store: SqliteStore, base_url: str) -> _Parts:
        audio_url, data_dir = config.storage.audio_url, config.data_dir
        return cls(
            config,
            store,
            BlobStore.open(audio_url, data_dir / "audio", small=store.small),
            BlobStore.open(audio_url, data_dir / "segments", part="segments"),
            DiskGuard(data_dir, config.storage.min_free_bytes),
            Endpoints(config.webhooks),
            SqliteDeliveries(store.writer, store.reader),
            Dictionaries(SqliteDictionaries(store.writer, store.reader)),
            config.server.public_url or base_url,
        )

    def sweeper(self) -> Sweeper:
        config, guard = self.config, self.guard
        log_ms = config.jobs.webhook_log_seconds * 1000
        return Sweeper(
            self.store,
            self.blobs,
            self.store.segments,
            self.segments,
            interval_s=config.jobs.sweep_interval_seconds,
            cache_bytes=config.cache.max_bytes,
            cache_age_ms=config.cache.max_age_seconds * 1000,
            short_of_room=lambda: config.storage.audio_url is None and guard.full,
            more=[
                lambda now_ms: self.deliveries.purge(now_ms - log_ms),
                self.dictionaries.purge,
            ],
        )

    def deliverer(self) -> Deliverer:
        return Deliverer(
            self.deliveries, self.blobs, self.endpoints, Sender(), base_url=self.base_url
        )

    @asynccontextmanager
    async def gateway(
        self,
        voices: Voices,
        *,
        name: str,
        spool: Path,
        on_end: Callable[[], None],
        webhooks_notify: Callable[[], None],
    ) -> AsyncIterator[Gateway]:
        """Begin to take jobs; stop at the end."""
        config, store = self.config, self.store
        feed = JobFeed()
        checkpoints = Checkpoints(
            voices.engines,
            voices.caller,
            store.segments,
            self.segments,
            spool,
            shared=config.cache.shared,
            small=store.small,
        )
        # What is to be in a store of one's own is not kept beside it.
        quick = config.storage.audio_url is None
        runner = JobRunner(
            store,
            Work(
                self.blobs,
                voices.synthesizer,
                voices.catalogue,
                checkpoints,
                self.dictionaries,
                self.guard,
                spool=spool,
                max_input_chars=config.server.max_input_chars,
                when_full=config.storage.when_full,
                quick=QuickWork(voices.caller, checkpoints, speaking_rules(config), spool)
                if quick
                else None,
            ),
            feed,
            self.guard,
            name=name,
            concurrency=share(config.jobs.concurrency, config.server.processes),
            express_concurrency=share(config.jobs.express_concurrency, config.server.processes),
            lease_ms=config.jobs.lease_seconds * 1000,
            max_attempts=config.jobs.max_attempts,
            when_full=config.storage.when_full,
            on_end=on_end,
        )
        speaking = Speaking(
            voices.synthesizer,
            voices.engines,
            voices.caller,
            speaking_rules(config),
            feed,
            spool,
        )
        runner.start()
        try:
            yield Gateway(
                config,
                voices,
                store,
                self.blobs,
                runner,
                feed,
                self.guard,
                Webhooks(self.endpoints, self.deliveries, webhooks_notify),
                self.dictionaries,
                speaking,
                on_end,
            )
        finally:
            await speaking.close()
            await runner.close()
            feed.close()


def worker_name(number: int = 0) -> str:
    """A name for a process's leases that no other process and no other start has.

    Args:
        number: of the process, the first being 0, which is the one that asks.
    """
    return f"{socket.gethostname()}-{os.getpid()}-{number}-{uuid_utils.uuid4().hex[:8]}"


def spool_folder(data_dir: Path, number: int = 0) -> Path:
    """Where a process's files in the making are, made if need be.

    Args:
        number: of the process, the first being 0.
    """
    folder = data_dir / (f"{SPOOL}-{number}" if number else SPOOL)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def spools(data_dir: Path) -> list[Path]:
    """The folders of all processes that there ever were."""
    return [one for one in data_dir.iterdir() if _SPOOL.fullmatch(one.name) and one.is_dir()]


def _hold(data_dir: Path, stack: AsyncExitStack) -> None:
    lock = FileLock(data_dir / "lock")
    holder = data_dir / "holder"
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        who = holder.read_text().strip() if holder.exists() else "another process"
        raise DataDirInUse(
            f"the data directory {data_dir} is in use by {who}; stop it, or choose another "
            "directory with --data-dir"
        ) from error
    stack.callback(lock.release)
    holder.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
