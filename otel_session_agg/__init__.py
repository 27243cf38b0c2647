"""Session totals for LLM applications, added to spans inside any OpenTelemetry pipeline."""

from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._pricing import ModelPrice, PriceBook
from otel_session_agg._processor import SessionSpanProcessor
from otel_session_agg._rollup import Rollup
from otel_session_agg._settings import Settings

__all__ = [
    "ModelPrice",
    "PriceBook",
    "Rollup",
    "SessionAggError",
    "SessionSpanProcessor",
    "Settings",
    "SettingsError",
]
