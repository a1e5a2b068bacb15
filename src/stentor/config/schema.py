"""Every option, with its type, range, default and meaning; nothing else.

The structs are the one source for validation, for the environment variables' names and for
`docs/configuration.md`. `extra["expected"]` says in words what a pattern asks for,
`extra["name"]` is the placeholder for a table's freely chosen names, `extra["pattern"]` is the
pattern of a secret, and with `extra["hidden"]` errors do not show the value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from stentor.config.callers import Key, KeyName, Webhook, WebhookName
from stentor.config.providers import Providers
from stentor.config.routing import Alias, Routing, Targets, VoiceId, VoiceName, VoicePlace
from stentor.config.section import Section


class Server(Section, frozen=True):
    """Where and what the HTTP server accepts."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="TCP port to listen on; 0 takes any free one")
    ] = 8080
    processes: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Server processes, over one store and one set of engines; limits of jobs "
            "and of vendors are divided among them",
        ),
    ] = 1
    allow_unauthenticated: Annotated[
        bool, Meta(description="Serve beyond loopback without caller keys")
    ] = False
    max_body_bytes: Annotated[
        int, Meta(ge=1024, le=1024**3, description="Largest request body that is read")
    ] = 16 * 1024**2
    max_input_chars: Annotated[
        int, Meta(ge=1, le=100_000_000, description="Longest text of one request, in characters")
    ] = 5_000_000
    sync_max_chars: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000_000,
            description="Longest text, in characters, that POST /v1/audio/speech answers with "
            "audio; longer ones become jobs (202); 0 = no limit but max_input_chars",
        ),
    ] = 0
    max_wait_seconds: Annotated[
        int,
        Meta(ge=0, le=3600, description="Longest time that ?wait= and Prefer: wait hold an answer"),
    ] = 60
    body_timeout_seconds: Annotated[
        int, Meta(ge=1, le=3600, description="How long a request's body may take to arrive")
    ] = 60
    drain_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=3600,
            description="How long running jobs may go on after SIGTERM; "
            "what is not done by then is taken up again at the next start",
        ),
    ] = 10
    public_url: (
        Annotated[
            str,
            Meta(
                pattern=r"\Ahttps?://[^/\s]+\S*\Z",
                extra={"expected": "a URL such as https://speech.example.com"},
                description="What the URLs in webhooks begin with; "
                "default: the address that the server listens on",
            ),
        ]
        | None
    ) = None


StoreUrl = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z][a-z0-9+.-]*://\S+\Z",
        extra={"expected": "a URL such as s3://bucket/prefix"},
        description="Where audio is kept, for this server alone: a URL that obstore understands, "
        "such as s3://bucket/prefix, with credentials from the environment (AWS_ACCESS_KEY_ID, "
        "AWS_REGION, AWS_ENDPOINT and so on); default: folders in data_dir",
    ),
]


class Socket(Section, frozen=True):
    """Text that arrives piece by piece, over WebSockets at /v1/audio/speech/stream."""

    max_message_bytes: Annotated[
        int, Meta(ge=1024, le=16 * 1024**2, description="Largest message that is read")
    ] = 1024**2
    max_waiting_chars: Annotated[
        int,
        Meta(
            ge=1000,
            le=100_000_000,
            description="Text of one session that may wait to be spoken, in characters",
        ),
    ] = 100_000
    max_session_chars: Annotated[
        int, Meta(ge=1000, le=100_000_000, description="All text of one session, in characters")
    ] = 1_000_000
    idle_timeout_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=86_400,
            description="How long neither side may hear of the other before a session is closed",
        ),
    ] = 300


class Storage(Section, frozen=True):
    """Where jobs and audio are kept."""

    data_dir: Annotated[
        Path | None,
        Meta(description="Folder of the job database; default: stentor in the user's data folder"),
    ] = None
    audio_url: StoreUrl | None = None
    min_free_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1024**4,
            description="Free space on the disk of data_dir below which new jobs are refused; "
            "0 = never",
        ),
    ] = 256 * 1024**2
    when_full: Annotated[
        Literal["wait", "fail"],
        Meta(
            description="What running jobs do when the disk is full: wait until there is room "
            "again, or fail"
        ),
    ] = "wait"


class Cache(Section, frozen=True):
    """Spoken segments that are kept after their job, so that the same sentence is spoken once."""

    max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1024**5,
            description="Bytes of segments to keep, the least recently used going first; "
            "0 = none is kept after its job",
        ),
    ] = 1024**3
    max_age_seconds: Annotated[
        int,
        Meta(ge=1, le=315_360_000, description="How long a segment is kept after it was last used"),
    ] = 7 * 24 * 3600
    shared: Annotated[bool, Meta(description="Let callers with different keys share segments")] = (
        False
    )


class Jobs(Section, frozen=True):
    """How jobs are queued, spoken and kept."""

    concurrency: Annotated[int, Meta(ge=1, le=10_000, description="Jobs being spoken at once")] = 32
    express_concurrency: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Short jobs that may be spoken besides those, so that a sentence does "
            "not wait for books",
        ),
    ] = 16
    express_max_chars: Annotated[
        int, Meta(ge=0, le=100_000, description="Longest text of a short job, in characters")
    ] = 2000
    queue_limit: Annotated[
        int,
        Meta(ge=1, le=10_000_000, description="Waiting jobs beyond which new ones are refused"),
    ] = 100_000
    default_ttl_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=31_536_000,
            description="How long a result is kept when the caller does not say",
        ),
    ] = 3600
    max_ttl_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=315_360_000,
            description="Longest time to keep a result that a caller may ask for; "
            "at least default_ttl_seconds",
        ),
    ] = 31_536_000
    inline_audio_max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=256 * 1024**2,
            description="Largest result whose audio is put into the job's JSON as base64; "
            "0 = never",
        ),
    ] = 4 * 1024**2
    sweep_interval_seconds: Annotated[
        int, Meta(ge=1, le=60, description="How often expired jobs and their audio are removed")
    ] = 20
    max_attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="How often in a row a fault or a crash may interrupt a job, without "
            "its having got further, before it fails",
        ),
    ] = 10
    lease_seconds: Annotated[
        int,
        Meta(
            ge=5,
            le=3600,
            description="How long a job stays with a process that no longer answers "
            "before another takes it over",
        ),
    ] = 30
    deadline_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=315_360_000,
            description="How long after its submission a job fails if it has not ended, when the "
            "caller does not say; 0 = never",
        ),
    ] = 0
    idempotency_seconds: Annotated[
        int,
        Meta(
            ge=86_400,
            le=31_536_000,
            description="How long an Idempotency-Key is remembered",
        ),
    ] = 48 * 3600
    webhook_log_seconds: Annotated[
        int,
        Meta(
            ge=5 * 86_400,
            le=315_360_000,
            description="How long webhook deliveries and their log are kept after the job's end",
        ),
    ] = 30 * 86_400


class Engines(Section, frozen=True):
    """The processes that run the voices in this machine."""

    workers: Annotated[
        int, Meta(ge=0, le=256, description="Engine processes; 0 = one per core")
    ] = 0
    niceness: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description="How far engine processes step back so that HTTP stays quick",
        ),
    ] = 10
    preload: Annotated[bool, Meta(description="Load the first voice when the server starts")] = True
    max_segment_chars: Annotated[
        int,
        Meta(ge=40, le=2000, description="Longest piece of text spoken in one go, in characters"),
    ] = 300
    threads_per_worker: Annotated[
        int, Meta(ge=1, le=64, description="Threads with which one engine process computes")
    ] = 1
    segment_timeout_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description="How long one piece of text may take before its engine process "
            "is taken to hang and is replaced",
        ),
    ] = 120


class Audio(Section, frozen=True):
    """How the audio is encoded, and how long it pauses."""

    mp3_kbps: Annotated[int, Meta(ge=8, le=320, description="Bit rate of mp3, in kbit/s")] = 64
    opus_kbps: Annotated[int, Meta(ge=6, le=256, description="Bit rate of opus, in kbit/s")] = 32
    aac_kbps: Annotated[int, Meta(ge=8, le=320, description="Bit rate of aac, in kbit/s")] = 64
    sentence_pause_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="Silence after a sentence")
    ] = 350
    clause_pause_ms: Annotated[
        int,
        Meta(ge=0, le=10_000, description="Silence where a sentence is divided at a clause"),
    ] = 120
    paragraph_pause_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="Silence after a paragraph")
    ] = 700
    section_pause_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="Silence at a row of ornaments or blank lines")
    ] = 1200
    heading_pause_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="Silence after a heading of marked-up text")
    ] = 1000
    item_pause_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="Silence after a list item of marked-up text")
    ] = 500


class Alignment(Section, frozen=True):
    """Timings for voices that give none, by listening to the finished audio (an extra)."""

    model: Annotated[
        Path | None,
        Meta(
            description="Folder of a Whisper model for CTranslate2; needs the extra `align`; "
            "default: no such timings"
        ),
    ] = None


class Logging(Section, frozen=True):
    """What is logged, and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least serious messages that are logged"),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        Meta(description="Form of a line; auto = console on a terminal, json otherwise"),
    ] = "auto"


class Config(Section, frozen=True):
    """The whole configuration; `load` makes it."""

    server: Server = Server()
    socket: Socket = Socket()
    storage: Storage = Storage()
    jobs: Jobs = Jobs()
    cache: Cache = Cache()
    engines: Engines = Engines()
    audio: Audio = Audio()
    alignment: Alignment = Alignment()
    providers: Providers = Providers()
    routing: Routing = Routing()
    models: dict[Alias, Targets] = field(default_factory=dict)
    voices: dict[VoiceName, dict[VoicePlace, VoiceId]] = field(default_factory=dict)
    keys: dict[KeyName, Key] = field(default_factory=dict)
    webhooks: dict[WebhookName, Webhook] = field(default_factory=dict)
    logging: Logging = Logging()

    @property
    def data_dir(self) -> Path:
        """Absolute folder of the job database; it need not exist yet."""
        if self.storage.data_dir is not None:
            return self.storage.data_dir
        import platformdirs

        return platformdirs.user_data_path("stentor")
