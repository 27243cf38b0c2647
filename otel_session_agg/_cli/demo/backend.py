"""Send the demo to the reader's own backend, for ``--endpoint``, and note the success."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_session_agg._cli.demo.errors import EndpointError
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._otlp.endpoint import traces_url as completed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Backend", "traces_url"]

_TIMEOUT_SECONDS = 2.5  # retries included: the demo as a whole is to stay under five seconds


def traces_url(endpoint: str) -> str:
    """Complete the URL to send traces to.

    Raises:
        EndpointError: it is not an HTTP URL.

    """
    try:
        return completed(endpoint)
    except SettingsError as error:
        raise EndpointError(str(error)) from None


class Backend(SpanExporter):
    """An OTLP/HTTP exporter that remembers how many spans were accepted, and its last failure.

    Headers, certificates and compression are those of the ``OTEL_EXPORTER_OTLP_*`` variables at the
    time it is made.
    """

    def __init__(self, endpoint: str) -> None:
        """Make the exporter; nothing is sent yet."""
        self.url = traces_url(endpoint)
        self.num_sent = 0
        self.num_failed = 0
        self._session = _Session()
        self._exporter = OTLPSpanExporter(
            endpoint=self.url, timeout=_TIMEOUT_SECONDS, session=self._session
        )
        self._lock = threading.Lock()

    @property
    def problem(self) -> str | None:
        """Why spans did not arrive; ``None`` when all did."""
        if self.num_sent and not self.num_failed:
            return None
        return self._session.problem or "nothing was accepted"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, and count whether they were accepted."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:  # exporters before 1.40 let the second connection error out
            with self._lock:
                if result is SpanExportResult.SUCCESS:
                    self.num_sent += len(spans)
                else:
                    self.num_failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # not annotated in the SDK

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter inside."""
        return self._exporter.force_flush(timeout_millis)


class _Session(requests.Session):
    """Remembers the last failure, which the exporter only logs."""

    problem: str | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            response = super().request(*args, **kwargs)
        except requests.Timeout:
            self.problem = f"no answer within {_TIMEOUT_SECONDS:g} s"
            raise
        except requests.RequestException as error:
            self.problem = _root_cause(error)
            raise
        if not response.ok:
            self.problem = f"it answered HTTP {response.status_code} {response.reason}"
        return response


def _root_cause(error: BaseException) -> str:
    """Return the text of the innermost error, below three layers of HTTP libraries."""
    seen: set[int] = set()
    innermost = error
    while id(innermost) not in seen:
        seen.add(id(innermost))
        innermost = innermost.__cause__ or innermost.__context__ or innermost
    return getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
