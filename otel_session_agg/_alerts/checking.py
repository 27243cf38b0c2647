"""Check many rules on a history: which are due, and what they find."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from otel_session_agg._alerts import aggregates, anomalies, episodes
from otel_session_agg._alerts.anomalies import Normal, anomaly_finding
from otel_session_agg._alerts.columns import Row
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.pace import Pace
from otel_session_agg._alerts.reading import changed_rows, rows_since
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.session_rules import end_ns, session_finding
from otel_session_agg.analysis._source import Source

_NORMAL_SECONDS = 60.0
"""How often it is learned anew what is normal."""
_MAX_ROWS = 100_000
_SECOND_NS = 10**9


class Observed(NamedTuple):
    """What a rule was seen to hold for, and among what."""

    rule: Rule
    findings: Sequence[Finding]
    sessions: frozenset[str] | None
    """The sessions that were looked at; ``None``: all segments were."""

    def over(self, connection: sqlite3.Connection) -> set[str]:
        """Return the targets whose episode was seen to be over.

        What is normal changes, so a session that stood out is not said to do so no longer.
        """
        found = {finding.target for finding in self.findings}
        if self.sessions is None:
            return episodes.open_targets(connection, self.rule) - found
        if self.rule.kind == "anomaly":
            return set()
        return episodes.uncleared(connection, self.rule, self.sessions - found)


class Checks:
    """Checks rules, and remembers when, and what is normal."""

    def __init__(self, interval_seconds: float) -> None:
        self._aggregates = Pace(interval_seconds)
        self._normals = Pace(_NORMAL_SECONDS)
        self._normal: dict[Rule, Mapping[str, Normal]] = {}

    def all_are_due(self) -> None:
        """Check everything the next time."""
        self._aggregates.hurry()
        self._normals.hurry()

    def observed(
        self, rules: Iterable[Rule], history: Source, changed: Collection[str] | None, now: float
    ) -> list[Observed]:
        """Return what is found: of sessions that changed, or all that ended lately, and segments.

        Raises:
            SessionAggError: the history cannot be read.

        """
        given = list(rules)
        found: list[Observed] = []
        of_sessions = [rule for rule in given if rule.is_of_sessions]
        if of_sessions and (changed is None or changed):
            since = now - max(rule.max_age_seconds for rule in of_sessions)
            self._learn([rule for rule in given if rule.kind == "anomaly"], history, now)
            rows = list(
                rows_since(history, since, _MAX_ROWS)
                if changed is None
                else changed_rows(history, changed, since)
            )
            found += [self._of_sessions(rule, rows, now) for rule in of_sessions]
        if self._aggregates.is_due():
            of_segments = [rule for rule in given if not rule.is_of_sessions]
            self._aggregates.timed(
                lambda: found.extend(
                    Observed(rule, aggregates.findings(rule, history, now), None)
                    for rule in of_segments
                )
            )
        return found

    def _learn(self, rules: Iterable[Rule], history: Source, now: float) -> None:
        given = list(rules)
        if not self._normals.is_due() and all(rule in self._normal for rule in given):
            return

        def learn() -> None:
            self._normal = {rule: anomalies.normal(rule, history, now) for rule in given}

        self._normals.timed(learn)

    def _of_sessions(self, rule: Rule, rows: Iterable[Row], now: float) -> Observed:
        since = (now - rule.max_age_seconds) * _SECOND_NS
        looked_at = [row for row in rows if end_ns(row) >= since]
        normal = self._normal.get(rule, {})
        findings = [
            session_finding(rule, row)
            if rule.kind == "session"
            else anomaly_finding(rule, row, normal)
            for row in looked_at
        ]
        return Observed(
            rule,
            [finding for finding in findings if finding is not None],
            frozenset(row["session"] for row in looked_at),
        )
