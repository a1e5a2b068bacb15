"""Calls a running server; for the commands that need one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from stentor.contract import ErrorResponse

DEFAULT_URL = "http://127.0.0.1:8080"
# Longer than an answer is ever held by `?wait=WAIT_S`.
TIMEOUT_S = 60
WAIT_S = 20


class ClientError(Exception):
    """A call that did not succeed; the message says why in one line.

    Attributes:
        status_code: what the server answered with; None if there is no answer.
    """

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class Unreachable(ClientError):
    """The server gave no answer at all."""


class Client:
    """One server, and the key to call it with. Each call takes its own connection.

    Args:
        url: what all paths begin with, such as http://127.0.0.1:8080.
        key: the caller's key; None where the server needs none.

    Raises:
        ClientError: this is not an http or https URL.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        problem = ClientError(f"--url: expected a URL such as {DEFAULT_URL}, got {url!r}")
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError:
            raise problem from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise problem
        self._url = url
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Accept": "*/*"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """The body that a call is answered with.

        Args:
            body: sent as JSON, unless it is None.

        Raises:
            ClientError: there was no answer, or it was an error.
        """
        with self.stream(method, path, body) as response:
            return read(response)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] = {},
        timeout_s: float = TIMEOUT_S,
    ) -> Iterator[HTTPResponse]:
        """The answer to a call, its body still to be read with `read`.

        Args:
            body: sent as JSON, unless it is None.
            timeout_s: how long to wait for the answer, and for each piece of its body.

        Raises:
            ClientError: there was no answer, or it was an error.
        """
        connect = HTTPSConnection if self._secure else HTTPConnection
        connection = connect(self._host, self._port, timeout=timeout_s)
        sent = {**self._headers, **headers}
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            sent["Content-Type"] = "application/json"
        try:
            try:
                connection.request(method, self._prefix + path, data, sent)
                response = connection.getresponse()
            except (OSError, HTTPException) as error:
                raise Unreachable(
                    f"no answer from {self._url}: {_reason(error)}; is `stentor serve` running "
                    "there? Another address: --url or STENTOR_URL"
                ) from error
            if response.status >= 400:
                raise _refusal(response.status, read(response))
            yield response
        finally:
            connection.close()


def read(response: HTTPResponse, size: int | None = None) -> bytes:
    """The rest of the body, or up to `size` of its next bytes; nothing at its end.

    Raises:
        ClientError: the connection was cut before the end.
    """
    try:
        if size is None:
            return response.read()
        data = response.read1(size)
    except (OSError, HTTPException) as error:
        raise ClientError(f"the answer broke off: {_reason(error)}") from error
    if not data and response.length:
        raise ClientError(f"the answer broke off: {response.length} bytes are missing")
    return data


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _refusal(status: int, body: bytes) -> ClientError:
    try:
        return ClientError(msgspec.json.decode(body, type=ErrorResponse).error.message, status)
    except msgspec.MsgspecError:
        return ClientError(f"the server answered with status {status}", status)
