"""Collect the users and metadata that the spans of a trace state."""

from __future__ import annotations

from dataclasses import replace

from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, SessionTotals, first_user
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.sessions import metadata_in

_MAX_TEXTS = 2
"""Texts of metadata that are read for each session of a trace.

Frameworks write the same text, with more of their own in it, on each of their spans.
"""

_NONE = SessionTotals()
"""What nothing is stated of, made once."""


class Labels:
    """User and metadata that spans state of one session.

    Of several users the earliest counts.  Metadata from ``session()`` beats metadata from spans: it
    is on no span, and later than ``Labelled(0, ...)``.
    """

    __slots__ = ("_last", "_num_read", "_totals", "user")

    def __init__(self) -> None:
        self.user: At | None = None
        """The user, where nothing but users is stated."""
        self._totals: SessionTotals | None = None
        """All that is stated, once it was asked for, or there is metadata."""
        self._last: str | None = None
        self._num_read = 0

    @property
    def totals(self) -> SessionTotals:
        """What is stated, as totals without any events."""
        if self._totals is None:
            self._totals = _NONE if self.user is None else SessionTotals(user=self.user)
        return self._totals

    @property
    def only_user(self) -> At | None:
        """The user; ``None``: there is none, or metadata as well."""
        return self.user if self._num_read == 0 else None

    def add(self, span: SpanData, reading: Reading) -> None:
        """Add the user and the metadata that one span states."""
        user = self.user
        if reading.user_id is not None and (
            user is None or (span.start_ns < user.time_ns and reading.user_id != user.value)
        ):
            stated = At(span.start_ns, span.span_id or 1, reading.user_id)
            self.user = first_user(user, stated)
            self._totals = replace(self.totals, user=self.user) if self._num_read else None
        text = reading.metadata
        if text is not None and text != self._last and self._num_read < _MAX_TEXTS:
            self._last = text
            self._num_read += 1
            self._totals = self.totals + SessionTotals(
                metadata={name: Labelled(0, value) for name, value in metadata_in(text).items()}
            )
