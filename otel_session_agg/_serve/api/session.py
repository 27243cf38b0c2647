"""One session: its totals, what they are made of, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from otel_session_agg._explain.explain import explained
from otel_session_agg._history.sources import Selection
from otel_session_agg._serve.api.models import SessionFigures
from otel_session_agg._serve.api.services import Given
from otel_session_agg._views.listing import listed
from otel_session_agg._views.session import session_view
from otel_session_agg._views.session_context import Context
from otel_session_agg._views.session_costs import WhyCost, why_cost

__all__ = ["router"]

router = APIRouter()

_MAX_EXPLAINED = 10_000
"""Spans that are explained at once."""
_NUM_SPANS = "SELECT coalesce(sum(spans), 0) FROM traces WHERE trace_id IN (SELECT unnest(?))"

_Id = Annotated[str, Query(max_length=10_000, description="The session.")]
_TraceId = Annotated[
    str | None, Query(pattern="^[0-9a-f]{32}$", description="This trace only, in hexadecimal.")
]


@router.get("/session", response_model=SessionFigures, summary="A session and its turns.")
def session(given: Given, id: _Id) -> Any:  # noqa: A002 -- what it is
    """Return what the page shows of a session; why it costs what it costs adds up to its cost."""
    with given.reading() as history:
        view = session_view(history, id)
        if view is None:
            raise _unknown()
        found = listed(history, Selection(), limit=1, equal={"session": id})
        why = why_cost(history, id, given.options.price_book())
    return {
        "session": dict(zip(found.columns, found.rows[0], strict=True)),
        "merged": view.merged,
        "split": [part._asdict() for part in view.split],
        "compared": _compared(view.context),
        "turns": [turn._asdict() for turn in view.turns],
        "why_cost": None if why is None else _why(why),
    }


@router.get("/session/tree", summary="The spans of a session, with what became of each call.")
def tree(given: Given, id: _Id, trace_id: _TraceId = None) -> dict[str, Any]:  # noqa: A002
    """Return what ``explain`` says: for each span what it states, by which keys, and its verdict.

    Amounts whose names end in ``_pusd`` are picodollars (1e-12 USD).  Only spans that are kept in
    the history can be explained.
    """
    with given.reading() as history:
        traces = history.traces_of(id)
        if not traces:
            raise _unknown()
        if trace_id is not None:
            traces = [one for one in traces if one == int(trace_id, 16)]
        ids = [f"{one:032x}" for one in traces]
        [(number,)] = history.rows(_NUM_SPANS, [ids])
        if number > _MAX_EXPLAINED:
            detail = f"{number} spans are too many: ask for one trace at a time"
            raise HTTPException(422, detail)
        spans = [span for span, _ in history.stored_spans(traces)]
    ignores = given.options.recorded_cost == "ignore"
    return explained(spans, given.options.price_book(), ignores_recorded=ignores).to_dict()


def _unknown() -> HTTPException:
    return HTTPException(404, "there is no such session")


def _compared(context: Context | None) -> list[dict[str, Any]]:
    figures = [] if context is None else context.by_metric.values()
    return [{**one._asdict(), "is_outlier": one.is_outlier} for one in figures]


def _why(found: WhyCost) -> dict[str, Any]:
    return {
        **found._asdict(),
        "lines": [line._asdict() for line in found.lines],
        "left_out": [one._asdict() for one in found.left_out],
    }
