"""Session totals for LLM applications, added to spans inside any OpenTelemetry pipeline."""

from otel_session_agg._asking import current_rollup, record_feedback
from otel_session_agg._budgets import Budget, BudgetExceeded, BudgetUnknown
from otel_session_agg._exceptions import SessionAggError, SettingsError, StoreError
from otel_session_agg._exporter import SessionSpanExporter
from otel_session_agg._pricing import ModelPrice, PriceBook
from otel_session_agg._processor import SessionSpanProcessor
from otel_session_agg._rollup import Rollup
from otel_session_agg._sampling import RecordUnsampled
from otel_session_agg._session_block import end_session, session
from otel_session_agg._session_record import SessionRecord
from otel_session_agg._settings import Settings
from otel_session_agg._summary import SummaryExporter
from otel_session_agg.stores import SessionStore, open_store

__all__ = [
    "Budget",
    "BudgetExceeded",
    "BudgetUnknown",
    "ModelPrice",
    "PriceBook",
    "RecordUnsampled",
    "Rollup",
    "SessionAggError",
    "SessionRecord",
    "SessionSpanExporter",
    "SessionSpanProcessor",
    "SessionStore",
    "Settings",
    "SettingsError",
    "StoreError",
    "SummaryExporter",
    "current_rollup",
    "end_session",
    "open_store",
    "record_feedback",
    "session",
]
