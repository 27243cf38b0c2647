"""The first input of each trace, for profiles that show it.

Of each trace the input of the span that began first is kept, as readable text, in a bounded memory;
nothing is kept where no profile shows it, or where outputs are switched off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.output_text import readable
from otel_session_agg._reading.span import INPUTS
from otel_session_agg._untrusted.values import plain_text

MAX_REMEMBERED = 2048
"""Traces whose input is remembered: seconds of a busy process, by default at most 4,096 characters
each."""

_MAX_JSON_CHARS = 100_000
"""Characters of JSON that is parsed; of a longer text the beginning is taken as it is."""

_USER_ROLES = ("user", "human")


class Inputs:
    """The first inputs of traces."""

    def __init__(self, max_chars: int) -> None:
        """``max_chars``: the longest text that is kept; 0: none is kept."""
        self._max_chars = max_chars
        self._first: Recent[int, tuple[tuple[int, int, int], str]] = Recent(MAX_REMEMBERED // 2)

    def noting(self, read: Callable[[SpanData], Reading]) -> Callable[[SpanData], Reading]:
        """Return ``read`` with ``note`` in front of it, if inputs are kept."""
        if not self._max_chars:
            return read

        def noted(span: SpanData) -> Reading:
            self.note(span)
            return read(span)

        return noted

    def note(self, span: SpanData) -> None:
        """Note the input of a span, if it has one and began before the spans so far."""
        raw = next(
            (
                value
                for key in INPUTS
                if (value := plain_text(span.attributes.get(key))) is not None
            ),
            None,
        )
        if raw is None:
            return
        began, known = (span.start_ns, -span.end_ns, span.span_id), self._first.get(span.trace_id)
        if known is None or began < known[0]:
            shown = _input_text(raw, self._max_chars)
            if shown is not None:
                self._first.put(span.trace_id, (began, shown))

    def of(self, trace_id: int, since_ns: int = 0) -> str | None:
        """Return the first input of a trace; ``None`` if its span began before ``since_ns``."""
        known = self._first.get(trace_id)
        return known[1] if known is not None and known[0][0] >= since_ns else None


def _input_text(raw: str, max_chars: int) -> str | None:
    """Return the text of the last message of a user, else that of the whole input."""
    if raw.lstrip()[:1] in ("{", "[") and len(raw) <= _MAX_JSON_CHARS:
        try:
            message = _last_of_user(json.loads(raw))
        except (ValueError, RecursionError):
            message = None
        if message is not None:
            return readable(json.dumps(message), max_chars)
    return readable(raw if len(raw) <= _MAX_JSON_CHARS else raw[:max_chars], max_chars)


def _last_of_user(value: object) -> Mapping[str, Any] | None:
    """Return the last message of a user, without its role.

    ``readable`` takes it for an output, and in outputs messages of users are passed over.
    """
    if isinstance(value, Mapping):
        value = value.get("messages")
    found = (
        [one for one in value if isinstance(one, Mapping) and one.get("role") in _USER_ROLES]
        if isinstance(value, list)
        else []
    )
    return {name: part for name, part in found[-1].items() if name != "role"} if found else None
