"""What is kept of one session root, as plain values; what is done with it is in ``_traces``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.attribution import SessionAttribution
from otel_session_agg._trace.duplicates import Window
from otel_session_agg._trace.nesting import Node


class TraceState:
    """What is kept of one session root."""

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
    )  # fmt: skip

    def __init__(self, trace_id: int, root_id: int | None) -> None:  # noqa: PLR0915 -- one for each
        self.trace_id = trace_id
        self.root_id = root_id
        self.above_id: int | None = None
        """The parent of a root that is in this process but will not come."""
        self.demoted_id: int | None = None
        """What was the root until its parent came."""
        self.first: tuple[int, int, int] | None = None
        """Where no root is known: start, id and end of the span that began first."""
        self.root: Node | None = None
        self.root_span: SpanData | None = None
        self.root_reading: Reading | None = None
        self.payload: object = None
        """What the door handed in for the root; handed back when it leaves."""
        self.opened: dict[int, int | None] | None = None
        """Open spans below the root, and their parents."""
        self.nodes: dict[int, Node] | None = None
        """What hangs at spans that are open, or that were only named as a parent."""
        self.window: Window | None = None
        self.attribution = SessionAttribution()
        self.announced_to: set[str] | None = None
        """Sessions that know of the root."""
        self.written: dict[str, Any] | None = None
        """The totals that stand on the root although it is open."""
        self.partial: str | None = None
        """Why the root leaves before everything below it has ended."""
        self.lacks = 0
        """``LACKS_FIGURES``, ``LACKS_SESSION``: what may be among the attributes that its spans have lost."""
        self.has_left = False
        """From now on spans that end are late."""
        self.is_part = False
        """It began as a root in the middle of a trace."""
        self.is_sampled = True
        """The root is exported, as far as is known."""
        self.is_carried = False
        """The root above it has left with its totals."""
        self.is_double = False
        """Another processor of this process tells it, too, without a store."""
        self.has_other_publisher = False
        """Another processor of this process tells the store of it."""
        self.is_folded = False
        """The root itself is in the totals."""
        self.is_closed = False
        """Its totals were asked for since it left."""
        self.reported: dict[str, Rollup] | None = None
        """What its sessions have got of it, for whoever tells them what is new."""
        self.session_id: str | None = None
        """The session that others say it is in."""
        self.totals: Mapping[str | None, Rollup] | None = None
        """What ``rollups`` said when the root began to wait, as long as nothing came since."""
        self.num_on_root = 0
        """Events that its session knows to be in the totals on the root."""
        self.num_unpriced = 0
        """Calls without a known cost that are counted."""
        self.num_published = 0
        """How often it was written to a store."""
        self.shares_id = False
        """Other roots have, or had, the same trace id."""

    @property
    def begins(self) -> bool:
        """Whether the root is known to begin the trace: no other process has anything above it."""
        return self.root_id is not None and not (
            self.is_part if self.root_span is None else self.root_span.is_part
        )
