"""A rule: a condition, the sessions that it applies to, and who is notified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from otel_session_agg._alerts.figures import Limit
from otel_session_agg._alerts.terms import Condition

KINDS = ("session", "aggregate", "drift", "anomaly")
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; which fields it uses depends on its kind."""

    name: str
    kind: str
    """One of ``KINDS``."""
    given: Mapping[str, Any] = field(compare=False)
    """As it was written: plain values."""
    severity: str = "warning"
    where: Condition | None = None
    """Which sessions it is about; ``None``: all."""
    by: str | None = None
    """What sessions are divided by; each segment is checked by itself."""
    over_seconds: float = 0.0
    """The period, up to now, in which the sessions have ended that are looked at."""
    min_sessions: int = 0
    """With fewer sessions of which the figure is known nothing is found."""
    cooldown_seconds: float = 0.0
    """How long after a notification another one is noted only: for the segment, or the rule."""
    max_age_seconds: float = 0.0
    """Sessions that ended longer ago are not looked at: they come from files."""
    notifies_end: bool = False
    """Whether the end of an episode is notified, too."""
    notify: tuple[str, ...] = ()
    """Names of channels."""

    holds: Condition | None = None
    """The condition of a rule about each session."""
    limit: Limit | None = None
    """Of an aggregate or a drift."""
    column: str = ""
    """Of an anomaly."""
    threshold: float = 0.0
    """Of an anomaly: the score from which on a session stands out."""

    @property
    def is_of_sessions(self) -> bool:
        """Whether single sessions are found, not segments."""
        return self.kind in {"session", "anomaly"}

    @property
    def text(self) -> str:
        """What it says."""
        return " ".join(str(self.given[self.kind]).split())
