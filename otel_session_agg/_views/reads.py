"""What views ask a history for: `History` answers it, and so does whatever shares one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from otel_session_agg._history.sources import Filtered, Selection
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanData

__all__ = ["Reads"]


class Reads(Protocol):
    """A history that is read; each question may raise `SessionAggError`."""

    @property
    def revision(self) -> int:
        """How often something was written; what is read is at least as new."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query of this library."""

    def filtered(self, selection: Selection) -> Filtered:
        """Return what meets a condition and is in a time, as a query."""

    def session_totals(self, session_id: str) -> SessionTotals | None:
        """Return the totals of a session; ``None``: there is no such session."""

    def traces_of(self, session_id: str) -> list[int]:
        """Return the ids of the traces that have a part in a session."""

    def stored_spans(
        self, trace_ids: Iterable[int] | None = None
    ) -> Iterator[tuple[SpanData, Mapping[str, Any]]]:
        """Return the stored spans of traces, each with the attributes of its resource."""
