"""`ReadableHistory`: what can be asked of a history, whoever holds its connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from otel_session_agg._explain.explain import explained
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._history.database import Connection, described
from otel_session_agg._history.interruptible import interruptible
from otel_session_agg._history.recounting import all_totals, session_totals, traces_of
from otel_session_agg._history.selecting import TIME_LIMIT_SECONDS, filtered, select
from otel_session_agg._history.sources import Filtered, Result, Selection
from otel_session_agg._history.stored_spans import stored_spans
from otel_session_agg._history.user_sql import TIME_LIMIT_SECONDS as QUERY_SECONDS
from otel_session_agg._history.user_sql import Answer, answer
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanData
from otel_session_agg._pricing.price_book import PriceBook


class ReadableHistory(ABC):
    """What can be asked of a history; everything may raise `HistoryError`."""

    revision: int = 0
    """How often something was written; what is read is at least as new."""
    _seconds: float = TIME_LIMIT_SECONDS
    """How long a selection may take, and a query at most."""

    @abstractmethod
    def _own_cursor(self) -> Connection:
        """Return a connection for a query of this library; who asks closes it."""

    @abstractmethod
    def _guarded_cursor(self) -> Connection:
        """Return a connection that cannot write, for what a user wrote; who asks closes it."""

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Return a connection of its own, so that others can be used while results are read."""
        with described("the history cannot be read"):
            connection = self._own_cursor()
            try:
                yield connection
            finally:
                connection.close()

    def session_totals(self, session_id: str) -> SessionTotals | None:
        """Return the totals of a session; ``None``: there is no such session."""
        with self._reading() as connection:
            return session_totals(connection, session_id)

    def sessions(self) -> Iterator[tuple[str, SessionTotals]]:
        """Return all sessions with their totals, sorted by id."""
        with self._reading() as connection:
            yield from all_totals(connection)

    def traces_of(self, session_id: str) -> list[int]:
        """Return the ids of the traces that have a part in a session."""
        with self._reading() as connection:
            return traces_of(connection, session_id)

    def stored_spans(
        self, trace_ids: Iterable[int] | None = None
    ) -> Iterator[tuple[SpanData, Mapping[str, Any]]]:
        """Return the stored spans of traces, or all, each with the attributes of its resource."""
        with self._reading() as connection:
            yield from stored_spans(connection, trace_ids)

    def explain(self, *, session_id: str, prices: PriceBook | None = None) -> Explanation:
        """Explain the totals of a session by its stored spans, at the usual prices or others."""
        spans = (span for span, _ in self.stored_spans(self.traces_of(session_id)))
        return explained(spans, prices or PriceBook())

    def select(self, selection: Selection) -> Result:
        """Return the sessions, traces or calls that are wanted, or groups of them."""
        with ExitStack() as undo:
            connection = self._guarded_cursor()
            undo.callback(connection.close)
            found = select(connection, selection, self._seconds)
            undo.pop_all()  # it is closed after the last row
        return found

    def filtered(self, selection: Selection) -> Filtered:
        """Return what meets a selection, up to its limit, for queries to `rows`."""
        with closing(self._guarded_cursor()) as connection:
            return filtered(connection, selection, self._seconds)

    def query(self, sql: str, seconds: float | None = None) -> Answer:
        """Return what a query that a user wrote finds; it can neither write nor leave the file."""
        with ExitStack() as undo:
            connection = self._guarded_cursor()
            undo.callback(connection.close)
            found = answer(connection, sql, seconds or min(self._seconds, QUERY_SECONDS))
            undo.pop_all()  # it is closed after the last row
        return found

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query of this library: it is not checked."""
        with self._reading() as connection, interruptible(connection):
            return connection.execute(sql, parameters).fetchall()
