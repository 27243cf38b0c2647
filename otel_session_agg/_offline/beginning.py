"""``replay()``: count the traces of files, from Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

from otel_session_agg._history.history import History
from otel_session_agg._history.tables import COUNTED, KEPT, SESSIONS_ONLY
from otel_session_agg._offline.options import Options, Path_, Prices, RecordedCost
from otel_session_agg._offline.progress import Progress
from otel_session_agg._offline.replay import Replay
from otel_session_agg._offline.sessions import Sessions
from otel_session_agg._otlp.tables import is_table
from otel_session_agg._settings import Settings


def replay(  # noqa: PLR0913 -- what one may want
    paths: Any,
    *,
    format: str | None = None,  # noqa: A002 -- what users call it
    prices: Path_ | Prices | None = None,
    price_date: str | date | datetime | None = None,
    recorded_cost: RecordedCost = "keep",
    history: Path_ | None = None,
    content: bool = True,
    settings: Settings | None = None,
    processes: int = 1,
    with_roots: bool = False,
) -> Sessions:
    """Count the traces of files, as a processor does that sees their spans.

    Args:
        paths: Files, patterns and folders; ``-`` is standard input.  Also tables of pandas, polars
            or pyarrow, with columns as one of the formats has them, and kept histories, whose
            spans are counted again.
        format: The format of all files; ``None``: it is detected.
        prices: Prices of your own, as ``PriceBook`` takes them, or a file with them.
        price_date: Price calls as of this time (UTC); ``None``: as of their own.
        recorded_cost: ``keep`` costs that spans state, or ``ignore`` them.
        history: A file that keeps the tables, and is added to; ``None``: they are temporary.
        content: Whether what people and models wrote is kept with the spans; ``False``: prompts,
            outputs, arguments, results and texts of errors are left out before anything is read.
            Totals are the same.
        settings: Settings of a processor, such as ``dimensions``.
        processes: How many processes work.  With more than one, a script has to do its work
            under ``if __name__ == "__main__":``, as they import it.
        with_roots: Whether ``write_otlp`` will be used.

    Returns:
        The sessions; close them when they are not needed any more.

    Raises:
        SessionAggError: an argument is wrong, or a library is missing.

    """
    job, sessions = begin_replay(
        paths,
        format=format,
        prices=prices,
        price_date=price_date,
        recorded_cost=recorded_cost,
        history=history,
        content=content,
        settings=settings,
        processes=processes,
        with_roots=with_roots,
    )
    with ExitStack() as stack:
        stack.callback(sessions.close)
        job.run()
        stack.pop_all()
    return sessions


def begin_replay(  # noqa: PLR0913 -- as `replay`
    paths: Any,
    *,
    format: str | None = None,  # noqa: A002 -- as `replay`
    prices: Path_ | Prices | None = None,
    price_date: str | date | datetime | None = None,
    recorded_cost: RecordedCost = "keep",
    history: Path_ | None = None,
    content: bool = True,
    settings: Settings | None = None,
    processes: int | None = None,
    with_roots: bool = False,
    progress: Callable[[Progress], object] = lambda _: None,
    tables: frozenset[str] = SESSIONS_ONLY,
) -> tuple[Replay[History], Sessions]:
    """Return a replay that is to be run, and its sessions; the arguments are those of `replay`.

    ``tables``: those that will be asked for; where others are, everything is counted again.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) or is_table(paths) else list(paths)
    wanted = KEPT if history is not None else tables & COUNTED
    plain = Options(
        settings or Settings(), with_roots=with_roots, tables=wanted, has_content=content
    )
    options = plain.priced(prices, price_date, recorded_cost)
    with ExitStack() as stack:
        kept = stack.enter_context(History(None if history is None else Path(history)))
        job = Replay(given, kept, options, form=format, processes=processes, progress=progress)
        stack.callback(job.close)
        return job, Sessions(job, stack.pop_all())
