"""The wire: what a caller sends and what a caller gets back, and nothing else.

The types are the one source for validation, for rendering and for the OpenAPI document.
Times on the wire are RFC 3339 in UTC; durations say their unit in their name.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

ResponseFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "ulaw", "alaw", "m4b"]
JobStatus = Literal["pending", "processing", "completed", "failed"]
InputType = Literal["auto", "text", "markdown", "html", "ssml"]
AlignmentSource = Literal["provider", "engine", "aligned"]
Priority = Literal["low", "normal", "high"]
DeliveryState = Literal["pending", "delivered", "failed"]
ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "not_found_error",
    "rate_limit_error",
    "provider_error",
    "server_error",
]

Timestamp = Annotated[datetime, Meta(tz=True)]

RESPONSE_FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
# Those that can be played while they are made.
STREAM_FORMATS = tuple(name for name in RESPONSE_FORMATS if name != "m4b")
JOB_STATUSES: tuple[JobStatus, ...] = get_args(JobStatus)
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

REQUEST_TYPE: Literal["speech"] = "speech"
SPEECH_PATH = "/v1/audio/speech"
JOBS_PATH = "/v1/async/audio/speech"

CONTENT_TYPES: dict[ResponseFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
    "m4b": "audio/mp4",
}


class SpeakerVoice(Struct, frozen=True, forbid_unknown_fields=True):
    """One speaker of a dialogue and the voice that reads them."""

    speaker: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="The name before the colon in `Speaker: text` lines",
        ),
    ]
    voice: Annotated[
        str, Meta(min_length=1, max_length=256, description="The voice that reads this speaker")
    ]


class DictionaryLocator(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A pronunciation dictionary and, optionally, one of its versions."""

    pronunciation_dictionary_id: str
    version_id: str | None = None


LoudnessPreset = Literal["podcast", "audiobook", "broadcast"]
Loudness = Annotated[float, Meta(ge=-50, le=-5)] | LoudnessPreset
LOUDNESS_PRESETS: tuple[LoudnessPreset, ...] = get_args(LoudnessPreset)


class BookMetadata(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What players show of an audiobook (`m4b`). `cover` is a JPEG or PNG, in base64."""

    title: Annotated[str, Meta(min_length=1, max_length=1000)]
    authors: Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(max_length=100)] = []
    narrator: Annotated[str, Meta(max_length=1000)] | None = None
    language: Annotated[str, Meta(max_length=100)] | None = None
    cover: bytes | None = None


class SpeechRequest(Struct, frozen=True, omit_defaults=True):
    """The body of `POST /v1/async/audio/speech`.

    Fields that are not named here are kept apart, as extra parameters for the provider.
    """

    model: Annotated[
        str, Meta(min_length=1, max_length=256, description="Model in provider/model format")
    ]
    input: Annotated[str, Meta(description="Text to convert to speech")]
    voice: Annotated[
        Annotated[str, Meta(max_length=256)]
        | Annotated[list[SpeakerVoice], Meta(min_length=1, max_length=64)],
        Meta(description="A voice, or a list of speakers with a voice each for a dialogue"),
    ]
    fallbacks: (
        Annotated[
            list[Annotated[str, Meta(max_length=256)]],
            Meta(max_length=16, description="provider/model strings, tried in order"),
        ]
        | None
    ) = None
    stream_format: Annotated[
        Literal["sse", "audio"] | None,
        Meta(description='Set to "sse" to enable streaming; "audio" is as if left out'),
    ] = None
    instructions: Annotated[str | None, Meta(description="How to speak, in words")] = None
    response_format: Annotated[
        ResponseFormat | None, Meta(description="Audio format of the result; mp3 if left out")
    ] = None
    speed: (
        Annotated[
            float, Meta(ge=0.25, le=4.0, description="Speaking rate, 1 being the voice's own")
        ]
        | None
    ) = None
    language_code: Annotated[
        str | None, Meta(description="BCP 47 or ISO 639-1 code of the text's language")
    ] = None
    pronunciation_dictionary_locators: list[DictionaryLocator] | None = None
    enable_logging: bool | None = None
    optimize_streaming_latency: bool | None = None
    with_timestamps: bool | None = None
    input_type: Annotated[
        InputType | None,
        Meta(
            description="What the input is; `auto`, the default, takes only what is unmistakable "
            "for SSML or HTML, and all else as plain text"
        ),
    ] = None
    text_normalization: Annotated[
        Literal["auto", "on", "off"] | None,
        Meta(
            description="Say numbers, dates, units and the like in words before they are spoken; "
            "`auto`, the default: for voices that do not do so themselves"
        ),
    ] = None
    emoji: Annotated[
        Literal["speak", "drop", "keep"] | None,
        Meta(description="Say emoji by their names (the default), leave them out, or as they are"),
    ] = None
    loudness: (
        Annotated[
            Loudness,
            Meta(
                description="Integrated loudness of the whole, in LUFS (ITU-R BS.1770-4), its "
                "peaks below -1 dBTP; or `podcast` (-16), `audiobook` (ACX: -20, peaks below -3 "
                "dBTP) or `broadcast` (EBU R 128: -23). Nothing is heard before the end then"
            ),
        ]
        | None
    ) = None
    metadata: Annotated[
        BookMetadata | None, Meta(description="Of an audiobook: response_format m4b")
    ] = None


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One call of a provider, or several of the same kind. `cost` is in US dollars."""

    provider: str
    model: str
    outcome: Annotated[
        str,
        Meta(
            description="`ok`, `cached` (it was spoken before), `skipped` (it could not have "
            "served the request), or why not"
        ),
    ]
    latency_ms: Annotated[int, Meta(description="From the call to its end; of all the calls")]
    key: Annotated[str | None, Meta(description="The label of the provider's key")] = None
    status_code: Annotated[int | None, Meta(description="That the provider answered with")] = None
    error: Annotated[str | None, Meta(description="The provider's words")] = None
    segment: Annotated[int | None, Meta(description="Which part of a long text failed, from 1")] = (
        None
    )
    calls: Annotated[
        int, Meta(description="How many calls this entry stands for; 0 if none was made")
    ] = 1
    cost: Annotated[
        float | None, Meta(description="What the provider bills for them, as far as is known")
    ] = None


class ErrorField(Struct, frozen=True, omit_defaults=True):
    """The part of an error that OpenAI's clients read."""

    type: ErrorType
    code: str
    message: str
    param: str | None = None
    event_id: str | None = None


class ErrorExtraFields(Struct, frozen=True, omit_defaults=True):
    """Which call failed, and where; for a job, everything that was tried for it."""

    provider: str | None = None
    model_requested: str | None = None
    request_type: str | None = None
    attempts: list[Attempt] = []


class ErrorResponse(Struct, frozen=True, omit_defaults=True):
    """The one shape of every error, on every path."""

    event_id: str
    type: ErrorType
    is_bifrost_error: Annotated[
        bool, Meta(description="True: the gateway's own error; false: the provider's")
    ]
    status_code: int
    error: ErrorField
    extra_fields: ErrorExtraFields = ErrorExtraFields()


class Progress(Struct, frozen=True):
    """How far a job has come."""

    segments_total: int = 0
    segments_done: int = 0
    characters_done: int = 0
    audio_seconds: float = 0.0


class Usage(Struct, frozen=True, omit_defaults=True):
    """What a request consumed. `cost` is in US dollars."""

    input_chars: int
    audio_seconds: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None


class ResultExtraFields(Struct, frozen=True):
    """How the result came about."""

    provider: str
    model_requested: str
    model_used: str
    latency_ms: int
    request_type: Literal["speech"] = REQUEST_TYPE
    attempts: list[Attempt] = []
    ignored_params: list[str] = []
    generation: Annotated[
        int, Meta(description="Whose audio this is, as `job.restarted` tells it")
    ] = 0
    provider_request_ids: list[str] = []


class Alignment(Struct, frozen=True):
    """When each character is heard; the lists are of one length.

    What is not spoken, such as a space, takes no time at the place where it stands.
    """

    characters: list[str]
    char_start_times_ms: list[int]
    char_end_times_ms: list[int]


class SpeechMark(Struct, frozen=True):
    """When a `<mark>` of SSML is reached."""

    name: str
    time_ms: int


class Chapter(Struct, frozen=True):
    """Where a chapter of an audiobook begins."""

    title: str
    start_ms: int


class Word(Struct, frozen=True):
    """A word of the caller's text, `[char_start, char_end)` in it, and when it is heard."""

    text: str
    start_ms: int
    end_ms: int
    char_start: int
    char_end: int


class SpeechResult(Struct, frozen=True, omit_defaults=True):
    """The result of a completed job. `audio` is base64 on the wire."""

    response_format: ResponseFormat
    content_type: str
    audio_url: str
    size_bytes: int
    sha256: str
    duration_seconds: float
    sample_rate: int
    usage: Usage
    extra_fields: ResultExtraFields
    warnings: list[str] = []
    audio: bytes | None = None
    audio_omitted: bool | None = None
    alignment: Annotated[
        Alignment | None, Meta(description="Of the caller's own text, character by character")
    ] = None
    normalized_alignment: Annotated[
        Alignment | None, Meta(description="Of the text as it was given to the voice")
    ] = None
    words: list[Word] | None = None
    marks: Annotated[
        list[SpeechMark] | None, Meta(description="Those of SSML, with their times")
    ] = None
    alignment_source: Annotated[
        AlignmentSource | None,
        Meta(
            description="Who told the timings: the vendor, the engine in this machine, or whoever "
            "listened to the finished audio"
        ),
    ] = None
    loudness_lufs: Annotated[
        float | None, Meta(description="Of the whole, where a loudness was asked for")
    ] = None
    chapters: Annotated[
        list[Chapter] | None, Meta(description="By the headings of the input, where it has any")
    ] = None


class Job(Struct, frozen=True, omit_defaults=True):
    """What submitting and polling answer with."""

    id: Annotated[str, Meta(description="Unique identifier for the async job (UUIDv7)")]
    status: JobStatus
    created_at: Timestamp
    completed_at: Timestamp | None = None
    expires_at: Annotated[
        Timestamp | None,
        Meta(description="When the job result expires and will be cleaned up"),
    ] = None
    status_code: Annotated[
        int | None, Meta(description="HTTP status code of the completed operation")
    ] = None
    result: SpeechResult | None = None
    error: ErrorResponse | None = None
    progress: Progress | None = None
    position: Annotated[int | None, Meta(description="Jobs ahead in the queue, plus one")] = None
    request_id: str | None = None


class JobList(Struct, frozen=True):
    """A page of the caller's jobs, newest first.

    Attributes:
        first_id, last_id: ids of the first and the last of `data`; None when it is empty.
        has_more: whether `after=last_id` gives another page.
    """

    data: list[Job]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"


class JobProgress(Struct, frozen=True, omit_defaults=True):
    """The data of the event `job.progress`."""

    id: str
    status: JobStatus
    progress: Progress
    position: int | None = None


class JobRestarted(Struct, frozen=True):
    """The data of the event `job.restarted`: the audio begins anew, with another voice."""

    generation: Annotated[int, Meta(description="Tells this beginning from any other")]


class AudioDelta(Struct, frozen=True):
    """The data of the event `speech.audio.delta`. `audio` is base64 on the wire."""

    audio: bytes
    offset: Annotated[int, Meta(description="Of the first byte, in the file")]
    type: Literal["speech.audio.delta"] = "speech.audio.delta"


class AudioDone(Struct, frozen=True):
    """The data of the event `speech.audio.done`, after the last delta of a synchronous call."""

    usage: Usage
    result: Annotated[SpeechResult, Meta(description="All there is to tell, without the audio")]
    type: Literal["speech.audio.done"] = "speech.audio.done"


class ModelPrice(Struct, frozen=True, omit_defaults=True):
    """What a model costs, in US dollars; the parts are added up."""

    per_million_characters: float | None = None
    per_million_bytes: float | None = None
    per_million_input_tokens: float | None = None
    per_million_output_tokens: float | None = None
    per_audio_minute: float | None = None
    source: str = ""
    date: str = ""


class ModelCapabilities(Struct, frozen=True, omit_defaults=True):
    """What a model can do by itself; texts of any length, all formats and speeds work with all."""

    formats: Annotated[
        list[str], Meta(description="What it speaks; such audio passes through untouched")
    ] = []
    max_chars: Annotated[int | None, Meta(description="Longest text of one call")] = None
    max_bytes: Annotated[int | None, Meta(description="The same, in bytes of UTF-8")] = None
    speed: Annotated[
        list[float] | None, Meta(description="Slowest and fastest rate without time stretching")
    ] = None
    speakers: Annotated[int, Meta(description="Voices in one call")] = 1
    instructions: bool = False
    timestamps: Annotated[
        Literal["character", "word"] | None, Meta(description="Unit of the timings it gives")
    ] = None
    dictionaries: bool = False
    context: bool = False
    streaming: bool = False
    no_logging: bool = False
    low_latency: bool = False
    extra_params: Annotated[
        list[str], Meta(description="Fields of its own; `*` stands for any")
    ] = []


class Model(Struct, frozen=True):
    """One entry of `GET /v1/models`."""

    id: str
    owned_by: str
    object: Literal["model"] = "model"
    created: int = 0
    name: str = ""
    languages: list[str] = []
    sample_rate: int | None = None
    capabilities: ModelCapabilities = ModelCapabilities()
    price: ModelPrice | None = None


class ModelList(Struct, frozen=True):
    """The body of `GET /v1/models`."""

    data: list[Model]
    object: Literal["list"] = "list"


class Voice(Struct, frozen=True, omit_defaults=True):
    """One entry of `GET /v1/audio/voices`. `sample_rate` is in Hz."""

    id: str
    name: str
    provider: str
    model: str
    sample_rate: int
    language: str | None = None
    gender: Literal["female", "male"] | None = None


class VoiceList(Struct, frozen=True, omit_defaults=True):
    """The body of `GET /v1/audio/voices`."""

    voices: list[Voice]
    warnings: Annotated[
        list[str], Meta(description="Which providers could not be asked, and why")
    ] = []


class AudioModelList(Struct, frozen=True):
    """The body of `GET /v1/audio/models`: `GET /v1/models` under the name that others give it."""

    models: list[Model]


class Health(Struct, frozen=True):
    """The body of `GET /health` and `GET /ready`."""

    status: Literal["ok", "draining"]
    version: str


class WebhookUrls(Struct, frozen=True, omit_defaults=True):
    """Where the job and its audio are."""

    job: str
    audio: str | None = None


class WebhookData(Struct, frozen=True, omit_defaults=True):
    """The job that a webhook tells of. Too large a result is left out, its audio first."""

    id: str
    status: Literal["completed", "failed"]
    status_code: int
    created_at: Timestamp
    completed_at: Timestamp
    expires_at: Timestamp
    urls: WebhookUrls
    request_id: str | None = None
    result: SpeechResult | None = None
    result_omitted: bool | None = None
    error: ErrorResponse | None = None


class WebhookEvent(Struct, frozen=True):
    """The body of a webhook (Standard Webhooks). `timestamp` is when the job ended."""

    type: Literal["async_job.completed", "async_job.failed"]
    timestamp: Timestamp
    data: WebhookData


class WebhookEndpoint(Struct, frozen=True, omit_defaults=True):
    """An endpoint that the caller may name, without its secrets and its URL's query."""

    name: str
    url: str
    enabled: bool
    disabled_at: Timestamp | None = None
    disabled_reason: str | None = None


class WebhookEndpointList(Struct, frozen=True):
    """The body of `GET /v1/webhooks`."""

    data: list[WebhookEndpoint]
    object: Literal["list"] = "list"


class WebhookAttempt(Struct, frozen=True, omit_defaults=True):
    """One attempt at a delivery. `error` says why it did not succeed."""

    number: int
    at: Timestamp
    latency_ms: int
    status_code: int | None = None
    error: str | None = None


class WebhookDelivery(Struct, frozen=True, omit_defaults=True):
    """A call that is owed for a job; `id` is the `webhook-id` of every attempt."""

    id: str
    job_id: str
    webhook: str
    type: Literal["async_job.completed", "async_job.failed"]
    state: DeliveryState
    ended_at: Timestamp
    next_attempt_at: Timestamp | None = None
    attempts: list[WebhookAttempt] | None = None


class WebhookDeliveryList(Struct, frozen=True):
    """A page of deliveries, newest first."""

    data: list[WebhookDelivery]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"
