"""Print one line for each root and record, on the terminal of an application in development."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_session_agg import attributes as n
from otel_session_agg._sharing.stored_sessions import time_of
from otel_session_agg._spans.received import nanoseconds
from otel_session_agg._untrusted.formatting import counted, dollars, short, split_duration

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["SummaryExporter"]

_MAX_NAME_CHARS = 60
_MAX_ERROR_CHARS = 120
_PARTS = (
    ("models", n.MODEL_DURATION),
    ("tools", n.TOOL_DURATION),
    ("idle", n.IDLE_DURATION),
)
"""Parts of a duration that are shown."""


class SummaryExporter(SpanExporter):
    """Writes a line for each root and session record, and nothing for other spans.

    Also chosen by ``OTEL_PYTHON_SESSION_AGG_EXPORTER=summary``.  It stands behind
    ``SessionSpanProcessor`` or ``SessionSpanExporter``, and reads the names of the ``default``
    profile.

    Args:
        out: Where lines go.  Default: standard output at the time, as with the SDK's own console
            exporter, so that one can replace the other; logs go to standard error.

    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the lines of these spans."""
        lines = [f"{line(span)}\n" for span in spans if n.NUM_EVENTS in (span.attributes or {})]
        if lines:
            out = sys.stdout if self._out is None else self._out
            out.write(_encodable("".join(lines), getattr(out, "encoding", None) or "utf-8"))
            out.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Do nothing: there is nothing to release."""


def line(span: ReadableSpan) -> str:
    """Return the line of a root or record.

    It has the time of its end (UTC), its name and session, cost, tokens, calls, duration, and what
    was wrong.
    """
    attributes: Mapping[str, Any] = span.attributes or {}
    ended = time_of(nanoseconds(span.end_time))
    session = attributes.get(n.SESSION_ID)
    parts = [
        f"{ended:%H:%M:%S}" if ended is not None else "--:--:--",
        short(str(span.name), _MAX_NAME_CHARS),
        *([short(str(session), _MAX_NAME_CHARS)] if session is not None else []),
        _cost(attributes),
        counted(_number(attributes, n.TOTAL_TOKENS), "token"),
        counted(_number(attributes, n.NUM_MODEL_EVENTS), "call"),
        _times(attributes),
        *(
            [counted(_number(attributes, n.NUM_TRACES), "trace")]
            if n.NUM_TRACES in attributes
            else []
        ),
        *(
            [f"ended by {short(str(attributes[n.END_REASON]))}"]
            if n.END_REASON in attributes
            else []
        ),
        *_wrong(attributes),
    ]
    return "  ".join(parts)


def _cost(attributes: Mapping[str, Any]) -> str:
    cost, unpriced = attributes.get(n.COST), _number(attributes, n.NUM_UNPRICED_EVENTS)
    known = dollars(cost if isinstance(cost, (int, float)) else None)
    return (
        f"{known} and {counted(unpriced, 'unpriced call')}"
        if unpriced and cost is not None
        else known
    )


def _times(attributes: Mapping[str, Any]) -> str:
    """Return the duration, and how much of it models and tools took."""
    total_ms = _number(attributes, n.DURATION) if n.DURATION in attributes else None
    return split_duration(total_ms, ((word, _number(attributes, name)) for word, name in _PARTS))


def _wrong(attributes: Mapping[str, Any]) -> list[str]:
    errors, error = _number(attributes, n.NUM_ERRORS), attributes.get(n.ERROR)
    found = (
        [
            counted(errors, "error")
            + (f": {short(str(error), _MAX_ERROR_CHARS)}" if error is not None else "")
        ]
        if errors
        else []
    )
    if not errors and error is not None:
        found.append(f"error: {short(str(error), _MAX_ERROR_CHARS)}")
    if attributes.get(n.PARTIAL):
        found.append(f"partial: {short(str(attributes.get(n.PARTIAL_REASON)), _MAX_NAME_CHARS)}")
    if attributes.get(n.BUDGET_EXCEEDED):
        found.append("budget exceeded")
    return found


def _number(attributes: Mapping[str, Any], name: str) -> Any:
    value = attributes.get(name)
    return value if isinstance(value, (int, float)) else 0


def _encodable(text: str, encoding: str) -> str:
    """Return a text with escape sequences for what the terminal cannot show."""
    return text.encode(encoding, "backslashreplace").decode(encoding)
