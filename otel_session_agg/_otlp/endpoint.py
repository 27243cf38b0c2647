"""Send OTLP over HTTP: requests that are made already, one after the other."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from http.client import HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from opentelemetry.util.re import parse_env_headers

from otel_session_agg._exceptions import SessionAggError, SettingsError

_TRIES = 6
"""How often a request is sent that the endpoint may take later."""
_WAIT_SECONDS = 1.0
"""Before the second time; then twice as long each time, unless the endpoint says how long."""
_MAX_WAIT_SECONDS = 30.0
_TIMEOUT_SECONDS = 30.0
_LATER = frozenset({408, 429, 502, 503, 504})
"""Answers after which the OTLP specification has a request sent again."""
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


def traces_url(endpoint: str) -> str:
    """Complete the URL to send traces to.

    A URL whose path ends in ``traces`` is taken as it is.  To any other ``/v1/traces`` is appended,
    as the OTLP specification has it for ``OTEL_EXPORTER_OTLP_ENDPOINT``.

    Raises:
        SettingsError: it is not an HTTP URL.

    """
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # malformed brackets or port
        usable = False
    if not usable:
        message = (
            f"{endpoint!r} is not an HTTP URL such as"
            " http://localhost:4318 or https://host/v1/traces"
        )
        raise SettingsError(message)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith("traces") else f"{path}/v1/traces"))


class Endpoint:
    """An OTLP/HTTP endpoint for traces, with the headers of ``OTEL_EXPORTER_OTLP_HEADERS``.

    Args:
        url: As ``traces_url`` takes it.
        sleep: Waits so many seconds.

    """

    def __init__(self, url: str, sleep: Callable[[float], object] = time.sleep) -> None:
        self.url = traces_url(url)
        self._sleep = sleep
        given = next((os.environ[name] for name in _HEADERS if os.environ.get(name)), "")
        self._headers = {
            **parse_env_headers(given, liberal=True),
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
        }

    def send(self, data: bytes) -> None:
        """Send a request in protobuf; wait and send it again where the endpoint asks for that.

        Raises:
            SessionAggError: it is not accepted, or the endpoint cannot be reached.

        """
        body = gzip.compress(data, 1)
        for number in range(_TRIES):
            wait = min(_WAIT_SECONDS * 2**number, _MAX_WAIT_SECONDS)
            # `traces_url` has checked that it is HTTP
            request = Request(self.url, body, self._headers)  # noqa: S310
            try:
                with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                    return _check(response)
            except HTTPError as error:
                why = f"answered {error.code}"
                if error.code not in _LATER:
                    break
                wait = _retry_after(error.headers.get("Retry-After"), wait)
            except (URLError, OSError) as error:
                why = f"cannot be reached: {getattr(error, 'reason', error)}"
            if number + 1 < _TRIES:
                self._sleep(wait)
        message = f"{self.url} {why}"
        raise SessionAggError(message)


def _check(response: HTTPResponse) -> None:
    """Raise if some spans were rejected, which an endpoint says although it has taken others."""
    # it is there: the request was made by it
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp  # noqa: PLC0415

    data = response.read()
    if not response.headers.get("Content-Type", "").startswith("application/x-protobuf"):
        return
    try:
        partial = otlp.ExportTraceServiceResponse.FromString(data).partial_success
    except ValueError:
        return
    if partial.rejected_spans:
        message = f"the endpoint rejected {partial.rejected_spans} spans"
        raise SessionAggError(message)


def _retry_after(text: str | None, default: float) -> float:
    try:
        return min(max(float(text or ""), 0.0), _MAX_WAIT_SECONDS)
    except ValueError:
        return default
