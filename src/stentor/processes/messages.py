"""What server processes say to each other: frames of MessagePack with their length before them."""

from __future__ import annotations

from msgspec import Struct

from stentor.contract import ResponseFormat
from stentor.engines.base import Flow, Spoken, Utterance


class Speak(Struct, frozen=True, array_like=True, tag=True):
    """To the hub: have this spoken. `number` comes back with the answer."""

    number: int
    utterance: Utterance
    flow: Flow


class GiveUp(Struct, frozen=True, array_like=True, tag=True):
    """To the hub: nobody waits for this utterance any more."""

    number: int


class Said(Struct, frozen=True, array_like=True, tag=True):
    """From the hub: an utterance was spoken."""

    number: int
    spoken: Spoken


class Unsaid(Struct, frozen=True, array_like=True, tag=True):
    """From the hub: an utterance was not spoken. `code` and `message` as in `EngineError`."""

    number: int
    code: str
    message: str


class Watch(Struct, frozen=True, array_like=True, tag=True):
    """Somebody follows a job, or does so no more."""

    job_id: str
    on: bool


class Changed(Struct, frozen=True, array_like=True, tag=True):
    """Something happened to a job that is watched."""

    job_id: str


class Lives(Struct, frozen=True, array_like=True, tag=True):
    """The audio of a job that is watched grows at `path`; None: nowhere any more."""

    job_id: str
    path: str | None = None
    generation: int = 0
    response_format: ResponseFormat = "mp3"


class Cancelled(Struct, frozen=True, array_like=True, tag=True):
    """A job has ended in the store; whoever runs it can stop."""

    job_id: str


class Submitted(Struct, frozen=True, array_like=True, tag=True):
    """A job waits that the sender has no place for."""


class Ended(Struct, frozen=True, array_like=True, tag=True):
    """To the hub: a job has ended, or a delivery is due."""


Message = Speak | GiveUp | Said | Unsaid | Watch | Changed | Lives | Cancelled | Submitted | Ended
