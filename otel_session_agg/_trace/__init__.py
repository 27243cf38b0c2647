"""Fold the readings of ended spans into the totals of one trace.  No SDK, clock, thread or lock."""

from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.verdicts import Verdict, verdicts

__all__ = ["Rule", "Verdict", "verdicts"]
