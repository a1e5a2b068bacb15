"""The paths under `/elevenlabs`, and their handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import uuid_utils
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.body import read_json_body
from stentor.http.checking import SMALL_BODY_BYTES, checked, named_lexicons, refuse_if_unable
from stentor.http.elevenlabs import answers
from stentor.http.elevenlabs.errors import on_disconnect, on_error, on_http_exception
from stentor.http.elevenlabs.listing import all_models, all_voices, one_voice, voice_page
from stentor.http.elevenlabs.mapping import Wanted, read_call
from stentor.http.elevenlabs.wire import ElevenLabsVoices
from stentor.http.headers import read_headers, read_priority
from stentor.http.keys import Keys
from stentor.http.render import json_response
from stentor.requests import StoredRequest
from stentor.synthesis.values import Speech

PREFIX = "/elevenlabs"

Answer = Callable[[Gateway, StoredRequest, Speech, Flow], ASGIApp]


def elevenlabs_routes(gateway: Gateway, keys: Keys) -> Mount:
    """An application of its own, for its errors have a shape of their own."""
    api = _Api(gateway, keys)
    speech = "/v1/text-to-speech/{voice_id}"
    app = Starlette(
        routes=[
            Route(speech, api.speak(answers.audio), methods=["POST"]),
            Route(f"{speech}/stream", api.speak(answers.audio), methods=["POST"]),
            Route(f"{speech}/with-timestamps", api.speak(answers.timed, True), methods=["POST"]),
            Route(
                f"{speech}/stream/with-timestamps",
                api.speak(answers.timed_stream, True),
                methods=["POST"],
            ),
            Route("/v1/voices", api.voices),
            Route("/v1/voices/{voice_id}", api.voice),
            Route("/v2/voices", api.search),
            Route("/v1/models", api.models),
        ],
        exception_handlers={
            HTTPException: on_http_exception,
            ClientDisconnect: on_disconnect,
            SpeechError: on_error,
            Exception: on_error,
        },
    )
    app.router.redirect_slashes = False
    return Mount(PREFIX, app)


class _Api:
    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys

    def speak(
        self, answer: Answer, with_timestamps: bool = False
    ) -> Callable[[Request], Awaitable[ASGIApp]]:
        """The handler of calls that are answered so."""

        async def handler(request: Request) -> ASGIApp:
            headers = read_headers(request)
            owner = self._keys.owner(headers)
            gateway = self._gateway
            refuse_if_unable(gateway)
            flow = Flow(owner, f"speech-{uuid_utils.uuid4().hex}", read_priority(headers))
            body = await read_json_body(
                request, headers, max_bytes=gateway.config.server.max_body_bytes
            )

            def wanted() -> Wanted:
                return read_call(
                    body,
                    request.query_params,
                    request.path_params["voice_id"],
                    gateway.voices.catalogue,
                    with_timestamps=with_timestamps,
                )

            large = len(body) > SMALL_BODY_BYTES
            stored, quality = await asyncio.to_thread(wanted) if large else wanted()
            self._refuse_if_long(stored)
            lexicons = await named_lexicons(gateway, stored, owner)
            arguments = gateway, stored, lexicons, flow.job
            speech = await asyncio.to_thread(checked, *arguments) if large else checked(*arguments)
            return answer(gateway, stored, msgspec.structs.replace(speech, quality=quality), flow)

        return handler

    async def voices(self, request: Request) -> Response:
        self._keys.owner(read_headers(request))
        return json_response(ElevenLabsVoices(await all_voices(self._gateway)))

    async def voice(self, request: Request) -> Response:
        self._keys.owner(read_headers(request))
        return json_response(await one_voice(self._gateway, request.path_params["voice_id"]))

    async def search(self, request: Request) -> Response:
        self._keys.owner(read_headers(request))
        return json_response(await voice_page(self._gateway, request.query_params))

    async def models(self, request: Request) -> Response:
        self._keys.owner(read_headers(request))
        return json_response(all_models(self._gateway))

    def _refuse_if_long(self, stored: StoredRequest) -> None:
        """There is no way to answer these clients with a job."""
        longest, length = self._gateway.config.server.sync_max_chars, len(stored.speech.input)
        if 0 < longest < length:
            raise SpeechError(
                413,
                "input_too_long",
                f"text has {length} characters; this server answers at most {longest} with audio "
                "([server] sync_max_chars); POST /v1/async/audio/speech takes longer ones",
                param="text",
            )
