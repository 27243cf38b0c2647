"""The figures of a chart as CSV: a row for each time and group, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence

from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views.charts import ChartData, Series

__all__ = ["COLUMNS", "csv_of", "name_of", "rows_of"]

COLUMNS = ("time", "group", "value", "unit", "rows", "unknown", "partial")


def csv_of(data: ChartData) -> str:
    """Return the figures of a chart as CSV (RFC 4180); unknown ones are empty, never 0."""
    return csv_text(*rows_of(data))


def rows_of(data: ChartData) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Return the names of the columns, and a row for each time and group; nothing is escaped."""
    rows: list[Sequence[object]] = [
        (
            point.start,
            name_of(series, data),
            point.value,
            data.unit,
            point.rows,
            point.unknown,
            point.partial,
        )
        for series in data.series or [data.total]
        for point in series.points
    ]
    return COLUMNS, rows


def name_of(series: Series, data: ChartData) -> str:
    """Return what a group is called."""
    if series.is_other:
        others = data.groups - len(data.series) + 1
        return f"other ({others:,})" if others > 0 else "other"
    if series.name is not None:
        return series.name
    return "none" if data.chart.group_by else "all"
