"""The part that speaks, from a configuration: enough for the command line, which needs no jobs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from stentor.accounts import open_accounts
from stentor.align import Aligner, is_installed
from stentor.config import Config, ConfigError, alias_targets
from stentor.engines.base import ModelNotes
from stentor.engines.catalogue import find_models
from stentor.engines.pool import EnginePool
from stentor.engines.speaker import Engines
from stentor.engines.worker import Hello
from stentor.routing.caller import Caller
from stentor.routing.catalogue import Catalogue
from stentor.routing.transport import Transport
from stentor.routing.voices import LiveVoices
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.voices import Rules
from stentor.text.segments import Pauses


@dataclass(frozen=True, slots=True)
class Voices:
    """The part that speaks; enough for the command line, which needs no jobs."""

    catalogue: Catalogue
    engines: Engines
    caller: Caller
    live_voices: LiveVoices
    synthesizer: Synthesizer
    notes: list[str]


@asynccontextmanager
async def open_voices(
    config: Config, *, warm: bool, engines: Engines | None = None, shares: int = 1
) -> AsyncIterator[Voices]:
    """Find the models, start the engine pool, and end it again.

    Args:
        warm: start the engine processes now rather than at the first utterance.
        engines: to use instead of a pool of one's own.
        shares: among how many processes the vendors' limits are divided.

    Raises:
        ConfigError: a configured provider cannot be used.
    """
    from stentor.audio.settings import EncoderSettings

    accounts = open_accounts(config, shares=shares)
    aligner = _aligner(config)
    found: ModelNotes = find_models(config)
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
    async with AsyncExitStack() as stack:
        stack.callback(synthesizer.close)
        stack.push_async_callback(transport.close)
        stack.push_async_callback(live_voices.close)
        if engines is None:
            engines = await stack.enter_async_context(_pool(config, found, warm=warm))
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
            engines,
            Caller(transport),
            live_voices,
            synthesizer,
            catalogue.notes,
        )


def engine_count(config: Config) -> int:
    """How many engine processes there are."""
    return config.engines.workers or _cores()


@asynccontextmanager
async def _pool(config: Config, found: ModelNotes, *, warm: bool) -> AsyncIterator[EnginePool]:
    engines = config.engines
    first = found.models[0] if found.models else None
    hello = Hello(
        models=list(found.models),
        niceness=engines.niceness,
        threads=engines.threads_per_worker,
        preload=f"{first.engine}/{first.name}" if first and engines.preload else None,
    )
    pool = EnginePool(hello, engine_count(config), engines.segment_timeout_seconds)
    pool.start(warm=warm and first is not None and engines.preload)
    try:
        yield pool
    finally:
        await pool.close()


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


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
