"""The first input of each trace, for session records and for profiles that show it on roots.

Of each trace the input of the span that began first is kept as it is, in a bounded memory; it
becomes readable text when it is asked for.  Nothing is kept where outputs are switched off.
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.input_text import MAX_JSON_CHARS, RawInput, input_text
from otel_session_agg._reading.span import INPUTS
from otel_session_agg._untrusted.values import plain_text

MAX_REMEMBERED = 2048
"""Traces whose input is remembered: an input is dropped with its root, so these are open ones."""

MAX_CHARS = 4_000_000
"""Characters of all inputs together: 2,000 characters for each trace, or 40 of the longest."""

_KEYS = frozenset(INPUTS)


class Inputs:
    """The first inputs of traces."""

    def __init__(self, max_chars: int) -> None:
        """``max_chars``: the longest text that is shown; 0: none is kept."""
        self._max_chars = max_chars
        self._first: dict[int, tuple[tuple[int, int, int], str]] = {}
        """Start, end and span id of the first span, and its input; the oldest trace first."""
        self._num_chars = 0

    def noting(self, read: Callable[[SpanData], Reading]) -> Callable[[SpanData], Reading]:
        """Return ``read`` with ``note`` in front of it, if inputs are kept."""
        if not self._max_chars:
            return read

        def noted(span: SpanData) -> Reading:
            if not _KEYS.isdisjoint(span.attributes):
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
        if not raw or raw.isspace():
            return
        began, known = (span.start_ns, -span.end_ns, span.span_id), self._first.get(span.trace_id)
        if known is None or began < known[0]:
            self.drop(span.trace_id)
            kept = raw if len(raw) <= MAX_JSON_CHARS else raw[: self._max_chars]
            self._first[span.trace_id] = began, kept
            self._num_chars += len(kept)
            while self._num_chars > MAX_CHARS or len(self._first) > MAX_REMEMBERED:
                self.drop(next(iter(self._first)))

    def drop(self, trace_id: int) -> None:
        """Forget the input of a trace."""
        known = self._first.pop(trace_id, None)
        if known is not None:
            self._num_chars -= len(known[1])

    def raw(self, trace_id: int, since_ns: int = 0) -> RawInput | None:
        """Return the first input of a trace; ``None`` if its span began before ``since_ns``."""
        known = self._first.get(trace_id)
        if known is None or known[0][0] < since_ns:
            return None
        (start_ns, _, span_id), raw = known
        return RawInput(start_ns, span_id, raw)

    def of(self, trace_id: int, since_ns: int = 0) -> str | None:
        """Return the text of the first input of a trace; ``None`` as `raw` does."""
        found = self.raw(trace_id, since_ns)
        return input_text(found.raw, self._max_chars) if found is not None else None
