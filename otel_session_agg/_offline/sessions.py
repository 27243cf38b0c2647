"""The sessions of stored traces, for Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._extras import needed
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Filtered, Result, Selection, tables_of
from otel_session_agg._history.tables import COUNTED, tables_named
from otel_session_agg._offline.explaining import explained_traces
from otel_session_agg._offline.options import Options, Path_, Prices, RecordedCost
from otel_session_agg._offline.progress import Progress, Replayed
from otel_session_agg._offline.replay import Replay
from otel_session_agg._offline.written import send_otlp, write_otlp
from otel_session_agg._otlp.batches import Problem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Sessions of stored traces, or a selection of them; use it as a context manager.

    ``where`` and the like return a new selection.  Iterating yields each row as a ``dict``; costs
    are ``Decimal``, USD, durations are milliseconds, times are UTC, what is not known is ``None``.
    """

    _replay: Replay[History] = field(repr=False)
    _exit: ExitStack = field(repr=False)
    """Closes all that is open for it."""
    selection: Selection = field(default_factory=Selection)
    """What is selected."""

    # -- what to show ---------------------------------------------------------------------------

    def by(self, what: str) -> Sessions:
        """Select each ``session`` (as is usual), ``trace``, ``root`` or ``call``."""
        return self._with(by=what)

    def where(self, condition: str) -> Sessions:
        """Keep what meets a condition, too, such as ``cost > 0.10 and user = 'ada'``."""
        return replace(self, selection=self.selection.narrowed(condition))

    def group_by(self, *keys: str) -> Sessions:
        """Add up what has these alike: ``user``, ``day``, ``model``, ``agent``, a dimension."""
        return self._with(group_by=keys)

    def columns(self, *names: str) -> Sessions:
        """Select these columns only."""
        return self._with(columns=names)

    def sort(self, column: str) -> Sessions:
        """Sort by a column; with ``-`` before it, descending."""
        return self._with(sort=column)

    def limit(self, number: int) -> Sessions:
        """Select the first rows only."""
        return self._with(limit=number)

    def between(self, since: datetime | None = None, until: datetime | None = None) -> Sessions:
        """Keep what began in a time, ``until`` excluded; UTC where it has no zone."""
        return replace(self, selection=self.selection.narrowed(since=since, until=until))

    def _with(self, **changes: Any) -> Sessions:
        return replace(self, selection=self.selection._replace(**changes))

    # -- other prices ---------------------------------------------------------------------------

    def repriced(
        self,
        *,
        prices: Path_ | Prices | None = None,
        price_date: str | date | datetime | None = None,
        recorded_cost: RecordedCost = "keep",
        progress: Callable[[Progress], object] = lambda _: None,
    ) -> Sessions:
        """Count the spans that were read again, with other prices; the arguments are `replay`'s.

        What is returned is closed before this.
        """
        plain = replace(self.options, with_roots=False, tables=self.options.tables & COUNTED)
        options = plain.priced(prices, price_date, recorded_cost)
        with ExitStack() as stack:
            history = stack.enter_context(History())
            again = copy(self._replay)
            again.count_again(history, options, progress)
            return Sessions(again, stack.pop_all())

    @property
    def options(self) -> Options:
        """How the spans were read and priced."""
        return self._replay.options

    @property
    def history(self) -> History:
        """The tables, all of them filled."""
        return self._replay.with_tables(COUNTED)

    # -- rows -----------------------------------------------------------------------------------

    def result(self) -> Result:
        """Return the rows, and the totals over all of them.

        Raises:
            SessionAggError: a name or a condition is not understood; the text has what is known.

        """
        return self.selected(self.selection)

    def selected(self, selection: Selection) -> Result:
        """Return what another selection has."""
        return self._with_tables_of(selection).select(selection)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        result = self.result()
        return (dict(zip(result.columns, row, strict=True)) for row in result.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a frame of pandas."""
        pandas, result = needed("pandas", None), self.result()
        frame: pd.DataFrame = pandas.DataFrame(list(result.rows), columns=list(result.columns))
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a frame of polars."""
        polars, result = needed("polars", None), self.result()
        frame: pl.DataFrame = polars.DataFrame(
            list(result.rows), schema=list(result.columns), orient="row", infer_schema_length=None
        )
        return frame

    @property
    def done(self) -> Replayed:
        """What was read and counted."""
        return self._replay.done

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be read: the first 1,000; ``done.num_problems`` counts all."""
        return self._replay.done.problems

    @property
    def cost_usd(self) -> Decimal:
        """The known cost of all sessions, USD, with all digits."""
        history = self._replay.history  # no table but that of sessions is read, and no details
        [(cost,)] = history.rows("SELECT coalesce(sum(cost), 0) FROM sessions")
        return Decimal(cost)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query over the tables."""
        return self._replay.with_tables(tables_named(sql)).rows(sql, parameters)

    def filtered(self, selection: Selection) -> Filtered:
        """Return what another selection has, as a part of a query."""
        every = selection._replace(columns=None)  # the query around it may read any
        return self._with_tables_of(every).filtered(selection)

    def _with_tables_of(self, selection: Selection) -> History:
        if selection.by == "span" and not self.options.with_spans:
            message = "spans are only in a history that is kept (history=, --history)"
            raise SettingsError(message)
        return self._replay.with_tables(tables_of(selection))

    def explain(
        self, *, session_id: str | None = None, trace_id: str | int | None = None
    ) -> Explanation:
        """Explain the totals of a session or a trace (a number, or hexadecimal)."""
        if session_id is not None:
            trace_ids = self.history.traces_of(session_id)
        else:
            trace_ids = [int(trace_id, 16) if isinstance(trace_id, str) else trace_id or 0]
        return explained_traces(map(self._replay.spans_of, trace_ids), self.options)

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the tables as Parquet, with a folder for each table and day.

        Args:
            path: A folder, which is replaced as a whole if it was written by this before.

        Raises:
            SessionAggError: it has other files in it, or cannot be written.

        """
        self.history.write_parquet(Path(path))

    def write_otlp(self, path: Path_) -> None:
        """Write the traces that were read, with totals on their roots, and session records.

        ``replay`` has to be given ``with_roots=True``.  The name says the form: ``.jsonl`` or, for
        protobuf, any other; ``.gz`` and ``.zst`` compress.
        """
        write_otlp(self._replay, path)

    def send_otlp(self, url: str) -> None:
        """Send the same to an OTLP/HTTP endpoint, such as ``http://localhost:4318``.

        Headers are those of ``OTEL_EXPORTER_OTLP_HEADERS``.
        """
        send_otlp(self._replay, url)

    def close(self) -> None:
        """Remove what is on disk for it; a history that is kept stays."""
        self._exit.close()

    def __enter__(self) -> Sessions:  # noqa: PYI034 -- `Self` is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
