"""What a job does: its request is read, rendered, and the audio put where it is kept."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import structlog
from obstore.exceptions import BaseError

from stentor.blobs import BlobStore
from stentor.contract import CONTENT_TYPES, Progress, ResponseFormat
from stentor.disk import DiskGuard
from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.jobs.checkpoints import Checkpoints, KeptSpeaker
from stentor.jobs.feed import JobFeed, Live
from stentor.jobs.outcome import completed, failed
from stentor.jobs.quick import Quick, QuickWork
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.store import StoreClosed, StoreFull
from stentor.lexicon.dictionaries import Dictionaries
from stentor.lexicon.lexicon import Lexicon
from stentor.requests import StoredRequest, check, own_locators
from stentor.routing.attempts import AttemptLog
from stentor.routing.catalogue import Catalogue
from stentor.shielded import shielded
from stentor.synthesis.files import remove_all
from stentor.synthesis.relay import Remainder
from stentor.synthesis.render import Synthesizer
from stentor.synthesis.values import Rendered, Speech

log = structlog.get_logger(__name__)

PLANNING = "planning"
# To check it takes less than to hand it to a thread.
SMALL_REQUEST_BYTES = 2048
_PLAIN = ("auto", "text")


class Known(NamedTuple):
    """A request that was read when it was accepted, a moment ago."""

    stored: StoredRequest
    speech: Speech


class NoRoom(Exception):
    """The disk has no room for the job's audio."""


class Progressing:
    """How far a job has come in this attempt, and whoever follows it being told.

    Attributes:
        value: the newest progress.
        log: what was tried so far.
        has_files: whether the attempt may have files in the spool.
        heard: never: whoever follows a job is told to begin anew, or cut off.
    """

    heard = False

    def __init__(self, job_id: str, feed: JobFeed) -> None:
        self.value = Progress()
        self.log = AttemptLog()
        self._job_id = job_id
        self._feed = feed
        self._speaker: KeptSpeaker | None = None
        self._planning: Path | None = None
        self._format: ResponseFormat = "mp3"
        self.has_files = False

    def begin(self, speaker: KeptSpeaker, planning: Path, response_format: ResponseFormat) -> None:
        """The work begins; the mark at `planning` is to go once the text is planned."""
        self._speaker = speaker
        self._planning = planning
        self._format = response_format

    @property
    def spoken(self) -> int:
        """How many segments were spoken in this attempt that no attempt before had spoken."""
        return self._speaker.spoken if self._speaker is not None else 0

    def on_audio(self, path: Path, generation: int) -> None:
        self._feed.set_live(self._job_id, Live(path, generation, self._format))

    def on_growth(self) -> None:
        self._feed.notify(self._job_id)

    def on_abort(self) -> None:
        self._feed.set_live(self._job_id, None)

    def on_progress(self, progress: Progress) -> None:
        if self._planning is not None:
            self._planning.unlink(missing_ok=True)
            self._planning = None
        self.value = progress
        self._feed.notify(self._job_id)


class Work:
    """Renders requests into the blob store.

    Args:
        spool: folder for files being made. A file whose name begins with a job's id tells that
            the job was at work: what a crash leaves there are the suspects.
        when_full: whether a job waits for room on a full disk, between two segments, or fails.
        quick: does what one short call can answer; None where all audio goes into files.
    """

    def __init__(
        self,
        blobs: BlobStore,
        synthesizer: Synthesizer,
        catalogue: Catalogue,
        checkpoints: Checkpoints,
        dictionaries: Dictionaries,
        guard: DiskGuard,
        *,
        spool: Path,
        max_input_chars: int,
        when_full: Literal["wait", "fail"],
        quick: QuickWork | None = None,
    ) -> None:
        self._quick = quick
        self._blobs = blobs
        self._synthesizer = synthesizer
        self._catalogue = catalogue
        self._checkpoints = checkpoints
        self._dictionaries = dictionaries
        self._guard = guard
        self._spool = spool
        self._max_input_chars = max_input_chars
        self._when_full = when_full

    async def run(
        self, job: JobRecord, progressing: Progressing, known: Known | None = None
    ) -> Outcome | Quick:
        """Run one attempt at a job; the answer is how the job ends.

        Args:
            known: the job's request, if it need not be read again.

        Raises:
            NoRoom, StoreFull: there is no room on the disk.
            OSError, obstore.exceptions.BaseError, StoreClosed: what is needed is out of reach.
        """
        started = time.monotonic()
        path = self._path(job)
        planning = path.with_name(f"{path.name}.{PLANNING}")
        private = False
        try:
            known = known or self._read_at_once(job)
            if known is None:
                progressing.has_files = True
                known = await self._read(job, planning)
            stored, speech = known
            private = speech.request.enable_logging is False
            speaker = self._checkpoints.speaker(
                Flow(job.owner, job.id, job.priority),
                private=private,
                before_each=self._room,
                ear=progressing,
            )
            progressing.begin(speaker, planning, speech.response_format)
            rest = Remainder(speech)
            if self._quick is not None and self._quick.may_do(speech):
                done = await self._quick.run(
                    stored,
                    speech,
                    speaker,
                    progressing.log,
                    room=self._room,
                    begun=progressing.on_audio,
                    ear=progressing,
                )
                if isinstance(done, Quick):
                    progressing.value = done.progress
                    return done
                rest = done
            progressing.has_files = True
            rendered = await self._render(rest, path, speaker, progressing)
            latency_ms = round((time.monotonic() - started) * 1000)
            if rendered.timings is None:
                outcome = completed(stored, rendered, latency_ms)
            else:
                outcome = await asyncio.to_thread(completed, stored, rendered, latency_ms)
            content_type = CONTENT_TYPES[speech.response_format]
            await self._blobs.put(job.id, rendered.path, content_type)
        except SpeechError as error:
            return failed(_named(error, job))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom("the disk is full") from error
            raise
        except (NoRoom, StoreFull, StoreClosed, BaseError):
            raise
        except Exception as error:
            # What a library says may quote the text.
            log.error("job.failed", job_id=job.id, exc_info=None if private else error)
            return failed(
                SpeechError(500, "internal_error", f"the job failed: {type(error).__name__}")
            )
        return outcome

    async def _render(
        self, rest: Remainder, path: Path, speaker: KeptSpeaker, progressing: Progressing
    ) -> Rendered:
        speaker.has(rest.take)
        try:
            return await self._synthesizer.render(
                rest.speech, path, speaker=speaker, listener=progressing, log=progressing.log
            )
        except SpeechError as error:
            if rest.error is None:
                raise
            # What the first target said is what the caller should hear.
            rest.error.attempts = error.attempts
            raise rest.error from None

    async def discard(self, job: JobRecord) -> None:
        """Remove the audio of a job that has no use for it any more."""
        await self._blobs.delete([job.id])

    async def clean(self, job: JobRecord, progressing: Progressing) -> None:
        """Remove what this attempt left in the spool; what cannot be removed stays."""
        if not progressing.has_files:
            return
        # To remove the file of a book takes milliseconds.
        await shielded(asyncio.to_thread(remove_all, self._path(job)))

    def _path(self, job: JobRecord) -> Path:
        return self._spool / f"{job.id}.{job.attempt}"

    async def _room(self) -> None:
        if not self._guard.full:
            return
        if self._when_full == "fail":
            raise NoRoom("the disk is nearly full ([storage] min_free_bytes)")
        await self._guard.wait_for_room()

    def _read_at_once(self, job: JobRecord) -> Known | None:
        """What a short request without dictionaries asks for; None of any other.

        What has failed before is read with a mark that tells of it, should it be the text's fault.
        """
        if self._quick is None or len(job.request) > SMALL_REQUEST_BYTES or job.strikes:
            return None
        stored = msgspec.json.decode(job.request, type=StoredRequest)
        if own_locators(stored) or (stored.speech.input_type or "auto") not in _PLAIN:
            return None
        speech = self._check(job, stored, ())
        return Known(stored, speech) if self._quick.may_do(speech) else None

    async def _read(self, job: JobRecord, planning: Path) -> Known:
        stored, speech = await shielded(asyncio.to_thread(self._decode, job, planning))
        if speech is None:
            lexicons = await self._dictionaries.resolve(
                job.owner, own_locators(stored), archived=True
            )
            speech = await shielded(asyncio.to_thread(self._check, job, stored, lexicons))
        return Known(stored, speech)

    def _decode(self, job: JobRecord, planning: Path) -> tuple[StoredRequest, Speech | None]:
        """The request, and what it asks for unless dictionaries have to be found for that."""
        planning.touch()
        stored = msgspec.json.decode(job.request, type=StoredRequest)
        return stored, None if own_locators(stored) else self._check(job, stored, ())

    def _check(self, job: JobRecord, stored: StoredRequest, lexicons: Sequence[Lexicon]) -> Speech:
        return check(
            stored,
            self._catalogue,
            max_input_chars=self._max_input_chars,
            seed=job.id,
            lexicons=lexicons,
        )


def suspects(spool: Path) -> set[str]:
    """Empty the spool that a crash left behind; returns the jobs that were at work in it.

    Folders are not Stentor's and stay.
    """
    found = set()
    for left in spool.iterdir():
        if left.is_dir() and not left.is_symlink():
            continue
        left.unlink()
        if left.name.isascii():
            found.add(left.name.partition(".")[0])
    return found


def _named(error: SpeechError, job: JobRecord) -> SpeechError:
    """The error with the model that the request named, which may have been an alias."""
    error.model = msgspec.json.decode(job.request, type=StoredRequest).speech.model
    return error
