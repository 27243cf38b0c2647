"""Session totals for LLM applications, added to spans inside any OpenTelemetry pipeline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from otel_session_agg._threads.interrupts import ended_on_command_line

with ended_on_command_line():
    from otel_session_agg._api.budget import Budget, BudgetExceeded, BudgetUnknown
    from otel_session_agg._api.explain_session import explain_session
    from otel_session_agg._api.feedback import current_rollup, record_feedback
    from otel_session_agg._api.session import end_session, session
    from otel_session_agg._exceptions import SessionAggError, SettingsError, StoreError
    from otel_session_agg._explain.explain import explain
    from otel_session_agg._explain.explanation import Explanation
    from otel_session_agg._model.rollup import Rollup
    from otel_session_agg._model.session_record import SessionRecord
    from otel_session_agg._pricing.price_book import ModelPrice, PriceBook
    from otel_session_agg._sdk.exporter import SessionSpanExporter
    from otel_session_agg._sdk.processor import SessionSpanProcessor
    from otel_session_agg._sdk.sampler import RecordUnsampled
    from otel_session_agg._sdk.summary import SummaryExporter
    from otel_session_agg._settings import Settings
    from otel_session_agg.stores import SessionStore, open_store

if TYPE_CHECKING:
    from otel_session_agg._alerts.alert_rules import AlertRules
    from otel_session_agg._offline.beginning import replay
    from otel_session_agg._offline.differences import Differences, diff
    from otel_session_agg._offline.sessions import Sessions

__all__ = [
    "AlertRules",
    "Budget",
    "BudgetExceeded",
    "BudgetUnknown",
    "Differences",
    "Explanation",
    "ModelPrice",
    "PriceBook",
    "RecordUnsampled",
    "Rollup",
    "SessionAggError",
    "SessionRecord",
    "SessionSpanExporter",
    "SessionSpanProcessor",
    "SessionStore",
    "Sessions",
    "Settings",
    "SettingsError",
    "StoreError",
    "SummaryExporter",
    "current_rollup",
    "diff",
    "end_session",
    "explain",
    "explain_session",
    "open_store",
    "record_feedback",
    "replay",
    "session",
]


_WHEN_USED = {
    "AlertRules": "_alerts.alert_rules",
    "Differences": "_offline.differences",
    "Sessions": "_offline.sessions",
    "diff": "_offline.differences",
    "replay": "_offline.beginning",
}
"""Names of modules by names in them that an application does not use which is traced."""


def __getattr__(name: str) -> Any:
    """Return what is imported when it is used: that takes a tenth of a second."""
    if name in _WHEN_USED:
        return getattr(import_module(f"otel_session_agg.{_WHEN_USED[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
