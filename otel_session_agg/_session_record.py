"""What is told of a session when it has ended: the session record, as a value and as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from otel_session_agg._rollup import Rollup
from otel_session_agg._session_totals import SessionTotals

__all__ = ["SessionRecord"]

_TRACE_BYTES, _SPAN_BYTES = 16, 8


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The totals of a session over all of its traces and processes, once it has ended."""

    session_id: str
    revision: int
    """1 the first time; one more each time that the session came back or changed after it had ended."""
    end_reason: str
    """``end_session``, ``end_on_exit``, ``idle``, ``max_age``, ``max_sessions``, ``shutdown`` or ``late``."""
    totals: SessionTotals

    @property
    def rollup(self) -> Rollup:
        """Events, tokens, cost, times, last output and error."""
        return self.totals.rollup

    @property
    def num_traces(self) -> int:
        """Traces of the session; a trace over several processes counts once."""
        return self.totals.num_traces

    @property
    def average_trace_latency_ms(self) -> float | None:
        """Average duration of the traces' roots, milliseconds; ``None`` when no root has ended."""
        return self.totals.average_trace_ms

    @property
    def is_partial(self) -> bool:
        """Some trace of the session had not ended: what it was going to add is missing."""
        return self.totals.num_open > 0

    @property
    def is_budget_exceeded(self) -> bool:
        """The session has used more than one of its budgets, as some process of it found."""
        return self.totals.is_budget_exceeded

    @property
    def user_id(self) -> str | None:
        """Who used it."""
        return self.totals.user.value if self.totals.user is not None else None

    @property
    def metadata(self) -> Mapping[str, str | bool | int | float]:
        """What the application said of the session."""
        return {name: label.value for name, label in self.totals.metadata.items()}

    @property
    def members(self) -> tuple[tuple[int, int], ...]:
        """Trace id and span id of session roots, at most 128, the earliest first."""
        return tuple((member.trace_id, member.span_id) for member in self.totals.members)

    @property
    def trace_id(self) -> int:
        """Of the span that tells of it: the same wherever the same revision is written, so that backends see one."""
        return int.from_bytes(self._digest[:_TRACE_BYTES], "big") or 1

    @property
    def span_id(self) -> int:
        """Of the span that tells of it."""
        return int.from_bytes(self._digest[_TRACE_BYTES : _TRACE_BYTES + _SPAN_BYTES], "big") or 1

    @property
    def _digest(self) -> bytes:
        return sha256(f"{self.revision}\0{self.session_id}".encode(errors="surrogatepass")).digest()
