"""Totals, groups and charts of what is selected."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query

from otel_session_agg._serve.api.models import ChartFigures, Groups, Names, Totals
from otel_session_agg._serve.api.selecting import Limit, Selected, Sort, names_in
from otel_session_agg._serve.api.services import Given
from otel_session_agg._views.charts import Chart, Point, Series, chart
from otel_session_agg._views.figures import figures_of
from otel_session_agg._views.names import names_of
from otel_session_agg._views.selected import selected

__all__ = ["router"]

router = APIRouter()

_Name = Annotated[str, Query(max_length=200)]
_Condition = Annotated[str, Query(max_length=10_000)]


@router.get("/totals", response_model=Totals, summary="Figures over sessions.")
def totals(given: Given, selection: Selected) -> Any:
    """Return what the overview of the page shows."""
    with given.reading() as history:
        found = figures_of(selected(history, selection))
    return {**found._asdict(), "average_cost": found.average_cost}


@router.get("/groups", response_model=Groups, summary="Figures by model, user, day ...")
def groups(  # noqa: PLR0913 -- one for each argument
    given: Given,
    selection: Selected,
    group_by: Annotated[str, Query(max_length=1000, description="Keys, by commas.")],
    of: Annotated[str, Query(pattern="^(session|trace|call)$")] = "session",
    sort: Sort = None,
    limit: Limit = 100,
) -> Any:
    """Return what ``replay --group-by`` shows: sums that are exact, with a total."""
    keys = names_in(group_by) or ()
    wanted = selection._replace(by=of, group_by=keys, sort=sort, limit=limit)
    with given.reading() as history:
        found = history.select(wanted)
        rows = [dict(zip(found.columns, map(_plain, row), strict=True)) for row in found.rows]
    named = [{key: row.pop(key) for key in keys} for row in rows]
    both = [{"keys": one, "figures": row} for one, row in zip(named, rows, strict=True)]
    return {"groups": both, "total": {name: _plain(value) for name, value in found.total.items()}}


@router.get("/chart", response_model=ChartFigures, summary="A figure by group and over time.")
def chart_figures(  # noqa: PLR0913 -- one for each part of a chart
    given: Given,
    selection: Selected,
    *,
    scope: _Name = "sessions",
    metric: _Name = "cost",
    aggregation: _Name = "sum",
    filter: _Condition = "",  # noqa: A002 -- what it is on the page
    group_by: _Name = "",
    top: Annotated[int, Query(ge=1, le=50)] = 5,
    bucket: _Name = "auto",
) -> Any:
    """Return what a chart of the page shows.

    ``scope``: sessions, traces, calls or events; ``where`` is about sessions, ``filter`` about the
    rows of the scope; ``bucket``: hour, day, week, month, auto or none.
    """
    wanted = Chart(
        scope, metric, aggregation, filter, tuple(selection.conditions), group_by, top, bucket,
        selection.since, selection.until,
    )  # fmt: skip
    with given.reading() as history:
        found = chart(history, wanted)
    return {
        **found._asdict(),
        "series": list(map(_series, found.series)),
        "total": _series(found.total),
    }


@router.get("/names", response_model=Names, summary="What conditions and groups may name.")
def names(given: Given) -> Any:
    """Return the names that the history has."""
    with given.reading() as history:
        return names_of(history)._asdict()


def _series(found: Series) -> dict[str, Any]:
    return {
        **found._asdict(),
        "points": [_point(one) for one in found.points],
        "whole": _point(found.whole),
    }


def _point(found: Point) -> dict[str, Any]:
    return {**found._asdict(), "value": _plain(found.value)}


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
