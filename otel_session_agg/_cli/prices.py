"""The command ``prices``: which price a call would have, and from which table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._offline.prices_file import moment_of
from otel_session_agg._pricing.report import PriceQuery, PriceReport, as_json, as_text, report_price

__all__ = ["show_price"]


def show_price(  # noqa: PLR0913 -- one for each option
    model: str,
    *,
    provider: str | None,
    at: str | None,
    tier: str | None,
    address: str | None,
    own: str | None,
    as_form: str,
) -> tuple[str, int]:
    """Return the text to print about a model's price, and the exit code: 1 for no known price.

    Args:
        model: As a span would name it.
        provider: As a span would name it.
        at: A date or time in ISO 8601, by default in UTC; ``None``: now.
        tier: The service tier.
        address: The host or URL that is called.
        own: A JSON file of the user's own prices, as ``PriceBook`` takes them.
        as_form: ``json`` or ``text``.

    Raises:
        SettingsError: The time or the user's own prices are malformed.

    """
    report: PriceReport = report_price(
        PriceQuery(model, provider, _moment(at), tier, address), _own(own)
    )
    text = as_json(report) if as_form == "json" else as_text(report)
    return text, 0 if report.table is not None else 1


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(timezone.utc)
    try:
        return moment_of(text).astimezone(timezone.utc)
    except (OverflowError, SettingsError):
        message = f"--at {text!r:.100} is no date; write it like 2026-05-31 or 2026-05-31T16:30"
        raise SettingsError(message) from None


def _own(path: str | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"--own {path}: no JSON file of prices: {error}"
        raise SettingsError(message) from None
    if not isinstance(found, dict):
        message = f"--own {path}: prices are a JSON object, by a glob over model or provider/model"
        raise SettingsError(message)
    return found
