"""Render one session, as lines or JSON, and values as they are shown and as cells of CSV.

CSV is written for spreadsheets: see `otel_session_agg._untrusted.spreadsheets`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from otel_session_agg._model.details_text import detail_rows, time_split
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._sharing.stored_sessions import (
    COLUMNS,
    StoredSession,
    read_row,
    time_of,
)
from otel_session_agg._untrusted.formatting import exact_usd, milliseconds, printable, short, usd
from otel_session_agg._untrusted.spreadsheets import csv_value, iso_time, plain_value
from otel_session_agg.attributes import USER_ID

TOTAL = "total"
"""What the row with the totals is called."""

_MONEY = frozenset({"cost", "average_cost", "average_turn_cost"})
OBJECTS = frozenset({"metadata", "dimensions"})


def csv_cell(name: str, value: object) -> str:
    """Return a cell of CSV, escaped; ``name``: its column."""
    if name in _MONEY and isinstance(value, float):
        return exact_usd(value)
    return csv_value(value)


# -- one session ----------------------------------------------------------------------------------


def one_as_json(session: StoredSession) -> str:
    """Return a JSON object."""
    return json.dumps(_json_session(session), indent=2, allow_nan=False) + "\n"


def _json_value(value: object) -> object:
    return iso_time(value) if isinstance(value, datetime) else value


def _json_session(session: StoredSession) -> dict[str, object]:
    totals, rollup = session.totals, session.rollup
    return {
        **{name: _json_value(value) for name, value in read_row(session).items()},
        "metadata": dict(sorted(totals.metadata_as_json().items())),
        "dimensions": dict(sorted(totals.dimension_values.items())) or None,
        **rollup.details_to_dict(),
        "error": rollup.error.value if rollup.error is not None else None,
        "output": rollup.output.value if rollup.output is not None else None,
        "members": [
            {
                "trace_id": f"{member.trace_id:032x}",
                "span_id": f"{member.span_id:016x}",
                "start_time": _json_value(time_of(member.start_ns)),
            }
            for member in totals.members
        ],
        "trace_ids": [f"{trace_id:032x}" for trace_id in sorted(totals.traces)],
    }


def details(session: StoredSession) -> list[str]:
    """Return lines of text with all that is known of a session."""
    totals, rollup = session.totals, session.rollup
    values: dict[str, str] = {
        name: shown(name, value) + _UNITS.get(name, "") * (value is not None)
        for name, value in read_row(session).items()
    }
    for name in OBJECTS:
        del values[name]
    metadata = {name: label.value for name, label in totals.metadata.items()}
    labels = {**metadata, **totals.dimension_values}
    labels.pop(USER_ID, None)  # it is a column
    values.update({f"metadata.{name}": short(str(value)) for name, value in sorted(labels.items())})
    values.update(_made_of(rollup))
    values.update(
        {
            name: short(at.value)
            for name, at in (("error", rollup.error), ("output", rollup.output))
            if at is not None
        }
    )
    values = {printable(name): text for name, text in values.items()}
    width = max(map(len, values))
    lines = [f"{name:<{width}}  {text}".rstrip() for name, text in values.items()]
    num_roots = max(len(totals.members), totals.num_roots + totals.num_parts)
    lines.append(f"roots ({len(totals.members)} of {num_roots}):")
    return lines + [
        f"  trace {member.trace_id:032x}  span {member.span_id:016x}" for member in totals.members
    ]


def _made_of(rollup: Rollup) -> dict[str, str]:
    """Return what totals are made of, by name: times, latencies, and the dearest of each kind."""
    lasted_ms = rollup.duration_ms
    times = {} if lasted_ms is None else {"time": time_split(lasted_ms, rollup)}
    return {**times, **dict(detail_rows(rollup))}


_UNITS: Mapping[str, str] = {
    "cost": " USD",
    "average_turn_cost": " USD",
    "duration": " ms",
    "avg_trace_latency": " ms",
}


# -- values on a screen ---------------------------------------------------------------------------


def shown(name: str, value: object) -> str:
    """Return a column's value as it is shown on a screen."""
    if name in _MONEY and isinstance(value, (float, Decimal)):
        return usd(float(value))
    if isinstance(value, float) and name in COLUMNS:
        return milliseconds(value)
    if isinstance(value, tuple):
        return printable(", ".join(value))
    return printable(plain_value(value))
