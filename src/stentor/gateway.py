"""The composition root: everything that serves, built from a configuration."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uuid_utils
from filelock import FileLock, Timeout

from stentor.accounts import open_accounts
from stentor.align import Aligner, is_installed
from stentor.blobs import BlobStore
from stentor.config import Config, ConfigError, alias_targets
from stentor.disk import DiskGuard
from stentor.engines.base import ModelNotes
from stentor.engines.catalogue import find_models
from stentor.engines.pool import EnginePool
from stentor.engines.worker import Hello
from stentor.jobs.checkpoints import Checkpoints
from stentor.jobs.feed import JobFeed
from stentor.jobs.runner import JobRunner
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import JobStore
from stentor.jobs.sweeper import Sweeper
from stentor.jobs.work import Work, suspects
from stentor.lexicon.dictionaries import Dictionaries
from stentor.lexicon.sqlite import SqliteDictionaries
from stentor.routing.caller import Caller
from stentor.routing.catalogue import Catalogue
from stentor.routing.transport import Transport
from stentor.routing.voices import LiveVoices
from stentor.speaking import Speaking
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.voices import Rules
from stentor.text.segments import Pauses
from stentor.webhooks.deliverer import Deliverer
from stentor.webhooks.endpoints import Endpoints
from stentor.webhooks.sender import Sender
from stentor.webhooks.sqlite import SqliteDeliveries
from stentor.webhooks.store import DeliveryStore

log = structlog.get_logger(__name__)

DEFAULT_BASE_URL = "http://127.0.0.1:8080"


class DataDirInUse(Exception):
    """Another process holds the data directory."""


@dataclass(frozen=True, slots=True)
class Voices:
    """The part that speaks; enough for the command line, which needs no jobs."""

    catalogue: Catalogue
    pool: EnginePool
    caller: Caller
    live_voices: LiveVoices
    synthesizer: Synthesizer
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Who is called when jobs have ended, and what came of it."""

    endpoints: Endpoints
    store: DeliveryStore
    deliverer: Deliverer


@dataclass(frozen=True, slots=True)
class Gateway:
    """The whole server but HTTP."""

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
async def open_voices(config: Config, *, warm: bool) -> AsyncIterator[Voices]:
    """Find the models, start the engine pool, and end it again.

    Args:
        warm: start the engine processes now rather than at the first utterance.

    Raises:
        ConfigError: a configured provider cannot be used.
    """
    from stentor.audio.settings import EncoderSettings

    accounts = open_accounts(config)
    aligner = _aligner(config)
    found: ModelNotes = find_models(config)
    engines = config.engines
    first = found.models[0] if found.models else None
    hello = Hello(
        models=list(found.models),
        niceness=engines.niceness,
        threads=engines.threads_per_worker,
        preload=f"{first.engine}/{first.name}" if first and engines.preload else None,
    )
    pool = EnginePool(hello, engines.workers or _cores(), engines.segment_timeout_seconds)
    synthesizer = Synthesizer(
        encoder=EncoderSettings(
            mp3_kbps=config.audio.mp3_kbps,
            opus_kbps=config.audio.opus_kbps,
            aac_kbps=config.audio.aac_kbps,
        ),
        rules=speaking_rules(config),
        aligner=aligner,
    )
    transport = Transport()
    live_voices = LiveVoices(transport, config.routing.voices_cache_seconds)
    pool.start(warm=warm and first is not None and engines.preload)
    try:
        catalogue = Catalogue(
            found.models,
            accounts,
            {
                alias: [(one.model, one.weight) for one in alias_targets(targets)]
                for alias, targets in config.models.items()
            },
            config.voices,
            found.notes,
            aligns=aligner is not None,
        )
        yield Voices(
            catalogue,
            pool,
            Caller(transport),
            live_voices,
            synthesizer,
            catalogue.notes,
        )
    finally:
        await pool.close()
        await live_voices.close()
        await transport.close()
        synthesizer.close()


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
        spool = data_dir / "spool"
        spool.mkdir(mode=0o700, exist_ok=True)
        # What was at work there may have caused the crash; what else was claimed has not.
        released = await store.release_all(
            suspects(spool), error="the server stopped while it ran the job"
        )
        if released:
            log.info("jobs.taken_up_again", jobs=released)
        audio_url = config.storage.audio_url
        blobs = BlobStore.open(audio_url, data_dir / "audio")
        segments = BlobStore.open(audio_url, data_dir / "segments", part="segments")
        voices = await stack.enter_async_context(open_voices(config, warm=True))
        guard = DiskGuard(data_dir, config.storage.min_free_bytes)
        feed = JobFeed()
        stack.callback(feed.close)
        webhooks = _webhooks(config, store, blobs, base_url)
        webhooks.deliverer.start()
        stack.push_async_callback(webhooks.deliverer.close)
        dictionaries = Dictionaries(SqliteDictionaries(store.writer, store.reader))
        log_ms = config.jobs.webhook_log_seconds * 1000
        sweeper = Sweeper(
            store,
            blobs,
            store.segments,
            segments,
            interval_s=config.jobs.sweep_interval_seconds,
            cache_bytes=config.cache.max_bytes,
            cache_age_ms=config.cache.max_age_seconds * 1000,
            short_of_room=lambda: audio_url is None and guard.full,
            more=[lambda now_ms: webhooks.store.purge(now_ms - log_ms), dictionaries.purge],
        )

        def on_end() -> None:
            sweeper.notify()
            webhooks.deliverer.notify()

        runner = JobRunner(
            store,
            Work(
                blobs,
                voices.synthesizer,
                voices.catalogue,
                Checkpoints(
                    voices.pool,
                    voices.caller,
                    store.segments,
                    segments,
                    spool,
                    shared=config.cache.shared,
                ),
                dictionaries,
                guard,
                spool=spool,
                max_input_chars=config.server.max_input_chars,
                when_full=config.storage.when_full,
            ),
            feed,
            guard,
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid_utils.uuid4().hex[:8]}",
            concurrency=config.jobs.concurrency,
            express_concurrency=config.jobs.express_concurrency,
            lease_ms=config.jobs.lease_seconds * 1000,
            max_attempts=config.jobs.max_attempts,
            when_full=config.storage.when_full,
            on_end=on_end,
        )
        runner.start()
        stack.push_async_callback(runner.close)
        sweeper.start()
        stack.push_async_callback(sweeper.close)
        speaking = Speaking(
            voices.synthesizer, voices.pool, voices.caller, speaking_rules(config), feed, spool
        )
        stack.push_async_callback(speaking.close)
        yield Gateway(
            config, voices, store, blobs, runner, feed, guard, webhooks, dictionaries, speaking
        )


def speaking_rules(config: Config) -> Rules:
    """How texts are divided and tried."""
    return Rules(
        pauses=Pauses(
            sentence_ms=config.audio.sentence_pause_ms,
            clause_ms=config.audio.clause_pause_ms,
            paragraph_ms=config.audio.paragraph_pause_ms,
            section_ms=config.audio.section_pause_ms,
            heading_ms=config.audio.heading_pause_ms,
            item_ms=config.audio.item_pause_ms,
        ),
        max_segment_chars=config.engines.max_segment_chars,
        retry_budget=config.routing.retry_budget,
        substitutes=config.routing.fallback == "segment",
    )


def _aligner(config: Config) -> Aligner | None:
    model = config.alignment.model
    if model is None:
        return None
    if not is_installed():
        raise ConfigError("[alignment] model: the extra `align` (faster-whisper) is not installed")
    if not (model / "model.bin").is_file():
        raise ConfigError(f"[alignment] model: {model} is no folder of a Whisper model")
    return Aligner(model)


def _webhooks(config: Config, store: SqliteStore, blobs: BlobStore, base_url: str) -> Webhooks:
    endpoints = Endpoints(config.webhooks)
    deliveries = SqliteDeliveries(store.writer, store.reader)
    deliverer = Deliverer(
        deliveries,
        blobs,
        endpoints,
        Sender(),
        base_url=config.server.public_url or base_url,
    )
    return Webhooks(endpoints, deliveries, deliverer)


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


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
