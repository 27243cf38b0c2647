"""Session totals for LLM applications, added to spans inside any OpenTelemetry pipeline."""

from ._exceptions import SessionAggError, SettingsError
from ._pricing import ModelPrice, PriceBook
from ._processor import SessionSpanProcessor
from ._rollup import Rollup
from ._settings import Settings

__all__ = [
    "ModelPrice",
    "PriceBook",
    "Rollup",
    "SessionAggError",
    "SessionSpanProcessor",
    "Settings",
    "SettingsError",
]
