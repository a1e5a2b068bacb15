"""Who may open a session, and what for."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from stentor.audio.settings import EncoderSettings
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.checking import checked, named_lexicons, refuse_if_unable
from stentor.http.headers import read_priority
from stentor.http.keys import KEY_HEADERS, Keys
from stentor.http.socket.messages import Start, read_start
from stentor.http.socket.playback import Manner
from stentor.http.socket.session import Session, close
from stentor.requests import StoredRequest
from stentor.routing.targets import LocalTarget, language_base
from stentor.synthesis.values import Speech
from stentor.voicing import speaking_rules

START_TIMEOUT_S = 10


class SocketApi:
    """The handler of WebSockets."""

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys
        self._pauses = speaking_rules(gateway.config).pauses
        audio = gateway.config.audio
        self._encoder = EncoderSettings(
            mp3_kbps=audio.mp3_kbps, opus_kbps=audio.opus_kbps, aac_kbps=audio.aac_kbps
        )

    async def serve(self, websocket: WebSocket) -> None:
        """Speak what the client sends, until one of both has enough."""
        await websocket.accept()
        error: Exception | None = None
        try:
            session = await self._opened(websocket)
            await session.run()
        except WebSocketDisconnect:
            return
        except Exception as caught:
            error = caught
        await close(websocket, error)

    async def _opened(self, websocket: WebSocket) -> Session:
        """The session that the client's first message asks for.

        Raises:
            SpeechError: it cannot have it.
            WebSocketDisconnect: it left.
        """
        gateway = self._gateway
        refuse_if_unable(gateway)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in websocket["headers"]
        }
        start = read_start(await _first(websocket))
        owner = self._owner(headers, start)
        priority = read_priority(headers)
        lexicons = await named_lexicons(gateway, start.request, owner)
        id_ = f"speech-{uuid4().hex}"
        trial = msgspec.structs.replace(start.request.speech, input="a", response_format="pcm")
        speech = checked(gateway, StoredRequest(trial, start.request.extra_params), lexicons, id_)
        manner = Manner(id_, owner, priority, start.request, lexicons, self._pauses, self._encoder)
        return Session(
            gateway,
            websocket,
            manner,
            start.transport,
            language=_language(speech),
            model=speech.targets[0].id,
        )

    def _owner(self, headers: Mapping[str, str], start: Start) -> str:
        """Whose session it is.

        Raises:
            SpeechError: 401 without a key that is known; 403 for another site's page, where no
                keys are needed.
        """
        if not self._keys.needed:
            _refuse_other_sites(headers)
            return ""
        if start.api_key is None or any(name in headers for name in KEY_HEADERS):
            return self._keys.owner(headers)
        try:
            return self._keys.owner({"x-api-key": start.api_key})
        except SpeechError as error:
            raise SpeechError(
                401, error.code, "the key in api_key is not known", param="api_key"
            ) from None


async def _first(websocket: WebSocket) -> str | bytes:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            message = await websocket.receive()
    except TimeoutError:
        raise SpeechError(
            408, "start_timeout", f"no session.start came within {START_TIMEOUT_S} seconds"
        ) from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    data: str | bytes = message.get("text") or message.get("bytes") or b""
    return data


def _refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Browsers let any page open WebSockets to any server, this machine's too.

    Raises:
        SpeechError: 403.
    """
    origin = headers.get("origin")
    if origin is None:
        return
    with suppress(ValueError):
        site = urlsplit(origin)
        if site.netloc == headers.get("host") or _is_this_machine(site.hostname or ""):
            return
    raise SpeechError(
        403,
        "other_site",
        f"origin: a page of {origin[:100]} may not use a server without keys; configure a [keys] "
        "table, and send the key as api_key",
        param="origin",
    )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _language(speech: Speech) -> str:
    """By which sentences are told: what the caller said, or the voice's own."""
    request, target = speech.request, speech.targets[0]
    language = request.language_code
    if language is None and isinstance(target, LocalTarget):
        assert isinstance(request.voice, str)
        voice = target.voice(request.voice)
        language = next((one.language for one in target.model.voices if one.id == voice), None)
    return language_base(language or "en")
