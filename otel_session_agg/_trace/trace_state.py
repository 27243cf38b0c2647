"""The fields of a trace: all that is kept of one session root.

The methods are in the classes that derive from it: ``Placement``, ``OpenTree``, ``Trace``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.attribution import SessionAttribution
from otel_session_agg._trace.duplicates import Window
from otel_session_agg._trace.node import Node


class TraceState:
    """All that is kept of one session root."""

    __slots__ = (
        "above_id",
        "announced_to",
        "attribution",
        "demoted_id",
        "first",
        "has_left",
        "has_other_publisher",
        "is_carried",
        "is_closed",
        "is_double",
        "is_folded",
        "is_part",
        "is_sampled",
        "lacks",
        "nodes",
        "num_on_root",
        "num_published",
        "num_unpriced",
        "opened",
        "partial",
        "payload",
        "reported",
        "root",
        "root_id",
        "root_reading",
        "root_span",
        "session_id",
        "shares_id",
        "totals",
        "trace_id",
        "window",
        "written",
    )

    def __init__(self, trace_id: int, root_id: int | None) -> None:  # noqa: PLR0915 -- a field each
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
        self.announced_to: set[str] | None = None
        """Ids of the sessions that know of the root."""
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
        self.is_carried = False
        """Whether the root above it has left with its totals."""
        self.is_double = False
        """Whether another processor of this process reports it, too, without a store."""
        self.has_other_publisher = False
        """Whether another processor of this process writes it to the store."""
        self.is_folded = False
        """Whether the root itself is in the totals."""
        self.is_closed = False
        """Whether its totals were read since it left."""
        self.reported: dict[str, Rollup] | None = None
        """The totals that its sessions have got so far, so that only changes are reported."""
        self.session_id: str | None = None
        """The session of the whole trace, with its parts in other processes, once known."""
        self.totals: Mapping[str | None, Rollup] | None = None
        """The result of ``rollups`` when the root began to wait, until something changes it."""
        self.num_on_root = 0
        """Number of events that its session knows to be in the totals on the root."""
        self.num_unpriced = 0
        """Number of calls without a known cost that are counted."""
        self.num_published = 0
        """Number of times that it was written to a store."""
        self.shares_id = False
        """Whether other roots have, or had, the same trace id."""

    @property
    def begins(self) -> bool:
        """Whether the root is known to begin the trace: nothing above it is in another process."""
        return self.root_id is not None and not (
            self.is_part if self.root_span is None else self.root_span.is_part
        )
