"""The fields of a trace: all that is kept of one session root.

The methods are in the classes that derive from it: ``Placement``, ``OpenTree``, ``Trace``.
"""

from __future__ import annotations

from typing import Any

from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.attribution import SessionAttribution
from otel_session_agg._trace.duplicates import Window
from otel_session_agg._trace.node import Node
from otel_session_agg._trace.reported import Reported


class TraceState:
    """All that is kept of one session root."""

    __slots__ = (
        "above_id",
        "attribution",
        "demoted_id",
        "first",
        "has_changed",
        "has_left",
        "is_closed",
        "is_folded",
        "is_part",
        "is_sampled",
        "lacks",
        "nodes",
        "num_unpriced",
        "opened",
        "partial",
        "payload",
        "reported",
        "root",
        "root_id",
        "root_reading",
        "root_span",
        "shares_id",
        "trace_id",
        "window",
        "written",
    )

    def __init__(self, trace_id: int, root_id: int | None) -> None:
        self.trace_id = trace_id
        self.root_id = root_id
        self.above_id: int | None = None
        """The root's parent, where that is in this process but will not be seen."""
        self.demoted_id: int | None = None
        """The former root, where its parent was seen later and took its place."""
        self.first: tuple[int, int, int] | None = None
        """Start, span id and end of the span that began first, where no root is known."""
        self.root: Node | None = None
        self.root_span: SpanData | None = None
        self.root_reading: Reading | None = None
        self.payload: object = None
        """What the entry point handed in for the root; handed back when the root leaves."""
        self.opened: dict[int, int | None] | None = None
        """Open spans below the root, and their parents."""
        self.nodes: dict[int, Node] | None = None
        """What is attached to spans that are open, or that are known only as a parent."""
        self.window: Window | None = None
        self.attribution = SessionAttribution()
        self.written: dict[str, Any] | None = None
        """The totals that were written on the root while it is open."""
        self.partial: str | None = None
        """Why the root leaves before everything below it has ended; ``None``: it does not."""
        self.lacks = 0
        """What dropped attributes of its spans may hold: ``LACKS_FIGURES``, ``LACKS_SESSION``."""
        self.has_left = False
        """Whether the root was released: spans that end from now on are late."""
        self.is_part = False
        """Whether it began as a part: a root in the middle of a trace."""
        self.is_sampled = True
        """Whether the root is exported, as far as is known."""
        self.has_changed = False
        """Whether its totals may be others than when they were read while its root waited."""
        self.is_folded = False
        """Whether the root itself is in the totals."""
        self.is_closed = False
        """Whether its totals were read since it left."""
        self.reported: Reported | None = None
        """What sessions and stores know of it; ``None``: nothing."""
        self.num_unpriced = 0
        """Number of calls without a known cost that are counted."""
        self.shares_id = False
        """Whether other roots have, or had, the same trace id."""

    @property
    def begins(self) -> bool:
        """Whether the root is known to begin the trace: nothing above it is in another process."""
        return self.root_id is not None and not (
            self.is_part if self.root_span is None else self.root_span.is_part
        )

    @property
    def session_id(self) -> str | None:
        """The session that the whole trace belongs to; ``None``: none is known."""
        if self.reported is not None and self.reported.session_id is not None:
            return self.reported.session_id
        session = self.attribution.session
        return session.value if session is not None else None
