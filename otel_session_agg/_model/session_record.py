"""The session record: what is exported of a session when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from otel_session_agg._model.rollup import Rollup, facts_of, rows_of
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.turns import Turn
from otel_session_agg._reasons import OPEN_TRACES
from otel_session_agg._untrusted.formatting import as_html, as_repr, duration, short
from otel_session_agg.attributes import USER_ID

__all__ = ["SessionRecord"]

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_MAX_WORDS = 80
"""Characters of an id or a metadata value in a line."""


@dataclass(frozen=True, slots=True, repr=False)
class SessionRecord:
    """The totals of a session over all of its traces and processes, once it has ended."""

    session_id: str
    revision: int
    """1 the first time; one more each time the session resumed or changed after it had ended."""
    end_reason: str
    """Why it was made.

    ``end_session``, ``end_on_exit``, ``idle``, ``max_age``, ``max_sessions``, ``shutdown`` or
    ``late``.
    """
    totals: SessionTotals
    missing: str | None = None
    """Why something may be missing although no trace is open; see ``partial_reason``."""

    @property
    def rollup(self) -> Rollup:
        """Events, tokens, cost, times, last output and error."""
        return self.totals.rollup

    @property
    def num_traces(self) -> int:
        """Traces of the session; a trace over several processes counts once."""
        return self.totals.num_traces

    @property
    def num_turns(self) -> int:
        """Turns of the session: traces that begin in it, without repeats of others' calls."""
        return self.totals.num_turns

    @property
    def first_input(self) -> str | None:
        """The first input, as text; ``None`` also where ``outputs`` is off."""
        return self.totals.first_input.value if self.totals.first_input is not None else None

    @property
    def last_output(self) -> str | None:
        """The last output, as text; ``None`` also where ``outputs`` is off."""
        return self.rollup.output.value if self.rollup.output is not None else None

    @property
    def average_turn_cost_usd(self) -> float | None:
        """Known cost for each turn, USD; ``None`` when it is not known."""
        return self.totals.average_turn_cost_usd

    @property
    def average_turn_tokens(self) -> float | None:
        """Tokens for each turn; ``None`` when they are not known."""
        return self.totals.average_turn_tokens

    @property
    def dearest_turn(self) -> Turn | None:
        """The turn that cost most, with its trace id; ``None`` when no cost is known."""
        return self.totals.dearest_turn

    @property
    def num_unsampled_traces(self) -> int:
        """Traces that are not exported, because they are not sampled; not among ``members``."""
        return self.totals.num_unsampled

    @property
    def average_trace_latency_ms(self) -> float | None:
        """Average duration of the traces' roots, milliseconds; ``None`` when no root has ended."""
        return self.totals.average_trace_ms

    @property
    def is_partial(self) -> bool:
        """Whether something is missing, or may be; ``partial_reason`` is the reason."""
        return self.partial_reason is not None

    @property
    def partial_reason(self) -> str | None:
        """Why something is missing.

        ``open_traces``: some trace had not ended, or a process that was at work has not reported
        that it was done; ``store_entry``: an entry of the store could not be read;
        ``store_evicted``: the store had lost the session too early.
        """
        return OPEN_TRACES if self.totals.num_open > 0 else self.missing

    @property
    def is_budget_exceeded(self) -> bool:
        """Whether the session has exceeded one of its budgets, as one of its processes found."""
        return self.totals.is_budget_exceeded

    @property
    def user_id(self) -> str | None:
        """The user of the session."""
        return self.totals.user_id

    @property
    def metadata(self) -> Mapping[str, str | bool | int | float]:
        """Metadata that the application stated about the session."""
        return {name: label.value for name, label in self.totals.metadata.items()}

    @property
    def dimensions(self) -> Mapping[str, str | bool | int | float]:
        """What the session is grouped by: values of the names in the setting ``dimensions``."""
        return self.totals.dimension_values

    @property
    def members(self) -> tuple[tuple[int, int], ...]:
        """Trace and span ids of session roots that are exported: the earliest, at most 128."""
        return tuple((member.trace_id, member.span_id) for member in self.totals.members)

    @property
    def is_on_root(self) -> bool:
        """Whether the only trace's root has these totals, so that no ``session`` span is needed."""
        return self.totals.are_on_root and self.missing is None

    @property
    def parent(self) -> tuple[int, int] | None:
        """Trace id and span id of the record's parent: the exported root that ended last."""
        last = self.totals.last_root
        return (
            (last.trace_id, last.span_id)
            if last is not None and last.trace_id and last.span_id
            else None
        )

    @property
    def trace_id(self) -> int:
        """Trace id of the span that exports the record: its parent's, else one of its own.

        It is the same wherever the same revision is written, so that backends see one span.
        """
        if self.parent is not None:
            return self.parent[0]
        return int.from_bytes(self._digest[:_TRACE_BYTES], "big") or 1

    @property
    def span_id(self) -> int:
        """Span id of the span that exports the record."""
        return int.from_bytes(self._digest[_TRACE_BYTES : _TRACE_BYTES + _SPAN_BYTES], "big") or 1

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values for JSON: those of ``Rollup.to_dict``, and its own.

        ``metadata`` is a mapping; numbers that JSON does not know are ``None``.  ``members`` are
        the session roots, with their ids as backends write them.
        """
        return {
            **self.rollup.to_dict(),
            "session_id": self.session_id,
            "revision": self.revision,
            "end_reason": self.end_reason,
            "user_id": self.user_id,
            "metadata": self.totals.metadata_as_json(),
            "dimensions": dict(self.dimensions),
            "num_traces": self.num_traces,
            "num_turns": self.num_turns,
            "first_input": self.first_input,
            "average_turn_cost_usd": self.average_turn_cost_usd,
            "average_turn_tokens": self.average_turn_tokens,
            "dearest_turn": _turn_as_dict(self.dearest_turn),
            "num_unsampled_traces": self.num_unsampled_traces,
            "average_trace_latency_ms": self.average_trace_latency_ms,
            "is_partial": self.is_partial,
            "partial_reason": self.partial_reason,
            "is_budget_exceeded": self.is_budget_exceeded,
            "members": [
                {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
                for trace_id, span_id in self.members
            ],
        }

    def __repr__(self) -> str:
        own = [f"{name} {short(value, _MAX_WORDS)}" for name, value in self._rows()]
        return as_repr("SessionRecord", [*own, *facts_of(replace(self.rollup, session=None))])

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html(
            "SessionRecord", [*self._rows(), *rows_of(replace(self.rollup, session=None))]
        )

    def _rows(self) -> list[tuple[str, str]]:
        """Return the session's own values as names and values for people."""
        flags = [f"partial ({self.partial_reason})"] if self.is_partial else []
        flags += ["budget exceeded"] if self.is_budget_exceeded else []
        latency = self.average_trace_latency_ms
        rows = [
            ("session", self.session_id),
            ("revision", str(self.revision)),
            ("ended by", self.end_reason),
            ("user", self.user_id),
            *((f"metadata.{name}", str(value)) for name, value in sorted(self._labels().items())),
            ("traces", str(self.num_traces)),
            (
                "unsampled traces",
                str(self.num_unsampled_traces) if self.num_unsampled_traces else None,
            ),
            ("average trace latency", duration(latency) if latency is not None else None),
            ("is", " and ".join(flags) or None),
        ]
        return [(name, short(value)) for name, value in rows if value is not None]

    def _labels(self) -> Mapping[str, str | bool | int | float]:
        """Return metadata and dimensions, as they are written below ``metadata.``."""
        found = {**self.metadata, **self.dimensions}
        found.pop(USER_ID, None)
        return found

    @property
    def _digest(self) -> bytes:
        return sha256(f"{self.revision}\0{self.session_id}".encode(errors="surrogatepass")).digest()


def _turn_as_dict(turn: Turn | None) -> dict[str, Any] | None:
    """Return a turn as plain values for JSON."""
    if turn is None:
        return None
    return {
        "cost_usd": turn.cost_usd,
        "total_tokens": turn.total_tokens,
        "trace_id": f"{turn.trace_id:032x}",
    }
