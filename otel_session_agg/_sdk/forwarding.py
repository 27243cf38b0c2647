"""What may be forwarded, in order: roots with totals, spans of session records, all other spans.

Each is here or where it came from at any moment: an exception of a signal handler may come between
any two steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._guard import Guard
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._sessions.released_root import ReleasedRoot
from otel_session_agg._settings import Settings
from otel_session_agg._writing.root_writer import RootWriter


class Forwarding:
    """The spans of one processor that may be forwarded, in order.

    The caller holds the fold lock around all calls.
    """

    def __init__(  # noqa: PLR0913 -- what the pipeline has
        self,
        settings: Settings,
        manager: SessionManager,
        root_writer: RootWriter,
        guard: Guard,
        on_record: Callable[[SessionRecord], object] | None,
        *,
        is_live: bool,
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._root_writer = root_writer
        self._guard = guard
        self._on_record = on_record
        self._is_live = is_live
        self.spans: deque[ReadableSpan] = deque()

    def add_roots(self) -> None:
        """Add the roots that ``RootRelease`` has made ready, with their totals."""
        ready, spans = self._manager.root_release.ready, self.spans
        while ready:
            trace = ready[0].trace
            # what the processor or exporter handed in
            root: ReadableSpan | None = trace.payload  # type: ignore[assignment]
            # else an interrupted call has added it
            if (
                root is not None
                and not self._is_live
                and not (spans and spans[-1].context is root.context)
            ):
                spans.append(self._finished(ready[0], root))
            trace.payload = None
            del ready[0]

    def _finished(self, ready: ReleasedRoot, root: ReadableSpan) -> ReadableSpan:
        if ready.rollup is None:
            return root
        return (
            self._guard.call("writing a root", self._root_writer.root, ready, ready.rollup, root)
            or root
        )

    def add_records(self, records: list[SessionRecord], resource: Callable[[], Resource]) -> None:
        """Add spans for records, each of which is taken off the list; queue ``on_session``."""
        while records:
            record = records[0]
            if self._on_record is not None:
                self._manager.budgets.calls.append(partial(self._on_record, record))
            if self._is_wanted(record):
                span = self._guard.call(
                    "writing a session record", self._root_writer.record, record, resource()
                )
                if span is not None:
                    self.spans.append(span)
            del records[0]

    def _is_wanted(self, record: SessionRecord) -> bool:
        """Return whether a record is exported as a span."""
        wanted = self._settings.session_records
        return not self._is_live and (not record.is_on_root if wanted == "auto" else wanted is True)
