"""The ASGI application: routes, and one error shape for whatever goes wrong on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from stentor import __version__
from stentor.contract import SPEECH_PATH, AudioModelList, Health, ModelList
from stentor.errors import CLIENT_CLOSED_REQUEST, SpeechError
from stentor.gateway import Gateway
from stentor.http.dictionaries import dictionary_routes
from stentor.http.elevenlabs.routes import elevenlabs_routes
from stentor.http.failures import as_speech_error
from stentor.http.headers import read_headers
from stentor.http.jobs import JobsApi
from stentor.http.keys import Keys
from stentor.http.openapi import document
from stentor.http.render import JOBS_PATH, error_response, json_response
from stentor.http.socket.api import SocketApi
from stentor.http.socket.playback import PATH as SOCKET_PATH
from stentor.http.speech import SpeechApi
from stentor.http.submit import Submission
from stentor.http.webhooks import webhook_routes
from stentor.jobs.store import StoreClosed, StoreFull
from stentor.voice_list import list_voices

STATIC = Path(__file__).parent / "static"

_JOB_PREFIX = f"{JOBS_PATH}/"

_CODES = {404: "not_found", 405: "method_not_allowed"}


def build_app(gateway: Gateway) -> ASGIApp:
    """The application over an open gateway."""
    keys = Keys({name: key.value.reveal() for name, key in gateway.config.keys.items()})
    submission = Submission(gateway, keys)
    speech = SpeechApi(gateway, keys, submission)
    jobs = JobsApi(gateway, keys)
    catalogue = gateway.voices.catalogue
    api = document(gateway.config.jobs)

    async def all_jobs(request: Request) -> Response:
        return await (submission.submit if request.method == "POST" else jobs.list_jobs)(request)

    async def job(request: Request) -> Response:
        return await (jobs.delete if request.method == "DELETE" else jobs.poll)(request)

    async def models(request: Request) -> Response:
        keys.owner(read_headers(request))
        return json_response(ModelList(catalogue.models()))

    async def audio_models(request: Request) -> Response:
        keys.owner(read_headers(request))
        return json_response(AudioModelList(catalogue.models()))

    async def voices(request: Request) -> Response:
        keys.owner(read_headers(request))
        provider = request.query_params.get("provider")
        return json_response(await list_voices(gateway.voices, provider))

    async def health(_: Request) -> Response:
        return json_response(Health("ok", __version__))

    async def ready(_: Request) -> Response:
        if gateway.draining:
            return json_response(Health("draining", __version__), 503)
        await gateway.store.counts()
        return json_response(Health("ok", __version__))

    async def openapi(_: Request) -> Response:
        return Response(api, media_type="application/json")

    async def docs(_: Request) -> Response:
        return RedirectResponse("/static/docs.html")

    app = Starlette(
        routes=[
            Route(JOBS_PATH, all_jobs, methods=["GET", "POST"]),
            Route(SPEECH_PATH, speech.speak, methods=["POST"]),
            WebSocketRoute(SOCKET_PATH, SocketApi(gateway, keys).serve),
            Route(f"{JOBS_PATH}/{{job_id}}", job, methods=["GET", "DELETE"]),
            Route(f"{JOBS_PATH}/{{job_id}}/audio", jobs.audio),
            Route(f"{JOBS_PATH}/{{job_id}}/captions.vtt", jobs.vtt),
            Route(f"{JOBS_PATH}/{{job_id}}/captions.srt", jobs.srt),
            Route(f"{JOBS_PATH}/{{job_id}}/events", jobs.events, methods=["GET"]),
            *webhook_routes(gateway.webhooks, keys),
            *dictionary_routes(gateway, keys),
            elevenlabs_routes(gateway, keys),
            Route("/v1/models", models),
            Route("/v1/audio/voices", voices),
            Route("/v1/audio/models", audio_models),
            Route("/health", health),
            Route("/ready", ready),
            Route("/openapi.json", openapi),
            Route("/docs", docs),
            Route("/", docs),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            HTTPException: _on_http_exception,
            ClientDisconnect: _on_disconnect,
            SpeechError: _on_exception,
            StoreFull: _on_exception,
            StoreClosed: _on_exception,
            Exception: _on_exception,
        },
    )
    # A trailing slash is another path, and a redirect would lose the body of a POST.
    app.router.redirect_slashes = False
    return HotPath(app, submission, speech, jobs)


class HotPath:
    """Speech and polls, past the framework's routing and middleware; all else goes to it.

    The handlers are the same; what is saved is a third of the time of a submit
    (docs/performance.md).
    """

    def __init__(
        self, app: ASGIApp, submission: Submission, speech: SpeechApi, jobs: JobsApi
    ) -> None:
        self._app = app
        self._posted = {JOBS_PATH: submission.submit, SPEECH_PATH: speech.speak}
        self._jobs = jobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handler(scope) if scope["type"] == "http" else None
        if handler is None:
            # What comes through to here was answered and logged; the server would log it again,
            # and its message with it.
            with suppress(Exception):
                await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await handler(request)
            await response(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            # A response that has begun does not raise.
            response = await _on_exception(request, error)
            await response(scope, receive, send)

    def _handler(self, scope: Scope) -> Callable[[Request], Awaitable[ASGIApp]] | None:
        path: str = scope["path"]
        if scope["method"] == "POST":
            return self._posted.get(path)
        if scope["method"] == "GET" and path.startswith(_JOB_PREFIX):
            job_id = path[len(_JOB_PREFIX) :]
            if job_id and "/" not in job_id:
                scope["path_params"] = {"job_id": job_id}
                return self._jobs.poll
        return None


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    message = {
        404: f"there is nothing at {request.url.path}; see /docs",
        405: f"{request.method} is not allowed at {request.url.path}; see /docs",
    }.get(status, str(error.detail))
    return error_response(
        SpeechError(status, _CODES.get(status, "http_error"), message), error.headers
    )


async def _on_exception(request: Request, error: Exception) -> Response:
    return error_response(as_speech_error(error, request.url.path))


async def _on_disconnect(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)  # nobody is left to read it
