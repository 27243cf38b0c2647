"""Send one HTTP request to where a user wants notifications.

Redirects are not followed: the body and its signature are meant for one address.  No proxy, no
cookie.  Each attempt is over after some seconds, however slowly the other side answers.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from threading import Timer
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0
"""Of one attempt, and of each step of it."""

_RETRY = frozenset({408, 425, 429})
"""Refusals that say to try again."""
_REDIRECTS = range(300, 400)
_MAX_RETRY_SECONDS = 3600.0


class Answer(NamedTuple):
    """What came of an attempt."""

    is_done: bool
    problem: str = ""
    """Why it failed: nothing of the address and of the answer's text is in it."""
    is_final: bool = False
    """Whether it would fail again."""
    retry_seconds: float | None = None
    """When the other side wants to be asked again."""


DONE = Answer(is_done=True)
_ERRORS: Mapping[type[Exception], str] = {
    ConnectionRefusedError: "the connection was refused",
    RemoteDisconnected: "the connection was closed",
    ConnectionError: "the connection was lost",
    TimeoutError: "it took too long",
    socket.gaierror: "the name of the host is not known",
    ssl.SSLError: "TLS failed",
}
"""The first that an error is of counts."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a request; return what came of it.  No error is raised that the network can cause."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    timer = Timer(TIMEOUT_SECONDS, _abort, [connection])
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target, body, dict(headers))
        answer = connection.getresponse()
        return _answer(answer.status, answer.getheader("Retry-After"))
    except ssl.SSLCertVerificationError:
        return Answer(is_done=False, problem="the certificate of the server is not valid")
    except (OSError, HTTPException, ValueError) as error:
        return Answer(is_done=False, problem=f"no answer: {_in_words(error)}")
    finally:
        timer.cancel()
        connection.close()


def _in_words(error: Exception) -> str:
    """Return why there is no answer: nothing of an error's text, which may have the address."""
    for kind, words in _ERRORS.items():
        if isinstance(error, kind):
            return words
    return type(error).__name__


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def _abort(connection: HTTPConnection) -> None:
    """End what another thread waits for."""
    given = connection.sock
    if given is not None:
        with suppress(OSError):
            given.shutdown(socket.SHUT_RDWR)


def _answer(status: int, retry_after: str | None) -> Answer:
    if 200 <= status < 300:  # noqa: PLR2004 -- RFC 9110
        return DONE
    if status in _REDIRECTS:
        problem = f"it answered {status}: redirects are not followed"
        return Answer(is_done=False, problem=problem, is_final=True)
    is_final = 400 <= status < 500 and status not in _RETRY  # noqa: PLR2004
    seconds = None
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        seconds = min(float(retry_after[:9]), _MAX_RETRY_SECONDS)
    return Answer(
        is_done=False, problem=f"it answered {status}", is_final=is_final, retry_seconds=seconds
    )
