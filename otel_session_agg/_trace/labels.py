"""What the spans of a trace say of their session beside its id: who uses it, and metadata."""

from __future__ import annotations

from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.users import metadata_in

_MAX_TEXTS = 2
"""Texts of metadata that are read, for each session of a trace: frameworks write the same one, with more of their own in it, on
each of their spans."""


class Labels:
    """What spans say of one session.

    Of several users the first counts.  What ``session()`` states counts before what spans say: it is on no span, and later than
    ``Labelled(0, ...)``.
    """

    __slots__ = ("_last", "_num_read", "totals")

    def __init__(self) -> None:
        self.totals = SessionTotals()
        self._last: str | None = None
        self._num_read = 0

    def add(self, span: SpanData, reading: Reading) -> None:
        """What one span says."""
        user = self.totals.user
        if reading.user_id is not None and (
            user is None or (span.start_ns < user.time_ns and reading.user_id != user.value)
        ):
            self.totals += SessionTotals(user=At(span.start_ns, span.span_id or 1, reading.user_id))
        text = reading.metadata
        if text is not None and text != self._last and self._num_read < _MAX_TEXTS:
            self._last = text
            self._num_read += 1
            self.totals += SessionTotals(
                metadata={name: Labelled(0, value) for name, value in metadata_in(text).items()}
            )
