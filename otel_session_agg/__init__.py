"""Session totals for LLM applications, added to spans inside any OpenTelemetry pipeline."""

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

__all__ = [
    "Budget",
    "BudgetExceeded",
    "BudgetUnknown",
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
    "Settings",
    "SettingsError",
    "StoreError",
    "SummaryExporter",
    "current_rollup",
    "end_session",
    "explain",
    "explain_session",
    "open_store",
    "record_feedback",
    "session",
]
